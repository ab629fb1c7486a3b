"""Policies: what they refuse is not loaded, reaches neither wire nor disk, and nothing switches it on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotrack import settings as composed
from emotrack.demo import clip_path
from emotrack.errors import UserError
from emotrack.modalities import MODALITIES, Modality
from emotrack.settings import Policy, Settings, allowed, load_policy, load_settings
from emotrack.stream.labels.evidence import LabelledUtterance
from emotrack.stream.wire.protocol.messages import Emotion, Face, Message, Person, Session
from emotrack.stream.wire.publish.recording import Recorder
from emotrack.tracking.tracker import Tracker
from helpers.sessions.commands import Outcome, emotrack

NETWORKS: dict[str, set[str]] = {
    "text": {"sentence"},
    "audio": {"voice"},
    "face": {"face", "face-proposals", "face-refinement", "face-output"},
}
"""The networks that describe a modality."""
UNPUBLISHED = ("stream.publish.endpoint=none",)


@pytest.fixture
def policy(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "policy.yaml"
        path.write_text(text, "utf-8")
        return path

    return write


@pytest.fixture(autouse=True)
def no_policy_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    path = tmp_path / "system.yaml"
    monkeypatch.setattr(composed, "SYSTEM_POLICY", path)
    return path


def tracked(path: Path | None, *overrides: str, **options: Any) -> tuple[Tracker, list[Message]]:
    settings = load_settings(overrides=[*UNPUBLISHED, *overrides])
    with Tracker(
        [str(clip_path())], settings, realtime=False, policies=[path] if path else [], **options
    ) as tracker:
        return tracker, list(tracker.messages())


@pytest.mark.parametrize("refused", ["text", "audio", "face"])
def test_a_refused_modality_is_not_loaded_and_nothing_of_it_is_told(
    policy: Callable[[str], Path], refused: Modality
) -> None:
    others = [one for one in MODALITIES if one != refused]
    everything = f"stream.modalities=[{','.join(MODALITIES)}]"
    tracker, messages = tracked(policy(f"modalities: [{', '.join(others)}]"), everything)
    assert not {engine.network for engine in tracker.engines} & NETWORKS[refused]
    opened = tracker.encoders
    assert {"text": opened.text, "audio": opened.audio, "face": opened.face}[refused] is None
    labels = [one for one in messages if isinstance(one, Emotion)]
    assert labels and {one.modalities[refused].reason for one in labels} == {"policy"}
    assert not any(one.modalities[refused].present for one in labels)
    if refused == "text":
        assert {one.transcript for one in labels} == {None}
    if refused == "face":
        assert not [one for one in messages if isinstance(one, Face)]
        assert {one.speaker.face for one in labels} == {None}
        assert {one.face for one in messages if isinstance(one, Person)} == {None}
    (started, _) = [one for one in messages if isinstance(one, Session)]
    assert started.policy is not None and started.policy.refused == (refused,)


def test_without_transcripts_no_recogniser_is_there(policy: Callable[[str], Path]) -> None:
    _, messages = tracked(policy("transcripts: false"))
    labels = [one for one in messages if isinstance(one, Emotion)]
    assert labels and {one.transcript for one in labels} == {None}
    (started, _) = [one for one in messages if isinstance(one, Session)]
    (recogniser,) = [part for part in started.engines if part.part == "transcription"]
    assert recogniser.model is None and recogniser.skipped[0].reason == "policy"
    assert {one.modalities["text"].reason for one in labels} == {"policy"}


def test_a_program_cannot_switch_on_what_is_refused(policy: Callable[[str], Path]) -> None:
    path = policy("modalities: [text, audio]\nevidence: false\nrecords: false\nidentities: false")
    settings = load_settings(overrides=UNPUBLISHED)
    with Tracker([str(clip_path())], settings, realtime=False, policies=[path]) as tracker:
        with pytest.raises(UserError, match=r"^The policy of this tracker refuses face: leave it out\.$"):
            tracker.set_modalities("text", "face")
        tracker.set_modalities("audio")
    with pytest.raises(UserError, match=r"refuses evidence: leave out what is shown of it\.$"):
        tracked(path, observe=lambda labelled: None)
    recorder = Recorder(path.with_name("kept.jsonl"))
    with pytest.raises(UserError, match=r"refuses records: leave out the recorder\.$"):
        tracked(path, sinks=[recorder])
    recorder.close()
    assert not path.with_name("kept.jsonl").exists()
    with pytest.raises(UserError, match=r"refuses identities: leave out stream\.speakers\.mode=voice\.$"):
        tracked(path, "stream.speakers.mode=voice")


@pytest.mark.parametrize(
    ("rule", "options", "said"),
    [
        (
            "modalities: [audio]",
            ("--modalities", "audio,face"),
            "refuses face: leave it out of --modalities.",
        ),
        (
            "records: false",
            ("--jsonl", "kept.jsonl"),
            "refuses records: leave out --record and --jsonl FILE.",
        ),
        ("records: false", ("--record", "kept"), "refuses records: leave out --record and --jsonl FILE."),
        ("pictures: false", ("--pictures",), "refuses pictures: leave out --pictures."),
        (
            "evidence: false",
            ("--record", "kept", "--keep-evidence"),
            "refuses evidence: leave out --keep-evidence.",
        ),
        ("modalities: [body]", ("--modalities", "body", "--set=stream.modalities=[face]"), ""),
        (
            "faces: no",
            (),
            "policy.yaml cannot be used. There is no setting faces; docs/settings.md lists them.",
        ),
        ("modalities: [smell]", (), "modalities.0 is wrong"),
        ("", (), "policy.yaml says nothing: write into it what is allowed, or leave it out."),
        ("records: false\nrecords: true", (), "policy.yaml says records twice: leave one of the two out."),
        ("- text", (), "must hold settings as `key: value`, not a list."),
    ],
)
def test_a_flag_that_is_refused_is_one_sentence_and_leaves_nothing(
    rule: str,
    options: tuple[str, ...],
    said: str,
    policy: Callable[[str], Path],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    path = policy(rule)
    done: Outcome = emotrack(
        capfd, monkeypatch, "run", str(clip_path()), "--fast", "--publish=none", f"--policy={path}", *options
    )
    if said:
        assert done.code == 2 and said in done.sentences[-1] and len(done.err.splitlines()) <= 2
    assert not [one for one in tmp_path.iterdir() if one.name.startswith("kept")]


@given(
    st.sets(st.sampled_from(MODALITIES), min_size=1),
    st.lists(st.sampled_from(MODALITIES), min_size=1, unique=True),
)
def test_whatever_is_set_only_what_is_allowed_is_left(may: set[Modality], asked: list[Modality]) -> None:
    settings = Settings().model_copy(
        update={"stream": Settings().stream.model_copy(update={"modalities": tuple(asked)})}
    )
    policy = Policy(modalities=tuple(may))
    if not may & set(asked):
        with pytest.raises(UserError, match="nothing is left to make labels from"):
            allowed(settings, policy)
        return
    left = allowed(settings, policy)
    assert set(left.stream.modalities) == may & set(asked)
    for modality in ("text", "audio"):
        assert (getattr(left.engines, modality) == "none") is (modality not in may)
    assert left.engines.face == ("expression" if "face" in may else "hidden")
    assert left.stream.transcription.recogniser == ("whisper" if "text" in may else "none")
    assert allowed(left, policy) == left


def test_the_policy_of_the_machine_holds_beside_ones_own(
    policy: Callable[[str], Path], no_policy_of_the_machine: Path
) -> None:
    assert load_policy() is None
    own = policy("modalities: [audio, face]\nrecords: false")
    no_policy_of_the_machine.write_text("modalities: [text, audio]\nevidence: false", "utf-8")
    both, alone = load_policy(own), load_policy()
    assert both is not None and alone is not None
    assert both.refused == ("text", "face", "body", "evidence", "records")
    assert alone.refused == ("face", "body", "evidence") and both.digest != alone.digest
    no_policy_of_the_machine.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="is not text in UTF-8"):
        load_policy()


def test_refused_sound_is_shown_to_nobody(policy: Callable[[str], Path]) -> None:
    shown: list[LabelledUtterance] = []
    tracked(policy("modalities: [face]"), observe=shown.append)
    assert shown and {len(one.audio_16k) for one in shown} == {0}


def test_a_policy_of_the_machine_that_leads_nowhere_lets_nothing_begin(
    no_policy_of_the_machine: Path,
) -> None:
    no_policy_of_the_machine.symlink_to("gone")
    with pytest.raises(UserError, match="cannot be read: No such file"):
        load_policy()


def test_a_policy_that_is_not_there_lets_nothing_begin(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read: No such file"):
        tracked(tmp_path / "none.yaml")


def test_of_several_policies_only_what_all_allow_is_allowed(tmp_path: Path) -> None:
    strict, loose = tmp_path / "strict.yaml", tmp_path / "loose.yaml"
    strict.write_text("modalities: [audio]", "utf-8")
    loose.write_text("records: true", "utf-8")
    for order in ((strict, loose), (loose, strict)):
        policy = load_policy(*order)
        assert policy is not None and policy.refused == ("text", "face", "body")


def test_doctor_says_what_is_refused(
    policy: Callable[[str], Path], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = policy("modalities: [audio]\nrecords: false")
    done = emotrack(capfd, monkeypatch, "doctor", f"--policy={path}")
    assert "policy         refuses text, face, body, records" in done.out
    assert "policy         none; everything is allowed" in emotrack(capfd, monkeypatch, "doctor").out
