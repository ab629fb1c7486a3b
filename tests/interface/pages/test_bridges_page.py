"""The programs in docs/bridges.md that receive what bridges send: each is run as it stands there, but for the
port. And what docs/bridges.md and docs/alerts.md tell to type is read as it is."""

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from emotrack.stream.views.alerts.condition import parse_rule
from emotrack.stream.wire.bridges.open import open_bridge
from helpers.bridges.broker import broker, unused_port
from helpers.bridges.scene import outgoing
from helpers.pages import ROOT, blocks
from helpers.sessions import sample_messages as sample

pytestmark = pytest.mark.xdist_group("bridges")
PAGE = ROOT / "docs/bridges.md"


@contextmanager
def printed(word: str, old: str, new: str, url: str) -> Iterator[list[str]]:
    """What the program with this word prints while a bridge is given states of Ann, until it prints one."""
    (program,) = [block for block in blocks(PAGE, "python") if word in block]
    assert old in program
    given = outgoing([sample.session(), *[sample.person("ann", label="anger", valence=0.5)] * 2_000])
    bridge = open_bridge(url, insecure=True)
    for one in given[:2]:
        bridge.write(one)
    lines: list[str] = []
    command = [sys.executable, "-c", program.replace(old, new)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        assert process.stdout is not None
        reader = threading.Thread(target=lambda: lines.extend(iter(process.stdout.readline, "")))  # type: ignore[union-attr]  # it is a pipe
        reader.start()
        try:
            for one in given[2:]:
                bridge.write(one)
                time.sleep(0.05)
                if lines or process.poll() is not None:
                    break
            bridge.close()
            yield lines
        finally:
            process.kill()
            reader.join()


def test_every_condition_and_every_bridge_that_is_shown_is_one() -> None:
    alerts = (ROOT / "docs/alerts.md").read_text("utf-8")
    rules = re.findall(r"(?:emotrack watch|--clear) '([^']+)'", alerts)
    assert len(rules) >= 7
    for rule in rules:
        parse_rule(rule)
    shown = "\n".join(blocks(PAGE, "sh"))
    urls = re.findall(r"(?:--to|bridge) (\S+)", shown)
    assert {url.partition(":")[0] for url in urls} == {"lsl", "osc", "mqtt", "mqtts", "ros2", "rerun"}
    for url in urls:
        if not url.startswith(("ros2:", "rerun:")):
            open_bridge(url, insecure=url == "lsl:").close()


def test_lsl() -> None:
    with printed("pylsl", "timeout=60", "timeout=30", "lsl:") as lines:
        assert " emotrack ann {'neutral': " in lines[0] and "'valence': 0.5, " in lines[0]


def test_osc() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with printed("pythonosc", "9000", str(port), f"osc://127.0.0.1:{port}") as lines:
        assert lines[0] == "/emotrack/ann/person/valence 0.5\n"


def test_mqtt(tmp_path: Path) -> None:
    port = unused_port()
    with (
        broker("amqtt", tmp_path, port),
        printed("paho", "1883", str(port), f"mqtt://127.0.0.1:{port}/living-room") as lines,
    ):
        assert lines[0] == "ann anger 0.64\n"
