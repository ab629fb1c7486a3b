"""The protocol read from another language: Node with its `zeromq` package, in the clear and encrypted.

Runs where `node` is installed and can find the package: `npm install zeromq` somewhere and NODE_PATH set to
its node_modules.
"""

import os
import queue
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from emotrack.stream.wire.protocol.keys import ClientKeys, ServerKeys, create_keys
from helpers.sessions import sample_messages as sample
from helpers.sessions.wire import emit_all, publishing

SCRIPT = Path(__file__).with_name("subscriber.mjs")
SILENCE = 2.0
"""Seconds without a line after which a subscriber counts as seeing nothing."""


def has_zeromq() -> bool:
    node, probe = shutil.which("node"), ["-e", "require('zeromq')"]
    return (
        node is not None
        and subprocess.run([node, *probe], capture_output=True, cwd=SCRIPT.parent).returncode == 0
    )


pytestmark = pytest.mark.skipif(
    not has_zeromq(), reason="node does not find the npm package zeromq (see NODE_PATH)"
)


class Node:
    """A running subscriber and the lines it prints."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            ["node", str(SCRIPT), *arguments], stdout=subprocess.PIPE, text=True, env=os.environ
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def line(self, timeout: float) -> str | None:
        try:
            return self._lines.get(timeout=timeout)
        except queue.Empty:
            return None

    def __enter__(self) -> "Node":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self._reader.join()
        with self.process:  # which closes its pipe
            pass

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip())


@pytest.mark.parametrize("encrypted", [False, True])
def test_node_reads_labels(tmp_path: Path, encrypted: bool) -> None:
    keys, arguments = None, []
    if encrypted:
        create_keys(tmp_path, ["node"])
        keys, client = ServerKeys.load(tmp_path), ClientKeys.load(tmp_path / "node.key_secret")
        arguments = [key.decode() for key in (keys.public, client.public, client.secret)]
    with publishing(keys=keys) as (publisher, outbox), Node(publisher.endpoint, *arguments) as node:
        while node.line(0.1) is None:
            outbox.emit(sample.heartbeat())
        sent = emit_all(
            outbox, [sample.emotion(1), sample.emotion(2, "spk2", label="fear"), sample.session("ended")]
        )
        lines: list[str] = []
        while not lines or not lines[-1].startswith(f"{sent[-1].seq} "):
            line = node.line(10)
            assert line is not None
            lines.append(line)
        assert lines[-3:] == [
            f"{sent[0].seq} spk1 joy 0.64 All right.",
            f"{sent[1].seq} spk2 fear 0.64 All right.",
            f"{sent[2].seq} emotrack/1/s1/session/-/",
        ]
        assert node.process.wait(5) == 0


def test_node_with_a_wrong_key_sees_nothing(tmp_path: Path) -> None:
    create_keys(tmp_path, ["node"])
    create_keys(tmp_path / "elsewhere", ["node"])
    keys, client = ServerKeys.load(tmp_path), ClientKeys.load(tmp_path / "elsewhere" / "node.key_secret")
    arguments = [key.decode() for key in (keys.public, client.public, client.secret)]
    with publishing(keys=keys) as (publisher, outbox), Node(publisher.endpoint, *arguments) as node:
        for _ in range(20):
            outbox.emit(sample.heartbeat())
            assert node.line(SILENCE / 20) is None
