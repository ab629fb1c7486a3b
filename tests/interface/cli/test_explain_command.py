"""`emotrack explain` and the evidence that it reads: kept only where asked for, bounded, and refused where it
is not right."""

import json
import os
import stat
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image

from emotrack.demo import clip_path
from emotrack.errors import UserError
from emotrack.explaining.contributions import LiveHead
from emotrack.explaining.evidence import SUFFIX, EvidenceRecorder, evidence_of, packed, unpacked
from emotrack.explaining.explanation import explain
from emotrack.explaining.utterances import Troubles, read_utterances
from emotrack.stream.labels.evidence import Evidence, LabelledUtterance, shown_aside
from emotrack.stream.wire.protocol.messages import Emotion, Error
from emotrack.stream.wire.publish import lanes
from emotrack.stream.wire.publish.outbox import Outbox
from emotrack.stream.wire.publish.sinks import SinkFailed
from emotrack.stream.wire.recordings.reading import read_messages
from helpers.sessions import sample_messages as sample
from helpers.sessions.commands import Outcome, emotrack
from helpers.sessions.disks import disk_with_room_for
from helpers.sessions.explaining import demonstration
from helpers.sessions.tracking import Workbench, settings
from helpers.sessions.wire import Kept

pytestmark = pytest.mark.xdist_group("explaining")
Run = Callable[..., Outcome]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line in this process."""
    return lambda *arguments: emotrack(capfd, monkeypatch, *arguments)


@pytest.fixture(scope="module")
def told() -> dict[int, LabelledUtterance]:
    return demonstration()


@pytest.fixture(scope="module")
def recording(told: dict[int, LabelledUtterance], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `emotrack run --record --keep-evidence` leaves of the demonstration clip."""
    folder = tmp_path_factory.mktemp("recording")
    (folder / "s1.mcap").touch()
    recorder = EvidenceRecorder(folder / f"s1{SUFFIX}")
    for labelled in told.values():
        recorder(labelled)
    return folder


def refused(outcome: Outcome, *words: str) -> None:
    assert outcome.code == 2 and outcome.out == "", outcome
    said = [line for line in outcome.sentences if "tracking" not in line and "Whisper" not in line]
    assert len(said) == 1 and said[0].startswith("emotrack: ") and "Traceback" not in said[0], outcome.err
    assert not [word for word in words if word not in said[0]], said[0]


