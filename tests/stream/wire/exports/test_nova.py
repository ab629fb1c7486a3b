"""NOVA's annotations, read by hcai-discover-utils as DISCOVER reads them."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from discover_utils.data.annotation import SchemeType
from discover_utils.data.handler.file_handler import FileHandler
from hypothesis import given, settings

from emotrack.errors import UserError
from emotrack.stream.wire.exports.fitting import one_line, span
from emotrack.stream.wire.exports.formats import FORMATS
from emotrack.stream.wire.exports.nova import RATE, nova_files
from emotrack.stream.wire.protocol.messages import Emotion
from emotrack.stream.wire.protocol.vocabulary import LABELS
from emotrack.stream.wire.recordings.conversation import Conversation, gathered
from helpers.recordings.conversations import awkward, conversations, published, silent
from helpers.sessions import sample_messages as sample


def read(conversation: Conversation) -> dict[str, Any]:
    """Every annotation by its name without the suffix."""
    with TemporaryDirectory() as folder:
        paths = FORMATS["annotation"].write(conversation, Path(folder) / "x")
        return {
            path.name.removeprefix("x.").removesuffix(".annotation"): FileHandler().load(path)
            for path in paths
            if path.suffix == ".annotation"
        }


def lines(annotations: dict[str, Any], speaker: str, kind: str) -> list[Any]:
    """The lines of somebody's annotations of a kind."""
    own = [
        one for name, one in annotations.items() if name.split(".")[:1] == [speaker] and f".{kind}" in name
    ]
    return [line for one in own for line in one.data.tolist()]


def spoken(conversation: Conversation, speaker: str) -> list[Emotion]:
    return [one for one in conversation.utterances if one.speaker.id == speaker]


def at(utterance: Emotion, line: Sequence[Any]) -> bool:
    """Whether a line is where an utterance was; the reader cuts milliseconds off, so one may be missing."""
    return all(
        0 <= told - read <= 1 for told, read in zip(span(utterance.start, utterance.end), line, strict=False)
    )


@settings(max_examples=50, deadline=None)
@given(conversations())
def test_labels_come_back_with_times_and_confidence(conversation: Conversation) -> None:
    annotations = read(conversation)
    for speaker in conversation.speakers:
        found = lines(annotations, speaker, "emotion")
        own = spoken(conversation, speaker)
        assert len(found) == len(own)
        for one in own:
            assert any(
                at(one, line)
                and LABELS[line[2]] == one.label
                and line[3] == pytest.approx(one.confidence, rel=1e-6)
                for line in found
            )


@settings(max_examples=50, deadline=None)
@given(conversations())
def test_words_come_back_but_for_what_takes_lines_apart(conversation: Conversation) -> None:
    annotations = read(conversation)
    for speaker in conversation.speakers:
        expected = [
            one_line(one.transcript.text).replace(";", ",").replace('"', "'")
            for one in spoken(conversation, speaker)
            if one.transcript is not None
        ]
        assert sorted(line[2] for line in lines(annotations, speaker, "words")) == sorted(expected)


def test_an_annotation_says_whose_it_is_and_what_its_numbers_mean() -> None:
    annotation = read(awkward())["spk2.emotion"]
    assert annotation.meta_data.role == "spk2" and annotation.meta_data.annotator == "emotrack"
    assert annotation.annotation_scheme.scheme_type == SchemeType.DISCRETE
    classes = annotation.annotation_scheme.classes
    assert [classes[str(number)]["name"] for number in range(len(LABELS))] == list(LABELS)


def test_what_overlaps_stands_in_an_annotation_of_its_own() -> None:
    names = sorted(read(awkward()))
    assert [name for name in names if "emotion" in name] == ["spk1.emotion", "spk1.emotion-2", "spk2.emotion"]


def test_valence_holds_while_somebody_speaks_and_is_unknown_otherwise() -> None:
    annotations = read(awkward())
    valence = annotations["spk1.valence"]
    scheme = valence.annotation_scheme
    assert (scheme.sample_rate, scheme.min_val, scheme.max_val) == (RATE, -1, 1)
    values = valence.data["score"]
    assert np.all(values[: int(0.9 * RATE)] == 0.75)
    assert np.all(np.isnan(values[3 * RATE :])), "the last utterance has none"
    assert "spk2.valence" not in annotations, "nothing is known of them"


@settings(max_examples=50, deadline=None)
@given(conversations())
def test_each_value_is_one_of_an_utterance_there(conversation: Conversation) -> None:
    annotations = read(conversation)
    for speaker in conversation.speakers:
        if (annotation := annotations.get(f"{speaker}.arousal")) is None:
            continue
        for place, value in enumerate(annotation.data["score"].tolist()):
            there = [
                one.arousal
                for one in spoken(conversation, speaker)
                if span(one.start, one.end)[0] <= place * 1000 / RATE <= span(one.start, one.end)[1]
            ]
            assert any(
                value == pytest.approx(known, abs=1e-6) if known is not None else np.isnan(value)
                for known in there or [None]
            )


def test_a_session_without_speech_is_one_sentence() -> None:
    with pytest.raises(UserError, match=r"Nobody said anything in the session kitchen-1"):
        nova_files(silent())


def test_a_session_that_would_fill_the_disk_is_one_sentence() -> None:
    late = gathered(published([sample.emotion(1, start=1e10, end=1e10 + 1, valence=0.5)]))
    with pytest.raises(UserError, match=r"too long for NOVA.*export it to csv or parquet"):
        nova_files(late)
