"""What users get wrong is told in one sentence with exit code 2; what is merely odd is tracked, with masks
and reasons."""

import json
import os
import socket
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotrack.demo import clip_path
from helpers.media.clips import AudioSpec, VideoSpec, turn_display, write_clip
from helpers.sessions.commands import Outcome, emotrack

Run = Callable[..., Outcome]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """`emotrack run`, publishing nothing unless told."""

    def call(*arguments: str) -> Outcome:
        return emotrack(
            capfd, monkeypatch, "run", "--fast", "--set", "stream.publish.endpoint=none", *arguments
        )

    return call


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def refused(outcome: Outcome, *words: str) -> None:
    assert outcome.code == 2, outcome
    assert outcome.out == ""
    assert len(outcome.sentences) == 1, outcome.err
    (sentence,) = outcome.sentences
    assert sentence.startswith("emotrack: ") and sentence[-1] in ".?" and "Traceback" not in sentence
    assert not [word for word in words if word not in sentence], sentence


def test_missing_file(run: Run, tmp_path: Path) -> None:
    refused(run(str(tmp_path / "nothing.mp4")), "nothing.mp4")


def test_directory(run: Run, tmp_path: Path) -> None:
    refused(run(str(tmp_path)), "directory")


@pytest.mark.parametrize(
    "content", [b"This is no film.\n" * 50, bytes(range(256)) * 400], ids=["text", "bytes"]
)
def test_not_media(run: Run, tmp_path: Path, content: bytes) -> None:
    refused(run(str(write(tmp_path / "clip.mp4", content))), "clip.mp4")


def test_empty_file(run: Run, tmp_path: Path) -> None:
    refused(run(str(write(tmp_path / "clip.mp4", b""))), "empty")


AT_ONCE = ("--set", "stream.sources.start_seconds=0")
"""Live sources are waited for, else."""


def test_unreachable_address(run: Run) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    refused(run(f"http://127.0.0.1:{port}/live.mp4", *AT_ONCE), "127.0.0.1")


def test_unknown_devices(run: Run) -> None:
    refused(run("camera:97", *AT_ONCE), "camera")
    refused(run("mic:no such microphone", *AT_ONCE))


def test_addresses_that_no_host_can_have(run: Run) -> None:
    refused(run(f"http://{'a' * 64}.com/clip.mp4"), "cannot be read")
    refused(run("tcp://127.0.0.1"), "names no port")