def test_a_recorded_utterance_is_explained_as_text_json_and_picture(
    run: Run, recording: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    outcome = run(
        "explain",
        str(recording),
        "--utterance",
        "3",
        "--out",
        str(out),
        "--json",
        str(tmp_path / "found.json"),
    )
    assert outcome.code == 0, outcome.err
    assert "utterance 3" in outcome.out and "angry" in outcome.out and "Check by deletion" in outcome.out
    found = json.loads((tmp_path / "found.json").read_text("utf-8"))
    assert found == json.loads((out / "utterance-3.json").read_text("utf-8"))
    assert found["utterance"] == 3 and found["modalities"]["face"]["reason"] == "camera covered"
    words = [part["name"] for part in found["parts"] if part["kind"] == "word"]
    assert words == found["transcript"].split()
    assert found["deletion"]["drop"] > found["deletion"]["random_drop"]
    private = (out / "utterance-3.png", out / "utterance-3.json", tmp_path / "found.json")
    assert [stat.S_IMODE(path.stat().st_mode) for path in (out, *private)] == [0o700, 0o600, 0o600, 0o600]
    with Image.open(out / "utterance-3.png") as picture:
        assert picture.format == "PNG"


def test_json_on_stdout_is_nothing_but_json(run: Run, recording: Path) -> None:
    outcome = run("explain", str(recording / "s1.mcap"), "--utterance", "5", "--json", "-")
    found = json.loads(outcome.out)
    assert (
        outcome.code == 0
        and found["transcript"] is None
        and {part["kind"] for part in found["parts"]} == {"region"}
    )


def test_a_session_keeps_evidence_when_told_and_all_of_it_is_explained(run: Run, tmp_path: Path) -> None:
    record = tmp_path / "kept"
    tracked = run(
        "run",
        str(clip_path()),
        "--fast",
        "--publish",
        "none",
        "--modalities",
        "audio",
        "--record",
        str(record),
        "--keep-evidence",
    )
    assert tracked.code == 0, tracked.err
    folder = next(record.glob(f"*{SUFFIX}"))
    files = sorted(folder.iterdir())
    finals = [
        message
        for message in read_messages(record)
        if isinstance(message, Emotion) and message.state == "final"
    ]
    assert len(files) == len(finals) >= 5 and folder.with_suffix(".mcap").exists()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700 and stat.S_IMODE(files[0].stat().st_mode) == 0o600
    outcome = run("explain", str(folder), "--all", "--json", "-")
    assert outcome.code == 0, outcome.err
    explained = json.loads(outcome.out)
    labels = {final.utterance: final.label for final in finals}
    assert {found["utterance"]: found["label"] for found in explained["utterances"]} == labels
    assert explained["deletion"]["difference"] > 0
    whole = run("explain", str(folder), "--all")
    assert "Check by deletion over" in whole.out and "bootstrap" in whole.out


def test_a_file_is_tracked_no_further_than_the_utterance_asked_for(
    told: dict[int, LabelledUtterance],
) -> None:
    (first,) = read_utterances(str(clip_path()), settings(), 1, lambda _: None).labelled
    assert first.evidence.transcript == told[1].evidence.transcript
    assert np.abs(first.probabilities - told[1].probabilities).max() < 1e-6


def test_nothing_is_kept_by_default(run: Run, told: dict[int, LabelledUtterance], tmp_path: Path) -> None:
    refused(run("run", str(clip_path()), "--fast", "--publish", "none", "--keep-evidence"), "--record")
    help_text = run("run", "--help").out
    assert "personal data" in help_text and "1 GiB" in help_text


def test_evidence_comes_back_as_it_was(
    workbench: Workbench, told: dict[int, LabelledUtterance], tmp_path: Path
) -> None:
    for number, labelled in told.items():
        path = tmp_path / f"{number}.safetensors"
        path.write_bytes(packed(labelled))
        again = unpacked(path)
        assert packed(again) == path.read_bytes()
        assert again.evidence.transcript == labelled.evidence.transcript
        assert again.evidence.context == labelled.evidence.context
        assert again.evidence.tokens.keys() == labelled.evidence.tokens.keys()
        assert np.array_equal(again.probabilities, labelled.probabilities)
    live_head = LiveHead(workbench.bundle)
    recorded = unpacked(tmp_path / "5.safetensors")
    before, after = (
        explain(one, workbench.encoders, live_head, draws=2).as_json() for one in (told[5], recorded)
    )
    assert before == after


def test_the_oldest_utterances_give_way(told: dict[int, LabelledUtterance], tmp_path: Path) -> None:
    size = len(packed(told[5]))
    recorder = EvidenceRecorder(tmp_path / "kept", limit=3 * size)
    for number in range(1, 8):
        recorder(replace(told[5], utterance=number))
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == [
        f"utterance-{n:06}.safetensors" for n in (5, 6, 7)
    ]


def test_a_session_that_is_gone_on_with_keeps_on_within_the_same_limit(
    told: dict[int, LabelledUtterance], tmp_path: Path
) -> None:
    size = len(packed(told[5]))
    folder = tmp_path / f"s1{SUFFIX}"
    for numbers in ((1, 2, 3), (4, 5)):
        recorder = EvidenceRecorder(folder, limit=3 * size)
        for number in numbers:
            recorder(replace(told[5], utterance=number))
    assert sorted(evidence_of(folder)) == [3, 4, 5]


def test_a_disk_that_is_full_keeps_no_half_utterance(
    told: dict[int, LabelledUtterance], tmp_path: Path
) -> None:
    recorder = EvidenceRecorder(tmp_path / "kept")
    with disk_with_room_for(100), pytest.raises(SinkFailed, match="is no longer kept"):
        recorder(told[5])
    assert not list((tmp_path / "kept").iterdir())


def test_a_disk_that_fails_ends_the_keeping_and_is_told_once(
    told: dict[int, LabelledUtterance], tmp_path: Path
) -> None:
    kept = Kept()
    outbox = Outbox("s1", [kept])
    recorder = EvidenceRecorder(tmp_path / "kept")
    show = shown_aside(recorder, outbox)
    assert show is not None
    (tmp_path / "kept").rmdir()
    for _ in range(3):
        show(told[5])
        outbox.emit(sample.heartbeat())
    outbox.close()
    assert outbox.incomplete == (f"Evidence in {tmp_path / 'kept'} is no longer kept: {os.strerror(2)}.",)
    assert [error.message for error in kept.messages if isinstance(error, Error)] == [*outbox.incomplete]
    with pytest.raises(UserError, match="No evidence can be kept"):
        EvidenceRecorder(Path("/dev/null/kept"))


def test_a_disk_that_hangs_costs_evidence_and_no_label(
    told: dict[int, LabelledUtterance], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "WAITING_BYTES", 4 * told[5].size)
    folder, kept = tmp_path / "kept", Kept()
    outbox = Outbox("s1", [kept])
    outbox.patient = False
    show = shown_aside(EvidenceRecorder(folder), outbox)
    assert show is not None
    stalled = folder / "utterance-000001.safetensors.new"
    os.mkfifo(stalled)  # whoever opens it to write waits for a reader
    for number in range(1, 9):
        show(replace(told[5], utterance=number))
    began = time.monotonic()
    while not kept.told:
        assert time.monotonic() < began + 20
        outbox.emit(sample.heartbeat())
        time.sleep(0.02)
    assert kept.told == [f"Evidence in {folder} is behind, or hangs: utterances wait."]
    reading = os.open(stalled, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reading, True)

    def read() -> None:
        with os.fdopen(reading, "rb") as file:
            file.read()

    reader = threading.Thread(target=read)
    reader.start()
    while len(kept.told) < 2:
        assert time.monotonic() < began + 40
        outbox.emit(sample.heartbeat())
        time.sleep(0.02)
    show(replace(told[5], utterance=9))
    outbox.close()
    reader.join()
    assert kept.told[1:] == [f"Evidence in {folder} lacks 4 utterances, numbers 5 to 8."]
    assert outbox.incomplete == (kept.told[1],)
    assert sorted(path.name for path in folder.iterdir()) == [
        f"utterance-{number:06}.safetensors" for number in (1, 2, 3, 4, 9)
    ]


def test_the_size_of_an_utterance_is_about_that_of_its_file(told: dict[int, LabelledUtterance]) -> None:
    for labelled in told.values():
        assert len(packed(labelled)) < 2 * labelled.size + 10_000
        assert labelled.size < 2 * len(packed(labelled)) + 10_000


def test_an_utterance_that_does_not_exist(run: Run, recording: Path) -> None:
    refused(run("explain", str(recording), "--utterance", "99"), "99", "1–7")


def test_which_utterance_must_be_said(run: Run, recording: Path) -> None:
    refused(run("explain", str(recording)), "--utterance", "--all")
    refused(run("explain", str(recording), "--utterance", "1", "--all"), "--utterance", "--all")


def test_no_such_file(run: Run, tmp_path: Path) -> None:
    refused(run("explain", str(tmp_path / "none.mp4"), "--utterance", "1"), "none.mp4")
    refused(run("explain", str(tmp_path / "none.jsonl"), "--utterance", "1"), "none.jsonl")
    refused(run("explain", str(tmp_path / "none.mp4")), "there is no file", "none.mp4")


def test_only_a_medium_that_a_file_has_can_end_early() -> None:
    said: list[str] = []
    outbox = Outbox("s1", [Troubles(said.append)])
    outbox.emit(sample.feed("audio", "up", "start of file"))
    outbox.emit(sample.feed("video", "down", "the file has no video track"))
    assert said == []
    outbox.emit(sample.feed("audio", "down", "the file is cut off at 1.00 s of 2.00 s"))
    outbox.emit(sample.feed(None, "down", "the disk is gone"))
    assert said == [
        "audio of it ends early: the file is cut off at 1.00 s of 2.00 s.",
        "all of it ends early: the disk is gone.",
    ]


def test_a_live_source(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "emotrack.explaining.utterances.open_source", lambda source, settings: Mock(live=True)
    )
    refused(run("explain", "rtsp://camera/1", "--utterance", "1"), "live", "--keep-evidence")


def test_a_recording_without_evidence(run: Run, recording: Path, tmp_path: Path) -> None:
    (tmp_path / "s1.mcap").touch()
    for source in (tmp_path, tmp_path / "s1.mcap"):
        refused(run("explain", str(source), "--utterance", "1"), "--keep-evidence")
    for name in ("s1", "s2"):
        (tmp_path / f"{name}{SUFFIX}").mkdir()
    refused(run("explain", str(tmp_path), "--utterance", "1"), "2 sessions", f"s2{SUFFIX}")
    assert sorted(evidence_of(recording)) == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("content", [b"", b"x" * 100, None], ids=["empty", "nonsense", "cut"])
def test_damaged_evidence(run: Run, recording: Path, tmp_path: Path, content: bytes | None) -> None:
    folder = tmp_path / f"s1{SUFFIX}"
    folder.mkdir()
    whole = evidence_of(recording)[5].read_bytes()
    (folder / "utterance-000001.safetensors").write_bytes(
        whole[: len(whole) // 2] if content is None else content
    )
    refused(run("explain", str(tmp_path), "--utterance", "1"), "damaged")


def kept(folder: Path, labelled: LabelledUtterance) -> str:
    EvidenceRecorder(folder / f"s1{SUFFIX}")(labelled)
    return str(folder)


def test_nothing_present_to_explain(run: Run, told: dict[int, LabelledUtterance], tmp_path: Path) -> None:
    was = told[1].evidence
    nothing = Evidence({}, {"text": "no words", "audio": "muted"}, None, None, was.context, None)
    source = kept(tmp_path, replace(told[1], evidence=nothing))
    refused(run("explain", source, "--utterance", "1"), "Nothing of utterance 1", "muted")


def test_another_bundle_or_encoder(run: Run, told: dict[int, LabelledUtterance], tmp_path: Path) -> None:
    refused(
        run("explain", kept(tmp_path / "a", replace(told[1], bundle="another")), "--utterance", "1"),
        "another",
        "bundle=",
    )
    tokens = {**told[1].evidence.tokens, "text": -told[1].evidence.tokens["text"]}
    other = replace(told[1], evidence=replace(told[1].evidence, tokens=tokens))
    refused(run("explain", kept(tmp_path / "b", other), "--utterance", "1"), "text", "--profile")


@pytest.mark.parametrize("stream", ["text", "audio", "face"])
def test_an_encoder_that_is_off(run: Run, recording: Path, stream: str) -> None:
    outcome = run("explain", str(recording), "--utterance", "1", "--set", f"engines.{stream}=none")
    refused(outcome, f"The {stream} encoder is not there", "--set as then")


def test_a_target_that_cannot_be_written(run: Run, recording: Path) -> None:
    refused(run("explain", str(recording), "--utterance", "5", "--out", "/dev/null/out"), "/dev/null/out")


def test_a_store_is_only_checked(run: Run, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    refused(run("explain", str(tmp_path), "--utterance", "1"), "store", "--all")
    refused(run("explain", str(tmp_path), "--utterance", "1", "--all"), "leave out one of the two")
    refused(run("explain", str(tmp_path), "--all"), "manifest.json")
