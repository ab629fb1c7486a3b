"""What docs/protocol.md shows is so: its messages decode, its programs run, and the example of a subscriber
handles every kind."""

import json
import os
import re
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from emotrack.stream.wire.protocol.encoding import decode, kind
from emotrack.stream.wire.protocol.keys import ServerKeys, create_keys
from emotrack.stream.wire.protocol.messages import KINDS, Emotion, Message
from emotrack.stream.wire.protocol.pictures import PictureReply, PictureRequest
from emotrack.stream.wire.protocol.schema import json_schema
from emotrack.stream.wire.protocol.snapshots import (
    PAGE,
    RING,
    Reply,
    SnapshotRefusal,
    SnapshotReply,
    SnapshotRequest,
)
from emotrack.stream.wire.publish.outbox import Outbox
from emotrack.stream.wire.publish.zeromq.publisher import Publisher
from helpers.sessions import sample_messages as sample
from helpers.sessions.wire import emit_all, heartbeats, publishing, wait_until_published

ROOT = Path(__file__).parents[3]
DOCUMENT = (ROOT / "docs" / "protocol.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)


def shown(key: str) -> list[bytes]:
    """The JSON examples that have this field."""
    return [block.encode() for block in blocks("json") if key in json.loads(block)]


def test_one_message_of_each_kind_is_shown_and_is_one() -> None:
    messages = [decode(block) for block in shown("type")]
    assert sorted(map(kind, messages)) == sorted(KINDS)
    for message, block in zip(messages, shown("type"), strict=True):
        assert set(json.loads(block)) == set(json_schema()["$defs"][type(message).__name__]["properties"])
    (label,) = (message for message in messages if isinstance(message, Emotion))
    assert sum(label.scores.values()) == pytest.approx(1)


def test_requests_and_replies_are_what_is_shown() -> None:
    request, for_picture = shown("request")
    asked = msgspec.json.decode(request, type=SnapshotRequest)
    msgspec.json.decode(for_picture, type=PictureRequest)
    assert f"this frame is the {len(request.strip())} bytes" in DOCUMENT.replace("\n", " ")
    replies = [msgspec.json.decode(block, type=Reply | PictureReply) for block in shown("reply")]
    assert [type(reply) for reply in replies] == [SnapshotReply, SnapshotRefusal, PictureReply]
    assert replies[0].id == asked.id
    for block, reply in zip(shown("reply"), replies, strict=True):
        assert set(json.loads(block)) == {"reply", *reply.__struct_fields__}
    assert f"at most {PAGE:,}, fewer" in DOCUMENT and f"the last {RING:,} are kept" in DOCUMENT.replace(
        "\n", " "
    )


@contextmanager
def following(*command: str) -> Iterator["subprocess.Popen[str]"]:
    """A program that follows a publisher, its lines on a pipe."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def lines(process: "subprocess.Popen[str]", count: int) -> list[str]:
    assert process.stdout is not None
    return [process.stdout.readline().rstrip("\n") for _ in range(count)]


def late_joiner(publisher: Publisher, outbox: Outbox, *command: str) -> None:
    """A program that joins late shows the label that holds, then what comes, each once."""
    before = emit_all(
        outbox, [sample.session(), sample.emotion(1, "spk1"), sample.emotion(2, "spk2", label="fear")]
    )
    wait_until_published(publisher, before[-1])
    with following(*command, publisher.endpoint, publisher.snapshot_endpoint) as process:
        held = lines(process, 2)
        assert [line.split()[0] for line in held] == ["2", "3"]
        seq, spoken, *label = held[1].split()
        assert (int(seq), label) == (3, ["spk2", "fear", "final"])
        assert float(spoken) == pytest.approx(1_760_000_000 + sample.emotion(2).start, abs=1e-3)
        until_read(process, outbox, sample.emotion(3, state="partial"))
        last = outbox.emit(sample.emotion(3)).seq
        shown_seqs = [int(lines(process, 1)[0].split()[0])]
        while shown_seqs[-1] < last:
            shown_seqs += [int(lines(process, 1)[0].split()[0])]
        assert shown_seqs == list(range(shown_seqs[0], last + 1))


def test_a_late_joiner_with_nothing_but_pyzmq(tmp_path: Path) -> None:
    script = tmp_path / "late.py"
    script.write_text(blocks("python")[0], "utf-8")
    with publishing() as (publisher, outbox):
        late_joiner(publisher, outbox, sys.executable, str(script))


def node_with_zeromq() -> Path | None:
    """Node's own folder of packages with `zeromq` in it, which a program that imports it must lie beside."""
    folders = [Path(folder) for folder in os.environ.get("NODE_PATH", "").split(os.pathsep) if folder]
    return next((folder for folder in folders if shutil.which("node") and (folder / "zeromq").is_dir()), None)


@pytest.mark.skipif(
    node_with_zeromq() is None, reason="node does not find the npm package zeromq (see NODE_PATH)"
)
def test_a_late_joiner_in_node(tmp_path: Path) -> None:
    script = tmp_path / "late.mjs"
    script.write_text(blocks("js")[0], "utf-8")
    (tmp_path / "node_modules").symlink_to(node_with_zeromq() or "")
    with publishing() as (publisher, outbox):
        late_joiner(publisher, outbox, "node", str(script))


def test_an_encrypted_subscriber_with_nothing_but_pyzmq(tmp_path: Path) -> None:
    create_keys(tmp_path, ["robot"])
    script = tmp_path / "secret.py"
    script.write_text(blocks("python")[1], "utf-8")
    keys = (str(tmp_path / "server.key"), str(tmp_path / "robot.key_secret"))
    with (
        publishing(keys=ServerKeys.load(tmp_path)) as (publisher, outbox),
        following(sys.executable, str(script), publisher.endpoint, *keys) as process,
        heartbeats(outbox),
    ):
        assert lines(process, 1)[0].startswith("emotrack/1/s1/heartbeat/-/ ")


def until_read(process: "subprocess.Popen[str]", outbox: Outbox, body: Message) -> None:
    """Send a message again and again until the program has written something: a subscription takes its
    time."""
    assert process.stdout is not None
    while not select.select([process.stdout], [], [], 0.05)[0]:
        assert process.poll() is None
        outbox.emit(body)


def test_the_example_handles_every_kind_of_message() -> None:
    bodies: list[Message] = [
        sample.session(),
        sample.feed("video", "down", "unplugged"),
        sample.new_speaker("spk1"),
        sample.emotion(1, "spk1", state="partial"),
        sample.emotion(1, "spk1"),
        sample.alias("voice2", "spk1"),
        sample.heartbeat(lag=3.0),
        sample.error("The disk is full."),
        sample.session("ended"),
    ]
    with publishing() as (publisher, outbox):
        sent = emit_all(outbox, bodies[:1])
        wait_until_published(publisher, sent[0])
        with following(
            sys.executable, str(ROOT / "examples" / "subscribe.py"), publisher.endpoint
        ) as process:
            assert lines(process, 1) == ["session s1 with kitchen"]
            emit_all(outbox, bodies[1:])
            with heartbeats(outbox):  # which show what came before it had connected
                told = lines(process, 7)
    assert told[:2] == ["kitchen video is down unplugged", "spk1 is new"]
    assert re.fullmatch(r"\d\d:\d\d:\d\d spk1: joy 64% \(final\)", told[2])
    assert told[3:] == [
        "voice2 turns out to be spk1",
        "the tracker is 3.0 s behind",
        "error: The disk is full.",
        "session s1 has ended: end of the sources",
    ]
