"""Feeds that are conversations of their own: neither labels, nor names, nor the time that they take depend on
the others."""

from typing import Any

import pytest

from emotrack.stream.sources.media import Source
from emotrack.stream.wire.protocol.messages import Emotion, Message, Speaker
from helpers.media.scripted import LoudnessVad, Recogniser, Scripted, by_time, cheap, clip_part, sound, up
from helpers.sessions.tracking import Workbench, emotions, without_timing

pytestmark = pytest.mark.xdist_group("live session")
HUSH = 1e-3
APART = "stream.speakers.conversations=apart"
COUNTED = ("seq", "topic_seq", "utterance", "session", "revision")
"""What is counted over all feeds of a session."""


def film() -> Source:
    """Somebody who speaks before a camera, is muted, and speaks again."""
    loud = sound((1.2, 0.2), (1.0, HUSH), (2.6, 0.0), (0.6, HUSH), (0.9, 0.2), (1.0, HUSH))
    return Scripted("film", by_time(up("audio", "video"), loud, clip_part(0.0, 7.3, at=0.0, sounds=False)))


def call(name: str = "call") -> Source:
    """Somebody who falls into the film's words."""
    parts = [(0.33, HUSH), (0.7, 0.2), (0.8, HUSH), (1.1, 0.2), (0.8, HUSH), (0.5, 0.2), (0.8, HUSH)]
    return Scripted(name, [*up("audio"), *sound(*parts, at=0.17)])


def labels(messages: list[Message], source: str) -> list[dict[str, Any]]:
    """All that is said of a feed's utterances, less what is counted over all feeds."""
    said = without_timing(
        [message for message in messages if isinstance(message, Emotion) and message.source == source]
    )
    return [{key: value for key, value in label.items() if key not in COUNTED} for label in said]


@pytest.fixture(autouse=True)
def bench(workbench: Workbench, monkeypatch: pytest.MonkeyPatch) -> Workbench:
    """Everything loud is speech, words come from the length of a sound, and faces are found in earnest."""
    monkeypatch.setattr("emotrack.stream.session.loop.SileroVad", LoudnessVad)
    monkeypatch.setattr(workbench, "transcriber", Recogniser())
    return workbench


def test_apart_each_feed_has_the_labels_that_it_has_alone(workbench: Workbench) -> None:
    beside = workbench.track([film(), call()], APART, "stream.labels.revision_threshold=0")
    for source in (film(), call()):
        alone = workbench.track([source], "stream.labels.revision_threshold=0")
        assert labels(beside, source.name) == labels(alone, source.name)
        assert {label["state"] for label in labels(alone, source.name)} == {"partial", "final", "revised"}
    together = workbench.track([film(), call()], "stream.labels.revision_threshold=0")
    assert labels(together, "call") != labels(beside, "call")


def test_apart_nobody_is_taken_for_somebody_of_another_feed(workbench: Workbench) -> None:
    encoders = cheap(workbench.encoders)
    single = ("stream.speakers.mode=single", "stream.modalities=[audio]")
    apart = workbench.track([call(), call("other")], APART, *single, encoders=encoders)
    assert {(final.source, final.speaker.id) for final in emotions(apart, "final")} == {
        ("call", "call-spk1"),
        ("other", "other-spk1"),
    }
    assert [m.speaker for m in apart if isinstance(m, Speaker)] == ["call-spk1", "other-spk1"]
    together = workbench.track([call()], *single, encoders=encoders)
    assert {final.speaker.id for final in emotions(together, "final")} == {"spk1"}


def test_apart_no_feed_waits_for_another_at_all(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbench, "transcriber", Recogniser(lambda opened: 1.5 if opened == 0 else 0.0))
    monkeypatch.setattr(
        "emotrack.stream.labels.waiting.ended.YIELD_SECONDS", 60.0
    )  # as feeds of one conversation would wait
    slow = Scripted("slow", [*up("audio"), *sound((0.2, HUSH), (0.4, 0.2), (2.2, HUSH))])
    quick = Scripted("quick", [*up("audio"), *sound((0.5, HUSH), (0.4, 0.2), (1.9, HUSH))])
    encoders = cheap(workbench.encoders)
    overrides = (APART, "stream.modalities=[text,audio]", "stream.labels.text_deadline=10")
    messages = workbench.track([slow, quick], *overrides, realtime=True, encoders=encoders)
    first, second = emotions(messages, "final")
    assert (first.source, second.source) == ("quick", "slow") and second.transcript is not None
