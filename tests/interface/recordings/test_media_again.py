"""A session whose media were kept, tracked again, gives the messages that were recorded."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from emotrack.demo import clip_path
from emotrack.stream.wire.protocol.messages import Message
from emotrack.stream.wire.recordings.reading import read_messages
from helpers.sessions.commands import emotrack

OF_THE_RUN = (
    *("session", "start_unix_ns", "published_unix_ns", "snapshot_endpoint", "topics"),
    *("feeds", "timing_ms", "lag", "queues"),
)
"""What names a run or times it, and is no label."""


def content(message: Message) -> dict[str, Any]:
    return {name: value for name, value in msgspec.to_builtins(message).items() if name not in OF_THE_RUN}


def test_what_was_kept_gives_the_recorded_labels_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(record: Path, source: Path, *more: str) -> list[Message]:
        fast = ("run", "--fast", "--publish", "none", "--record", str(record), *more)
        done = emotrack(capfd, monkeypatch, *fast, str(source))
        assert done.code == 0, done.err
        return list(read_messages(record))

    first = run(tmp_path / "first", clip_path(), "--keep-media")
    (media,) = (tmp_path / "first").glob("*.media")
    again = run(tmp_path / "again", media)
    assert [content(one) for one in again] == [content(one) for one in first]
    assert sum(getattr(one, "state", "") == "final" for one in first) >= 5


def test_media_are_kept_beside_messages_only(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = emotrack(capfd, monkeypatch, "run", "--keep-media", str(clip_path()))
    assert (done.code, done.err.splitlines()[-1]) == (
        2,
        "emotrack: --keep-media needs --record DIR: media are kept beside the messages.",
    )
