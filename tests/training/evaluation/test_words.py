"""The table `words`: what each line is changed into, that lines before it change with it, and which heard
lines are taken."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from emotrack.engines.networks.passages import DialogueLine
from emotrack.errors import UserError
from emotrack.model.bundle import Bundle, load_bundle
from emotrack.model.configuration import MELD_CLASSES
from emotrack.training.corpora.records import CorpusRow
from emotrack.training.evaluation.evaluate import RewordedTexts, evaluate_bundles, steps
from emotrack.training.evaluation.measuring.rewording import Encode, full_stops, plain, word_figures
from emotrack.training.evaluation.tables.robustness import FULL_STOPS, PLAIN, WRITTEN
from emotrack.training.features.store import Store, Tokens, open_store
from emotrack.training.spoken.transcripts import HeardLine
from helpers.learning.corpora import write_store_of
from helpers.networks.small import save_small_bundle

TEXTS = ("Oh my God!", "You’re kidding… right?!", "No!")
WIDTH = 6


def encode(lines: Sequence[DialogueLine]) -> list[np.ndarray]:
    """One token for each word, which tells its letters; none for a line without words."""
    return [
        np.array([[len(word)] * WIDTH for word in line.text.split()], np.float32).reshape(-1, WIDTH)
        for line in lines
    ]


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    save_small_bundle(tmp_path / "bundle")
    return load_bundle(tmp_path / "bundle")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    rows = [
        CorpusRow(f"test/7/{place}", "7", place, "test", "Ross", text, MELD_CLASSES[place])
        for place, text in enumerate(TEXTS)
    ]
    tokens: list[Tokens] = [
        {"text": vectors} for vectors in encode([DialogueLine(0, text) for text in TEXTS])
    ]
    return open_store(write_store_of(tmp_path / "store", rows, tokens, MELD_CLASSES))


def heard(*texts: str, voice: str = "joe", said: Sequence[str] = TEXTS) -> tuple[HeardLine, ...]:
    return tuple(
        HeardLine("MELD", "test", "7", place, voice, "whisper-tiny.en", script, text, 0.5)
        for place, (script, text) in enumerate(zip(said, texts, strict=False))
    )


def test_what_is_taken_from_the_script() -> None:
    assert [full_stops(text) for text in TEXTS] == ["Oh my God.", "You’re kidding… right?.", "No."]
    assert [plain(text) for text in TEXTS] == ["oh my god", "you’re kidding right", "no"]


def test_every_line_of_a_dialogue_is_changed_and_read_with_the_others(bundle: Bundle, store: Store) -> None:
    read: list[list[str]] = []

    def told(lines: Sequence[DialogueLine]) -> list[np.ndarray]:
        read.append([line.text for line in lines])
        return encode(lines)

    lines = (*heard("Oh my god.", "", "No"), *heard("other", "words", "here", voice="slt"))
    steps_told: list[str] = []
    found = word_figures(bundle, store, lines, told, steps_told.append).ways
    assert list(found) == steps_told == [WRITTEN, FULL_STOPS, PLAIN, "whisper-tiny.en"]
    assert read == [list(map(full_stops, TEXTS)), list(map(plain, TEXTS)), ["Oh my god.", "", "No"]], (
        "the first voice counts"
    )
    assert all(one.utterances == 3 for one in found.values()), (
        "a line of which nothing was heard is judged by what was said before"
    )
    assert found["whisper-tiny.en"].voices == ["joe"] and found[
        "whisper-tiny.en"
    ].word_errors == pytest.approx(100 * 3 / 7, abs=0.01)
    assert found[WRITTEN].neutral in (0, 33.33, 66.67, 100)


def test_lines_of_another_script_are_refused(bundle: Bundle, store: Store) -> None:
    with pytest.raises(UserError, match="test/7/1 was spoken as another text than the store has"):
        word_figures(
            bundle, store, heard("a", "b", "c", said=("Oh my God!", "Really?", "No!")), encode, lambda _: None
        )


def test_dialogues_that_were_not_heard_whole_do_not_count(bundle: Bundle, tmp_path: Path) -> None:
    rows = [CorpusRow(f"test/{number}/0", str(number), 0, "test", "Ross", "Hey!", "joy") for number in (7, 8)]
    store = open_store(
        write_store_of(
            tmp_path / "two", rows, [{"text": encode([DialogueLine(0, "Hey!")])[0]}] * 2, MELD_CLASSES
        )
    )
    (line,) = heard("Hey", said=("Hey!",))
    found = word_figures(bundle, store, [line], encode, lambda _: None).ways
    assert found["whisper-tiny.en"].utterances == 1 and found[PLAIN].utterances == 2
    assert found["whisper-tiny.en"].written in (0.0, 100.0)


def test_words_are_measured_once_and_anew_for_other_lines(
    bundle: Bundle, store: Store, tmp_path: Path
) -> None:
    opened: list[str] = []

    def reader(bundle: Bundle, store: Store) -> Encode:
        opened.append(bundle.identifier)
        return encode

    told: list[str] = []
    for lines in ((), (), heard("a", "b", "c")):
        spoken = RewordedTexts(lines, reader, told.append)
        count: list[str] = []
        found = evaluate_bundles(
            [bundle], ["words"], {"meld": store}, tmp_path / "work", count.append, spoken
        )
        assert found.now[0].words is not None and len(count) == steps(
            ["words"], {"meld": store}, [bundle], 3, spoken
        )
    assert len(opened) == 2 and told == []


def test_without_the_text_encoder_the_other_figures_stay(
    bundle: Bundle, store: Store, tmp_path: Path
) -> None:
    def reader(bundle: Bundle, store: Store) -> Encode:
        raise UserError("It is not here.")

    told: list[str] = []
    found = evaluate_bundles(
        [bundle],
        ["words"],
        {"meld": store},
        tmp_path / "work",
        lambda _: None,
        RewordedTexts((), reader, told.append),
    )
    assert found.now[0].words is None and told == ["nothing is measured for the table words: It is not here."]
