"""RTTM, read by pyannote: who spoke when."""

import io
from typing import Any

import pytest
from hypothesis import given, settings
from pyannote.database.util import load_rttm

from emotrack.stream.wire.exports.fitting import span
from emotrack.stream.wire.exports.rttm import rttm_file
from emotrack.stream.wire.recordings.conversation import Conversation
from helpers.recordings.conversations import awkward, conversations, silent

NO_NAMES = {"NA", "nan", "null", "None", "NULL", "NaN"}
"""Speakers whom the reader takes for nobody."""


def turns(conversation: Conversation) -> list[tuple[float, float, str]]:
    annotation: Any = load_rttm(io.BytesIO(rttm_file(conversation)[".rttm"]))[conversation.session]
    return sorted(
        (segment.start, segment.end, who) for segment, _, who in annotation.itertracks(yield_label=True)
    )


@settings(deadline=None)
@given(conversations().filter(lambda one: not NO_NAMES & set(one.speakers)))
def test_every_turn_comes_back_to_the_millisecond(conversation: Conversation) -> None:
    expected = sorted(
        (*(time / 1000 for time in span(one.start, one.end)), one.speaker.id)
        for one in conversation.utterances
    )
    for read, told in zip(turns(conversation), expected, strict=True):
        assert read[2] == told[2]
        assert read[:2] == pytest.approx(told[:2], abs=1e-6)


def test_who_speaks_over_another_has_a_turn_too() -> None:
    assert (3.5, 3.75, "spk2") in turns(awkward())


def test_a_session_without_speech_is_an_empty_file() -> None:
    assert rttm_file(silent())[".rttm"] == b""