def test_a_pipe_given_twice(run: Run, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    refused(run(str(tmp_path / "fifo"), f"bob={tmp_path / 'fifo'}"), "fifo", "only once")


def test_unknown_setting(run: Run) -> None:
    refused(run(str(clip_path()), "--set", "stream.segmentation.hangovr=1"), "stream.segmentation.hangovr")


def test_wrong_type(run: Run) -> None:
    refused(
        run(str(clip_path()), "--set", "stream.segmentation.hangover=soon"),
        "stream.segmentation.hangover",
        "soon",
    )


def test_settings_that_contradict_each_other(run: Run) -> None:
    refused(run(str(clip_path()), "--set", "stream.segmentation.hangover=0.05"), "hangover")


@pytest.mark.parametrize(
    "content", [b"stream: [1, 2", b"- a\n- b\n", b"\xff\xfe\x00"], ids=["broken", "list", "binary"]
)
def test_bad_configuration_file(run: Run, tmp_path: Path, content: bytes) -> None:
    refused(run(str(clip_path()), "--config", str(write(tmp_path / "mine.yaml", content))), "mine.yaml")


def test_unknown_profile_and_modes(run: Run) -> None:
    refused(run(str(clip_path()), "--profile", "huge"), "embedded", "gpu")
    refused(run(str(clip_path()), "--modalities", "text,smell"), "smell")


def test_port_in_use(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused(run(str(clip_path()), "--publish", f"tcp://127.0.0.1:{port}"), str(port))


def test_other_address_without_keys(run: Run) -> None:
    refused(run(str(clip_path()), "--publish", "tcp://0.0.0.0:0"), "emotrack keys", "--insecure")


def test_bundle_that_is_none(run: Run, tmp_path: Path) -> None:
    refused(run(str(clip_path()), "--set", f"bundle={tmp_path}"), "bundle")


CLIPS: dict[str, dict[str, Any]] = {
    "no audio": {"video": VideoSpec()},
    "no video": {"audio": AudioSpec()},
    "8 kHz mono": {"video": VideoSpec(), "audio": AudioSpec(codec="pcm_s16le", rate=8_000, layout="mono")},
    "48 kHz 5.1": {"video": VideoSpec(), "audio": AudioSpec(codec="ac3", layout="5.1")},
    "variable rate": {"video": VideoSpec(times=(0.0, 0.04, 0.5, 0.55, 1.3, 1.9)), "audio": AudioSpec()},
    "120 fps": {"video": VideoSpec(rate=120), "audio": AudioSpec()},
    "one frame": {"video": VideoSpec(times=(0.0,))},
    "silence only": {"audio": AudioSpec(), "onset": 9.0},
}


@pytest.mark.parametrize("name", CLIPS)
def test_odd_media_are_tracked(run: Run, tmp_path: Path, name: str) -> None:
    path = write_clip(tmp_path / "odd.mkv", **CLIPS[name])
    outcome = run(str(path), "--jsonl", "-")
    assert outcome.code == 0, outcome.err
    messages = [json.loads(line) for line in outcome.out.splitlines()]
    assert messages[0]["type"] == messages[-1]["type"] == "session" and messages[-1]["state"] == "ended"
    up = {message["medium"] for message in messages if message["type"] == "feed" and message["state"] == "up"}
    assert up == {medium for medium in ("audio", "video") if medium in CLIPS[name]}


def test_a_clip_cut_short_is_labelled_up_to_the_damage(run: Run, tmp_path: Path) -> None:
    whole = tmp_path / "whole.mkv"
    remux(clip_path(), whole)
    data = whole.read_bytes()
    outcome = run(str(write(tmp_path / "cut.mkv", data[: len(data) * 6 // 10])), "--jsonl", "-")
    assert outcome.code == 0, outcome.err
    messages = [json.loads(line) for line in outcome.out.splitlines()]
    finals = [message for message in messages if message["type"] == "emotion" and message["state"] == "final"]
    assert finals and all(final["end"] < 22 for final in finals)
    down = [message for message in messages if message["type"] == "feed" and message["state"] == "down"]
    assert down and all(message["reason"] for message in down)


def test_a_rotated_phone_video_is_tracked(run: Run, tmp_path: Path) -> None:
    path = turn_display(write_clip(tmp_path / "phone.mp4", video=VideoSpec(), audio=AudioSpec()), 0, 1, -1, 0)
    outcome = run(str(path), "--jsonl", "-")
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out.splitlines()[-1])["reason"] == "sources ended"


def test_music_is_no_utterance(run: Run, tmp_path: Path) -> None:
    chord = tmp_path / "music.wav"
    time = np.arange(4 * 16_000) / 16_000
    notes = np.zeros(len(time))
    for note in (220, 277.2, 329.6):
        notes += np.sin(2 * np.pi * note * time) * np.exp(-2 * (time % 0.5))
    with wave.open(str(chord), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((notes * 8_000).astype("<i2").tobytes())
    outcome = run(str(chord), "--jsonl", "-")
    assert outcome.code == 0, outcome.err
    assert not [line for line in outcome.out.splitlines() if json.loads(line)["type"] == "emotion"]


def test_a_clip_damaged_in_the_middle_is_labelled_and_reported(run: Run, tmp_path: Path) -> None:
    data = bytearray(clip_path().read_bytes())
    middle = len(data) // 2
    data[middle : middle + 20_000] = bytes(20_000)
    outcome = run(str(write(tmp_path / "damaged.mp4", bytes(data))), "--jsonl", "-")
    assert outcome.code == 0, outcome.err
    messages = [json.loads(line) for line in outcome.out.splitlines()]
    assert [m for m in messages if m["type"] == "emotion" and m["state"] == "final" and m["end"] < 12]
    told = [m for m in messages if m["type"] == "feed" and m["state"] in ("degraded", "down")]
    assert told and all(m["reason"] for m in told)


def remux(source: Path, target: Path) -> None:
    """The same streams in another container."""
    import av

    with av.open(str(source)) as given, av.open(str(target), "w") as made:
        streams = {stream.index: made.add_stream_from_template(stream) for stream in given.streams}
        for packet in given.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                made.mux(packet)
