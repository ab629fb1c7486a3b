"""Words that the network could only misread: another language, and a recogniser's loops."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotrack.stream.transcription.transcript import SpokenLanguage, Transcript, is_loop, unreadable


def heard(text: str, language: str | None = "en") -> Transcript:
    return Transcript(text, language, "whisper-base", 0.8)


def test_a_long_line_in_another_language_is_not_read_and_a_short_one_follows_the_conversation() -> None:
    spoken = SpokenLanguage()
    german, short = heard("das ist ja wunderbar", "de"), heard("okay .", "cy")
    assert unreadable(german, spoken.of(german), ("en",)) == "language"
    assert unreadable(german, spoken.of(german), ("de", "en")) is None
    assert (
        spoken.of(short) is None and unreadable(short, spoken.of(short), ("en",)) is None
    )  # nothing is known yet
    spoken.note(heard("well that is wonderful"))
    spoken.note(short)
    assert spoken.of(short) == "en" and unreadable(short, spoken.of(short), ("en",)) is None
    assert unreadable(german, spoken.of(german), ("en",)) == "language"
    for _ in range(2):
        spoken.note(german)
    assert spoken.of(short) == "de"


def test_where_nobody_tells_the_language_everything_is_read() -> None:
    spoken, line = SpokenLanguage(), heard("that is wonderful", None)
    spoken.note(line)
    assert spoken.of(line) is None
    assert (
        unreadable(line, None, ("en",)) is None and unreadable(heard("das ist gut", "de"), "de", None) is None
    )


@pytest.mark.parametrize(
    "said", ["Thank you. " * 8, "la " * 20, "and then I said " * 5, "You know what I mean. " * 5 + "Okay."]
)
def test_loops_are_told_from_talk(said: str) -> None:
    assert is_loop(said)
    assert unreadable(heard(said), "en", ("en",)) == "repeated words"


@pytest.mark.parametrize(
    "said", ["", "no", "No, no, no, no, no, no!", "Very, very good.", "Ha ha ha ha ha!", "I know. I know."]
)
def test_people_may_repeat_themselves(said: str) -> None:
    assert not is_loop(said)


@given(st.lists(st.text("abcdefgh", min_size=2, max_size=8), min_size=1, max_size=8))
def test_whatever_is_said_often_enough_is_a_loop(phrase: list[str]) -> None:
    assert is_loop(" ".join(phrase * 20))


@given(st.lists(st.integers(10_000, 99_999), max_size=40, unique=True))
def test_words_that_all_differ_are_none(words: list[int]) -> None:
    assert not is_loop(" ".join(map(str, words)))
