"""ELAN's files, read by pympi: a tier for each speaker and kind, nothing lost where speech overlaps."""

import json
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from pympi import Eaf

from emotrack.stream.wire.exports.elan import eaf_file
from emotrack.stream.wire.exports.fitting import media_files, printable, span
from emotrack.stream.wire.protocol.parts import FeedInfo
from emotrack.stream.wire.recordings.conversation import Conversation
from helpers.recordings.conversations import WORDS, awkward, conversations, silent

Annotation = tuple[int, int, str]


def read(conversation: Conversation) -> Any:
    with TemporaryDirectory() as folder:
        (path := Path(folder) / "talk.eaf").write_bytes(eaf_file(conversation)[".eaf"])
        return Eaf(path)


def annotations(document: Any, person: str, kind: str) -> list[list[Annotation]]:
    """What stands in each tier of somebody and a kind."""
    tiers = [name for name in document.get_tier_names() if name.split()[:2] == [person, kind]]
    return [document.get_annotation_data_for_tier(tier) for tier in tiers]


def values(document: Any, person: str, kind: str) -> list[Annotation]:
    return sorted(one for tier in annotations(document, person, kind) for one in tier)


@settings(deadline=None)
@given(conversations())
def test_every_kind_comes_back_for_every_speaker(conversation: Conversation) -> None:
    document = read(conversation)
    for speaker in conversation.speakers:
        own = [one for one in conversation.utterances if one.speaker.id == speaker]
        at = {id(one): span(one.start, one.end) for one in own}
        assert values(document, speaker, "emotion") == sorted((*at[id(one)], one.label) for one in own)
        assert values(document, speaker, "words") == sorted(
            (*at[id(one)], printable(one.transcript.text)) for one in own if one.transcript is not None
        )
        for kind in ("confidence", "valence", "arousal"):
            known = [(*at[id(one)], getattr(one, kind)) for one in own if getattr(one, kind) is not None]
            found = values(document, speaker, kind)
            assert sorted((*when, float(value)) for *when, value in found) == sorted(known)
        scores = [(*when, json.loads(value)) for *when, value in values(document, speaker, "scores")]
        assert [one for *_, one in scores] and all((*at[id(one)], one.scores) in scores for one in own)


@settings(deadline=None)
@given(conversations())
def test_nothing_within_a_tier_overlaps(conversation: Conversation) -> None:
    document = read(conversation)
    for tier in document.get_tier_names():
        own = sorted(document.get_annotation_data_for_tier(tier))
        assert all(before[1] <= after[0] for before, after in pairwise(own))


def test_points_in_time_stand_in_their_order() -> None:
    document = ElementTree.fromstring(eaf_file(awkward())[".eaf"])
    slots = document.findall("TIME_ORDER/TIME_SLOT")
    times = [int(slot.attrib["TIME_VALUE"]) for slot in slots]
    assert times == sorted(times) and times[0] == 0
    assert [slot.attrib["TIME_SLOT_ID"] for slot in slots] == [f"ts{n}" for n in range(1, len(slots) + 1)]


def test_a_speaker_has_tiers_of_what_was_said_missing_and_how_they_were() -> None:
    document = read(awkward())
    assert values(document, "spk1", "words")[0] == (0, 1500, printable(WORDS))
    assert values(document, "spk1", "state") == [(1500, 4250, "joy"), (4250, 7000, "neutral")]
    assert values(document, "spk1", "missing")[-1] == (
        3000,
        4250,
        "face: camera covered, stood in for; body: untrained",
    )
    assert len(annotations(document, "spk1", "emotion")) == 2, "two of their utterances overlap"
    assert document.get_parameters_for_tier("spk1 words")["PARTICIPANT"] == "spk1"


def test_media_are_linked_by_their_names_alone() -> None:
    (linked,) = read(awkward()).get_linked_files()
    assert (linked["MEDIA_URL"], linked["MIME_TYPE"]) == ("./talk & walk.mp4", "video/mp4")
    assert b"secret folder" not in eaf_file(awkward())[".eaf"]
    assert read(silent()).get_linked_files() == [], "a camera is no file"


@pytest.mark.parametrize(
    ("description", "files"),
    [
        ("camera:0+mic:default", []),
        ("rtsp://door.example/live.mp4?token=secret", []),
        ("standard input", []),
        ("a.mp4", ["a.mp4"]),
        ("../x/a.MKV+/y/b.wav", ["a.MKV", "b.wav"]),
        ("/x/a+b.mp4", ["a+b.mp4"]),
        ("C:\\films\\a.mp4", ["a.mp4"]),
        ("camera:0+/x/a.wav", []),
    ],
)
def test_a_source_is_a_file_or_none(description: str, files: list[str]) -> None:
    assert [name for name, _ in media_files(FeedInfo(source="x", description=description))] == files


def test_a_session_without_speech_is_a_document_that_opens() -> None:
    document = read(silent())
    assert [document.get_annotation_data_for_tier(tier) for tier in document.get_tier_names()] == [[]]
    assert dict(document.get_properties())["session"] == "kitchen-1"


def test_the_same_session_makes_the_same_document() -> None:
    talk = awkward()
    assert eaf_file(talk) == eaf_file(talk)
