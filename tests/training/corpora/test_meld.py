"""MELD against a miniature of its official layout."""

from pathlib import Path

import pytest

from emotrack.errors import UserError
from emotrack.training.corpora.meld import BROKEN, read_meld
from helpers.learning.corpora import dialogues_of, meld_row, write_meld

SPLITS = {"train": "train_splits", "dev": "dev_splits_complete", "test": "output_repeated_splits_test"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Dialogue 0 of "train" has two utterances, given out of order; the other splits have one each. All clips
    are there."""
    rows = {
        "train": [
            meld_row(1, 0),
            meld_row(0, 1, "I\x92m fine.", "joy", "Monica"),
            meld_row(0, 0, 'Say "hi", Ross!', "anger"),
        ],
        "dev": [meld_row(0, 0)],
        "test": [meld_row(0, 0)],
    }
    write_meld(tmp_path, rows)
    for split, folder in SPLITS.items():
        for row in rows[split]:
            (tmp_path / folder / f"dia{row[5]}_utt{row[6]}.mp4").touch()
    return tmp_path


def test_utterances_in_order_with_all_that_is_known(root: Path) -> None:
    corpus = read_meld(root)
    assert [one.row.name for one in corpus.utterances] == [
        "train/dia0_utt0", "train/dia0_utt1", "train/dia1_utt0", "dev/dia0_utt0", "test/dia0_utt0",
    ]  # fmt: skip
    first, second = corpus.utterances[:2]
    assert (first.row.text, first.row.label, first.row.sentiment) == ('Say "hi", Ross!', "anger", "negative")
    assert (second.row.text, second.row.speaker, second.row.sentiment) == ("I’m fine.", "Monica", "positive")
    assert (first.row.start, first.row.end) == pytest.approx((960.059, 961.731))
    assert first.sound == root / "train_splits/dia0_utt0.mp4"
    assert first.picture is not None and first.picture.path == first.sound
    assert not corpus.skipped
    assert [len(dialogue) for dialogue in dialogues_of(corpus, "train")] == [2, 1]


def test_folders_may_lie_deeper(root: Path) -> None:
    for split, folder in SPLITS.items():
        (root / "raw" / split).mkdir(parents=True)
        (root / folder).rename(root / "raw" / split / folder)
    assert all(one.sound is not None and one.sound.is_file() for one in read_meld(root).utterances)


def test_a_missing_clip_is_named_and_its_words_stay(root: Path) -> None:
    (root / "train_splits/dia0_utt1.mp4").unlink()
    corpus = read_meld(root)
    assert [(one.name, one.reason) for one in corpus.skipped] == [
        ("train/dia0_utt1", "dia0_utt1.mp4 is missing")
    ]
    second = corpus.utterances[1]
    assert second.row.text and second.sound is None and second.picture is None


def test_a_missing_folder_is_named_once(root: Path) -> None:
    for path in (root / "train_splits").iterdir():
        path.unlink()
    (root / "train_splits").rmdir()
    assert [(one.name, one.reason) for one in read_meld(root).skipped] == [
        (str(root / "train_splits"), "there is no such folder")
    ]


def test_clips_known_to_be_broken_are_left_out_even_where_they_are(root: Path) -> None:
    write_meld(root / "official", {"train": [meld_row(125, 3), meld_row(125, 4)], "dev": [meld_row(110, 7)]})
    for path in (
        "train_splits/dia125_utt3.mp4",
        "train_splits/dia125_utt4.mp4",
        "dev_splits_complete/dia110_utt7.mp4",
    ):
        (root / "official" / path).touch()
    corpus = read_meld(root / "official")
    assert {one.name for one in corpus.skipped} == set(BROKEN)
    assert [one.sound is None for one in corpus.utterances] == [True, False, True]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ((3, "bored"), "line 3, has 'bored' as Emotion, which must be one of"),
        ((4, "mixed"), "line 3, has 'mixed' as Sentiment"),
        ((5, "zero"), "line 3, has 'zero' as Dialogue_ID, which must be a whole number"),
        ((9, "12 s"), "line 3, has '12 s' as StartTime, which must be like 00:14:38,127"),
        ((6, "0"), "train/dia0_utt0 is in its table twice"),
    ],
)
def test_a_malformed_row_is_named(tmp_path: Path, change: tuple[int, str], sentence: str) -> None:
    wrong = meld_row(0, 1)
    wrong[change[0]] = change[1]
    write_meld(tmp_path, {"train": [meld_row(0, 0), wrong]})
    with pytest.raises(UserError, match=sentence) as refused:
        read_meld(tmp_path)
    assert "\n" not in str(refused.value)


def test_a_missing_table_is_named(root: Path) -> None:
    (root / "dev_sent_emo.csv").unlink()
    with pytest.raises(UserError, match=r"has no dev_sent_emo\.csv"):
        read_meld(root)
