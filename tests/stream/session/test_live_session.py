"""Whole sessions whose course a test writes: overlapping feeds, pace, windows, muting, splits, the user's
mask, long sessions."""

import time
from collections import deque
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from emotrack.demo.render import CAMERA_COVERED
from emotrack.engines.contract.spec import Arrays
from emotrack.engines.running import batching
from emotrack.engines.running.batching import Batcher
from emotrack.errors import UserError
from emotrack.stream.hearing.audio import BlockCutter
from emotrack.stream.hearing.description import AudioDescription
from emotrack.stream.labels.labels import LABEL_SECONDS
from emotrack.stream.session import health
from emotrack.stream.session.loop import Loop
from emotrack.stream.sources.media import AudioChunk, MediaItem, VideoFrame
from emotrack.stream.speakers.assign import AssignedSpeaker, SpeakerEvent
from emotrack.stream.wire.protocol.messages import Emotion, Feed, Heartbeat, Message, Session, Speaker
from helpers.media.scripted import (
    LINE_SECONDS,
    LoudnessVad,
    NumbersEncoder,
    Scripted,
    by_time,
    cheap,
    clip_line,
    clip_part,
    down,
    people,
    sound,
    up,
)
from helpers.sessions.tracking import Workbench, emotions, without_timing

pytestmark = pytest.mark.xdist_group("live session")
HUSH = 1e-3
"""Loudness of a quiet room: no speech, and no digital silence either."""
WORDLESS = "stream.modalities=[audio,face]"


