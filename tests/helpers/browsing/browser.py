"""A headless Chromium, driven over its own DevTools protocol.

Nothing is installed for it beside what the dashboard's server brings (`websockets`); Selenium and Playwright
would bring drivers and browsers of their own.
"""

import base64
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

from websockets.sync.client import connect
from websockets.sync.connection import Connection

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NO_CHROMIUM = "there is no Chromium here"
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--remote-debugging-port=0", "--no-proxy-server", "--hide-scrollbars"),
)
PATIENCE = 60.0
"""Seconds to wait for anything."""


class PageError(AssertionError):
    """Something on the page raised an error, or never came."""


class Page:
    """One tab."""

    def __init__(self, socket: Connection) -> None:
        self._socket = socket
        self._last = 0
        self.problems: list[str] = []
        """What the page wrote to its console as a warning or an error, and what it threw."""
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol, and its answer."""
        self._last += 1
        self._socket.send(json.dumps({"id": self._last, "method": method, "params": parameters}))
        while True:
            said = json.loads(self._socket.recv(PATIENCE))
            if said.get("id") == self._last:
                if "error" in said:
                    raise PageError(f"{method}: {said['error']}")
                answer: dict[str, Any] = said["result"]
                return answer
            self._note(said)

    def _note(self, event: dict[str, Any]) -> None:
        told = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            details = told["exceptionDetails"]
            self.problems.append(details.get("exception", {}).get("description", details["text"]))
        elif event.get("method") == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning"):
            self.problems.append(" ".join(str(each.get("value")) for each in told["args"]))
        elif event.get("method") == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.problems.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")

    def open(self, address: str) -> None:
        """Go to an address."""
        self.call("Page.navigate", url=address)
        self.wait("document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """The value of an expression, of a promise when it has one."""
        options = {"expression": script, "awaitPromise": True, "returnByValue": True, "userGesture": True}
        answer = self.call("Runtime.evaluate", **options)
        if "exceptionDetails" in answer:
            raise PageError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def wait(self, script: str, seconds: float = PATIENCE) -> Any:
        """The first value of an expression that is true."""
        deadline = time.monotonic() + seconds
        while (value := self.run(script)) in (None, False, 0, ""):  # an element comes as an empty object
            if time.monotonic() > deadline:
                raise PageError(f"this never came: {script}; {self.problems}")
            time.sleep(0.02)
        return value

    def text(self, selector: str) -> str:
        """The text that is shown of an element."""
        return str(self.run(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"))

    def press(self, key: str, *, shift: bool = False) -> None:
        """Press a key, named as `KeyboardEvent.key` has it."""
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        codes = {"Enter": 13, "Tab": 9, "Escape": 27, "End": 35, "Home": 36, " ": 32}
        codes |= {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
        options: dict[str, Any] = {"key": key, "modifiers": 8 if shift else 0}
        options["windowsVirtualKeyCode"] = codes.get(key, ord(key[0].upper()))
        code = {" ": "Space"}.get(key, key)
        kind = "keyDown" if text else "rawKeyDown"
        self.call("Input.dispatchKeyEvent", type=kind, code=code, text=text, **options)
        self.call("Input.dispatchKeyEvent", type="keyUp", code=code, **options)

    def size(self, width: int, height: int, *, scale: float = 1) -> None:
        """Be a screen of so many CSS pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 600,
        )

    def prefer(self, **features: str) -> None:
        """Prefer something, such as `color_scheme="dark"`."""
        named = [
            {"name": f"prefers-{name.replace('_', '-')}", "value": value} for name, value in features.items()
        ]
        self.call("Emulation.setEmulatedMedia", features=named)

    def picture(self, path: Path, **options: Any) -> None:
        """Write what is seen, as PNG (or `format="webp"`, `quality=80`)."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", **options)["data"]))

    def heap(self) -> float:
        """Megabytes of JavaScript that live after garbage was collected."""
        self.call("HeapProfiler.collectGarbage")
        return float(self.call("Runtime.getHeapUsage")["usedSize"]) / 1e6


@contextmanager
def browser(profile: Path) -> Iterator[Page]:
    """A browser with a fresh profile in the folder `profile`, and its first tab."""
    assert CHROMIUM is not None
    process = subprocess.Popen(
        [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        address = _tab(profile / "DevToolsActivePort", process)
        with connect(address, max_size=None, compression=None, proxy=None) as socket:
            yield Page(socket)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _tab(file: Path, process: "subprocess.Popen[bytes]") -> str:
    """Where the first tab is spoken to, once the browser has written where it listens."""
    asking = build_opener(ProxyHandler({}))
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        if file.exists() and len(lines := file.read_text().splitlines()) > 1:
            with asking.open(f"http://127.0.0.1:{lines[0]}/json/list", timeout=PATIENCE) as answer:
                tabs = json.load(answer)
            for tab in tabs:
                if tab["type"] == "page":
                    return str(tab["webSocketDebuggerUrl"])
        time.sleep(0.02)
    raise PageError(f"the browser did not start (exit code {process.poll()})")
