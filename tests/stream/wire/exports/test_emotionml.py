"""EmotionML 1.0, validated by xmlschema against `emotionml.xsd` beside this file.

That schema was written for these tests after the text of the Recommendation: the W3C's own cannot be reached
from here, so what holds by ours may still differ from it in what the text leaves open.
"""

import xml.etree.ElementTree as ElementTree
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import xmlschema
from hypothesis import given, settings

from emotrack.stream.wire.exports.emotionml import BIG6, NAMESPACE, OURS, emotionml_file
from emotrack.stream.wire.exports.fitting import printable
from emotrack.stream.wire.protocol.messages import Emotion
from emotrack.stream.wire.protocol.vocabulary import LABELS
from emotrack.stream.wire.recordings.conversation import Conversation, gathered
from helpers.recordings.conversations import awkward, conversations, published, silent
from helpers.sessions import sample_messages as sample

IN = {"": NAMESPACE, "emotrack": OURS}


@cache
def schema() -> Any:
    return xmlschema.XMLSchema11(Path(__file__).with_name("emotionml.xsd"))


def read(conversation: Conversation) -> ElementTree.Element:
    """The document, which is valid."""
    content = emotionml_file(conversation)[".emotionml"]
    schema().validate(content.decode())
    return ElementTree.fromstring(content)


def own(document: ElementTree.Element) -> list[ElementTree.Element]:
    """The emotions in the session's own vocabulary."""
    return [one for one in document.findall("emotion", IN) if "category-set" not in one.attrib]


def told(emotion: ElementTree.Element) -> ElementTree.Element:
    (found,) = emotion.findall("info/emotrack:utterance", IN)
    return found


@settings(deadline=None)
@given(conversations())
def test_every_utterance_comes_back(conversation: Conversation) -> None:
    emotions = own(read(conversation))
    for emotion, one in zip(emotions, conversation.utterances, strict=True):
        about = told(emotion).attrib
        assert (about["speaker"], about["label"]) == (one.speaker.id, one.label)
        assert (int(about["utterance"]), int(about["revision"])) == (one.utterance, one.revision)
        scores = {
            each.attrib["name"]: float(each.attrib["confidence"]) for each in emotion.findall("category", IN)
        }
        assert scores == one.scores
        assert times(emotion) == expected_times(one)
        words = "".join([emotion.text or "", *(each.tail or "" for each in emotion)])
        assert words == ("" if one.transcript is None else printable(one.transcript.text))
        dimensions = {
            each.attrib["name"]: float(each.attrib["value"]) for each in emotion.findall("dimension", IN)
        }
        for name in ("valence", "arousal"):
            value = getattr(one, name)
            assert (name in dimensions) == (value is not None)
            if value is not None:
                assert 0 <= dimensions[name] <= 1
                assert 2 * dimensions[name] - 1 == pytest.approx(value, abs=1e-12)


def times(emotion: ElementTree.Element) -> tuple[int, int]:
    return int(emotion.attrib["start"]), int(emotion.attrib["end"])


def expected_times(one: Emotion) -> tuple[int, int]:
    zero = one.start_unix_ns // 10**6
    return zero + round(one.start * 1000), zero + round(one.end * 1000)


@settings(deadline=None)
@given(conversations())
def test_every_name_is_in_the_vocabulary_that_its_emotion_names(conversation: Conversation) -> None:
    document = read(conversation)
    vocabularies = {
        f"#{one.attrib['id']}": {item.attrib["name"] for item in one.findall("item", IN)}
        for one in document.findall("vocabulary", IN)
    }
    vocabularies[BIG6] = {"anger", "disgust", "fear", "happiness", "sadness", "surprise"}
    assert vocabularies["#labels"] == set(LABELS) and "neutral" in LABELS
    for emotion in document.findall("emotion", IN):
        for kind in ("category", "dimension"):
            known = vocabularies[emotion.attrib.get(f"{kind}-set", document.attrib[f"{kind}-set"])]
            assert {one.attrib["name"] for one in emotion.findall(kind, IN)} <= known


def test_the_big_six_stand_beside_with_the_same_times() -> None:
    document = read(awkward())
    beside = [one for one in document.findall("emotion", IN) if one.attrib.get("category-set") == BIG6]
    assert [times(one) for one in beside] == [times(one) for one in own(document)]
    happiness = beside[0].find("category[@name='happiness']", IN)
    assert happiness is not None and float(happiness.attrib["confidence"]) == 0.64


def test_it_says_where_and_through_what_it_was_expressed() -> None:
    last = own(read(awkward()))[-1]
    assert last.attrib["expressed-through"] == "text voice"
    (reference,) = last.findall("reference", IN)
    assert reference.attrib == {
        "uri": "talk%20%26%20walk.mp4#t=3.000,4.250",
        "role": "expressedBy",
        "media-type": "video/mp4",
    }


def test_labels_that_are_no_names_become_some_and_stay_apart() -> None:
    scores = {"so so": 0.5, "so_so": 0.3, "": 0.1, "喜": 0.1}
    strange = gathered(published([sample.emotion(1, label="so so", scores=scores)]))
    (emotion,) = own(read(strange))
    names = [one.attrib["name"] for one in emotion.findall("category", IN)]
    assert len(set(names)) == len(scores) and "喜" in names
    assert told(emotion).attrib["label"] in names


def test_a_session_without_speech_is_valid_and_declares_its_vocabulary() -> None:
    document = read(silent())
    assert document.findall("emotion", IN) == [] and len(document.findall("vocabulary", IN)) == 2


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('version="1.0"', 'version="2"'),
        ('name="valence" value="0.875"', 'name="valence" value="1.5"'),
        ('role="expressedBy"', 'role="shownBy"'),
        ('<category name="joy"', '<category name="neutral"'),
        ('id="utterance-2"', 'id="utterance-1"'),
        ('start="', 'start="-'),
    ],
)
def test_the_schema_lets_nothing_wrong_through(right: str, wrong: str) -> None:
    text = emotionml_file(awkward())[".emotionml"].decode()
    assert right in text
    assert not schema().is_valid(text.replace(right, wrong, 1))