@pytest.fixture
def loud(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything loud is speech."""
    monkeypatch.setattr("emotrack.stream.session.loop.SileroVad", LoudnessVad)


def finals(messages: list[Message]) -> list[Emotion]:
    return emotions(messages, "final")


def feeds(messages: list[Message]) -> list[Feed]:
    return [message for message in messages if isinstance(message, Feed)]


def beats(messages: list[Message]) -> list[Heartbeat]:
    return [message for message in messages if isinstance(message, Heartbeat)]


def talk(*, at: float, seconds: float = 8.0) -> list[MediaItem]:
    """The clip's first seconds, heard from `at` on."""
    return by_time(
        up("audio"), clip_part(0.0, seconds, at=at, pictures=False), down("audio", at + seconds, "end")
    )


def test_what_a_final_label_needs_goes_before_what_partial_ones_need(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, steps = Batcher.run_named, []

    def watched(batcher: Batcher, inputs: Arrays) -> Arrays:
        if batcher.spec.name == "context-step":
            steps.append(batching._deadline.get() - time.monotonic())
        return run(batcher, inputs)

    monkeypatch.setattr(Batcher, "run_named", watched)
    messages = workbench.track([Scripted("talk", talk(at=0.0))], "stream.modalities=[audio]")
    urgent = [left for left in steps if left < LABEL_SECONDS]
    assert len(urgent) == len(finals(messages)) > 0
    assert len(steps) - len(urgent) == len(emotions(messages, "partial")) > 0


def test_overlapping_turns_of_two_feeds_are_committed_by_endpoint_and_repeatable(
    workbench: Workbench,
) -> None:
    def run() -> list[Message]:
        sources = [Scripted("late", talk(at=2.0)), Scripted("early", talk(at=0.0))]
        return workbench.track(sources, "stream.modalities=[text,audio]")

    messages = run()
    ends = [(final.source, final.end) for final in finals(messages)]
    assert [source for source, _ in ends] == ["early", "late", "early", "late"]
    assert [end for _, end in ends] == sorted(end for _, end in ends)
    first = {final.source: final for final in finals(messages)[:2]}
    assert first["late"].start < first["early"].end
    assert all(final.speaker.id == final.source for final in finals(messages))
    assert {m.speaker for m in messages if isinstance(m, Speaker) and m.event == "new"} == {"early", "late"}
    assert without_timing(run()) == without_timing(messages)


@pytest.mark.usefixtures("loud")
def test_endpoints_at_one_moment_are_committed_by_start_then_feed(workbench: Workbench) -> None:
    long, short = ((0.5, HUSH), (2.0, 0.2), (1.0, HUSH)), ((1.5, HUSH), (1.0, 0.2), (1.0, HUSH))
    sources = [
        Scripted(name, [*up("audio"), *sound(*parts)])
        for name, parts in (("a", short), ("b", long), ("c", long))
    ]
    messages = workbench.track(sources, transcribe=False, encoders=cheap(workbench.encoders))
    assert len({final.end for final in finals(messages)}) == 1
    assert [final.source for final in finals(messages)] == ["b", "c", "a"]


def test_at_its_own_pace_the_labels_are_those_of_a_fast_run(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless the machine was too busy: then something was left out, and the heartbeats say so."""
    monkeypatch.setattr(health, "BEHIND_SECONDS", 60.0)
    items = by_time(up("audio", "video"), clip_part(0.0, 8.0, at=0.0))
    patience = (
        "stream.vision.face_rate=1",
        "stream.labels.vision_deadline=30",
        "stream.labels.text_deadline=60",
    )
    fast = workbench.track([Scripted("clip", items)], *patience)
    for _ in range(3):
        paced = workbench.track([Scripted("clip", items)], *patience, realtime=True)
        last = beats(paced)[-1]
        if not any(
            [*last.dropped.values(), last.shed["late_texts"], last.shed["late_sights"], *last.shedding]
        ):
            break
    else:
        raise AssertionError(f"three times something was left out: {last.dropped} {last.shed}")
    assert len(finals(fast)) == 2
    assert [known(final) for final in finals(paced)] == [known(final) for final in finals(fast)]
    assert len(beats(paced)) >= 8
    assert any(final.timing_ms.total is not None and final.timing_ms.total < 8_000 for final in finals(paced))


def known(final: Emotion) -> dict[str, Any]:
    """What a final label says, less how fast and after how many others."""
    plain = without_timing([final])[0]
    return {key: value for key, value in plain.items() if key not in ("seq", "topic_seq", "revision")}


def test_a_feed_without_sound_is_labelled_by_windows(workbench: Workbench) -> None:
    pictures = clip_part(0.0, 10.0, at=0.0, sounds=False)
    items = by_time(
        up("video"), down("audio", 0.0, "no audio track"), pictures, down("video", 10.0, "end of file")
    )
    messages = workbench.track([Scripted("camera", items)])
    until = pytest.approx(CAMERA_COVERED[0] + 1.0, abs=0.21)
    assert [(final.start, final.end) for final in finals(messages)] == [(0.0, 4.0), (4.0, 8.0), (8.0, until)]
    for label in (message for message in messages if isinstance(message, Emotion)):
        assert label.modalities["face"].present and label.speaker.face is not None
        assert label.modalities["audio"].reason == label.modalities["text"].reason == "no audio"
    assert len(emotions(messages, "partial")) >= 10  # about two a second, but for the first of each window
    times = [beat.time for beat in beats(messages)]
    assert np.diff(times).max() < 1.25


def test_a_window_ends_when_sound_comes_back(workbench: Workbench) -> None:
    gone = 2.4 + LINE_SECONDS
    speech = by_time(up("audio", at=2.4), clip_line(0, at=2.4, pictures=False), down("audio", gone, "gone"))
    items = by_time(up("video"), down("audio", 0.0, "unplugged"), people(11.0), speech)
    window, said, *later = finals(workbench.track([Scripted("desk", items)], WORDLESS))
    assert window.modalities["audio"].reason == "no audio" and window.end <= 2.4
    assert said.modalities["audio"].present and 2.4 < said.start < 3.4
    assert later and all(final.start >= said.end and not final.modalities["audio"].present for final in later)


@pytest.mark.usefixtures("loud")
def test_muting_in_mid_utterance_opens_no_window_over_it(workbench: Workbench) -> None:
    speech = sound((0.5, HUSH), (1.5, 0.2), (2.0, 0.0), (1.5, 0.2), (5.0, 0.0), (2.0, HUSH))
    items = by_time(up("audio", "video"), speech, people(12.5))
    messages = workbench.track([Scripted("desk", items)], WORDLESS, "stream.segmentation.hangover=3")
    said, window, silent = finals(messages)
    assert silent.start >= 10.5 and silent.modalities["audio"].reason == "no speech"
    assert said.start < 0.5 < 5.5 < said.end < 6 and said.modalities["audio"].present
    assert window.start >= 8 and window.end <= 10.6 and window.modalities["audio"].reason == "muted"
    told = [
        (message.state, message.time)
        for message in feeds(messages)
        if message.reason and "s" in message.reason
    ][2:]
    assert [state for state, _ in told] == ["degraded", "up", "degraded", "up"]
    assert [moment for _, moment in told] == [pytest.approx(at, abs=0.1) for at in (3.5, 4.0, 7.0, 10.5)]


@pytest.mark.usefixtures("loud")
def test_a_gap_ends_what_is_open_and_is_told(workbench: Workbench) -> None:
    items = [*up("audio"), *sound((0.5, HUSH), (1.5, 0.2)), *sound((1.0, 0.2), (1.0, HUSH), at=7.0)]
    messages = workbench.track(
        [Scripted("line", items)], transcribe=False, encoders=cheap(workbench.encoders)
    )
    before, after = finals(messages)
    assert before.end == pytest.approx(2.0, abs=0.05) and after.start == pytest.approx(7.0, abs=0.01)
    told = feeds(messages)[1:]
    assert [message.state for message in told] == ["degraded", "up"]
    assert [message.time for message in told] == pytest.approx([2.0, 7.0], abs=0.05)


def test_what_is_too_long_is_split_and_both_parts_are_labelled(workbench: Workbench) -> None:
    line = by_time(up("audio"), clip_line(2, at=0.0, pictures=False))
    messages = workbench.track([Scripted("talk", line)], WORDLESS, "stream.segmentation.maximum=2")
    parts = finals(messages)
    assert len(parts) >= 2
    for one, next_one in pairwise(parts):
        assert one.end == next_one.start and 0.9 < one.end - one.start <= 2.01
    assert all(part.modalities["audio"].present for part in parts)
    assert parts[0].start < 0.6 and parts[-1].end > 4.0


def test_a_description_cut_back_is_that_of_the_part_alone() -> None:
    chunk = AudioChunk(0.0, np.random.default_rng(3).standard_normal(32_000 * 5).astype(np.float32))
    blocks: list[Any] = BlockCutter().push(chunk)
    for kept in (1, 20, 47, 90, len(blocks)):
        whole, part = AudioDescription(NumbersEncoder()), AudioDescription(NumbersEncoder())
        for block in blocks:
            whole.extend(block)
        for block in blocks[:kept]:
            part.extend(block)
        whole.keep(kept * 0.032)
        np.testing.assert_array_equal(whole.finished(), part.finished())
        np.testing.assert_array_equal(whole.so_far(), part.so_far())


def test_the_users_mask_may_change_while_the_session_runs(workbench: Workbench) -> None:
    """Text and face are taken away in the first utterance and given back after the second."""
    lines = (clip_line(number, at=at * LINE_SECONDS) for at, number in enumerate((0, 1, 4)))
    items = by_time(up("audio", "video"), *lines)

    def react(loop: Loop, message: Message) -> None:
        if isinstance(message, Emotion):
            if message.state == "partial" and message.utterance == 1:
                loop.set_modalities(("audio",))
            if message.state == "final" and message.utterance == 2:
                loop.set_modalities(("text", "audio", "face", "body"))

    messages = workbench.track([Scripted("clip", items)], react=react)
    labels = [message for message in messages if isinstance(message, Emotion)]
    assert labels[0].modalities["face"].present and labels[0].modalities["text"].reason == "not yet"
    masked = [label for label in labels[1:] if label.utterance <= 2]
    assert {label.utterance for label in masked if label.state == "final"} == {1, 2}
    for label in masked:
        assert (
            label.modalities["text"].reason
            == label.modalities["face"].reason
            == label.modalities["body"].reason
            == "user"
        )
        assert label.transcript is None and label.speaker.face is None and label.modalities["audio"].present
    third = next(label for label in finals(messages) if label.utterance == 3)
    assert (
        third.modalities["text"].present and third.modalities["face"].present and third.transcript is not None
    )


def test_an_unknown_stream_is_refused(workbench: Workbench) -> None:
    loop, _ = workbench.loop([Scripted("nothing", [])])
    with pytest.raises(UserError, match="smell"):
        loop.set_modalities(("audio", "smell"))  # type: ignore[arg-type]  # no modality


class OneAfterAll:
    """Says at the third utterance that its first two speakers are one."""

    def __init__(self) -> None:
        self._said = 0

    voices = None

    def assign(self, feed: str, blocks: range) -> tuple[AssignedSpeaker, list[SpeakerEvent]]:
        self._said += 1
        if self._said > 2:
            return self.guess(feed, blocks), [
                SpeakerEvent("alias", "spk2", "spk1", 0.9)
            ] if self._said == 3 else []
        name = f"spk{self._said}"
        return AssignedSpeaker(name, 1.0), [SpeakerEvent("new", name, None, 1.0)]

    def guess(self, feed: str, blocks: range) -> AssignedSpeaker:
        return AssignedSpeaker("spk2" if self._said == 2 else "spk1", 0.5)


@pytest.mark.usefixtures("loud")
def test_after_an_alias_nothing_is_said_of_the_old_name(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "emotrack.stream.labels.conversations.make_assigners", lambda settings, count, people: [OneAfterAll()]
    )
    items = [*up("audio"), *sound(*[(1.0, 0.2), (0.8, HUSH)] * 5)]
    overrides = ("stream.labels.revision_threshold=0",)
    messages = workbench.track(
        [Scripted("line", items)], *overrides, transcribe=False, encoders=cheap(workbench.encoders)
    )
    alias = next(index for index, m in enumerate(messages) if isinstance(m, Speaker) and m.event == "alias")
    before = {m.speaker.id for m in messages[:alias] if isinstance(m, Emotion)}
    after = [m for m in messages[alias:] if isinstance(m, Emotion)]
    assert before == {"spk1", "spk2"} and {m.speaker.id for m in after} == {"spk1"}
    assert {m.utterance for m in after if m.state == "revised"} >= {1, 2, 3}


def containers(thing: object, path: str, seen: set[int]) -> Iterator[tuple[str, int]]:
    """The length of everything that can grow, of all objects of ours that can be reached from `thing`."""
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if hasattr(thing, "__len__") and not isinstance(thing, str | bytes | np.ndarray):
        try:
            yield path, len(thing)
        except TypeError:  # a tensor without axes
            return
    inner: list[tuple[str, object]] = []
    if isinstance(thing, dict):
        inner = [(f"[{key!r}]", value) for key, value in thing.items()]
    elif type(thing).__module__.startswith("emotrack"):
        names = [*getattr(thing, "__dict__", {}), *getattr(type(thing), "__slots__", ())]
        inner = [(f".{name}", getattr(thing, name, None)) for name in names]
    elif isinstance(thing, list | tuple | deque):
        inner = [("[]", value) for value in list(thing)[:3]]
    for name, value in inner:
        yield from containers(value, path + name, seen)


@pytest.mark.usefixtures("loud")
def test_a_long_session_keeps_no_more_than_a_short_one(workbench: Workbench) -> None:
    """Four hundred utterances: whatever holds things is as long after the last as after three hundred."""
    turns = 400
    picture = np.random.default_rng(1).integers(0, 255, (16, 16, 3), np.uint8)
    sounds = sound(*[(0.3, 0.2), (0.54, HUSH)] * turns)
    items = by_time(
        up("audio", "video"), sounds, [VideoFrame(n / 5, picture) for n in range(round(turns * 0.84 * 5))]
    )
    lengths: list[dict[str, int]] = []

    def react(loop: Loop, message: Message) -> None:
        if isinstance(message, Emotion) and message.state == "final" and message.utterance in (300, turns):
            lengths.append(dict(containers(loop, "loop", set())))

    overrides = ("stream.vision.body_rate=0.1", "stream.segmentation.minimum_speech=0.1")
    messages = workbench.track(
        [Scripted("days", items)],
        *overrides,
        transcribe=False,
        encoders=cheap(workbench.encoders),
        react=react,
    )
    assert len(finals(messages)) == turns
    short, long = lengths
    assert len(short) > 100
    grown = {
        path: (short.get(path, 0), length)
        for path, length in long.items()
        if length > short.get(path, 0) + 40
    }
    assert not {path: change for path, change in grown.items() if "_delivery" not in path}
    seconds = turns * 0.84
    assert len(beats(messages)) >= seconds - 2
    assert np.diff([beat.time for beat in beats(messages)]).max() < 1.2
    assert isinstance(messages[-1], Session) and messages[-1].reason == "sources ended"
