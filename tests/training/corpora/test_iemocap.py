"""IEMOCAP against a miniature of its official layout."""

from pathlib import Path

import numpy as np
import pytest

from emotrack.errors import UserError
from emotrack.modalities import Modality
from emotrack.training.corpora.iemocap import CLASSES, folds, half_of, read_iemocap
from emotrack.training.features.store import open_store
from emotrack.training.tasks.network.data import with_held_out
from helpers.learning.corpora import Turn, dialogues_of, write_iemocap, write_iemocap_dialogue, write_store_of

TURNS = [
    Turn("F", "neu", "Excuse me.", 6.29, 8.24),
    Turn("M", "xxx", "Do you have your forms?", 10.01, 16.5),
    Turn("F", "ang", "Yeah.", 10.93, 12.1),  # within the turn of the other, and over first
    Turn("F", "fru", "Is there a problem?", 15.0, 18.0),
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_iemocap(tmp_path, TURNS)


def test_turns_come_in_the_order_of_their_ends(root: Path) -> None:
    corpus = read_iemocap(root)
    rows = [one.row for one in dialogues_of(corpus, "test")[0]]
    assert [(row.text, row.label, row.index) for row in rows] == [
        ("Excuse me.", "neutral", 0),
        ("Yeah.", "angry", 1),
        ("Do you have your forms?", None, 2),
        ("Is there a problem?", "frustrated", 3),
    ]
    assert [row.speaker for row in rows] == ["Ses05F", "Ses05F", "Ses05M", "Ses05F"]
    assert [row.sex for row in rows] == ["female", "female", "male", "female"]
    assert (rows[1].start, rows[1].end, rows[1].name) == (10.93, 12.1, "Ses05F_impro01_F001")


def test_the_one_with_the_markers_is_on_the_left(tmp_path: Path) -> None:
    write_iemocap(tmp_path, TURNS)
    write_iemocap_dialogue(tmp_path, "Ses01M_script01_1b", TURNS)
    for dialogue in ("Ses01F_impro01", "Ses01M_script01_1b"):
        video = tmp_path / "Session1/dialog/avi/DivX" / f"{dialogue}.avi"
        video.parent.mkdir(parents=True, exist_ok=True)
        video.touch()
    corpus = read_iemocap(tmp_path)
    seen = {one.row.name: one.picture for one in corpus.utterances if one.picture is not None}
    halves = {name: picture.half for name, picture in seen.items()}
    assert halves["Ses01F_impro01_F000"] == "left" and halves["Ses01F_impro01_M000"] == "right"
    assert halves["Ses01M_script01_1b_M000"] == "left" and halves["Ses01M_script01_1b_F000"] == "right"
    assert (seen["Ses01F_impro01_F001"].start, seen["Ses01F_impro01_F001"].end) == (10.93, 12.1)
    assert half_of("Ses03M_impro05a", "M") == "left"
    assert [
        one.sound is not None for one in corpus.utterances if one.row.dialogue == "Ses01M_script01_1b"
    ] == [True] * 4


def test_session_5_is_held_out_and_a_tenth_of_the_rest_is_dev(tmp_path: Path) -> None:
    corpus = read_iemocap(write_iemocap(tmp_path, TURNS[:1], improvisations=5))
    splits = {one.row.dialogue: one.row.split for one in corpus.utterances}
    assert {name for name, split in splits.items() if split == "test"} == {
        f"Ses05F_impro{number:02}" for number in range(1, 6)
    }
    assert {name for name, split in splits.items() if split == "dev"} == {"Ses02F_impro05", "Ses04F_impro05"}


def test_another_session_of_a_store_can_be_held_out(tmp_path: Path) -> None:
    rows = [one.row for one in read_iemocap(write_iemocap(tmp_path, TURNS[:1], improvisations=2)).utterances]
    tokens: list[dict[Modality, np.ndarray]] = [
        {"text": np.full((1, 2), number, np.float32)} for number in range(len(rows))
    ]
    store = open_store(write_store_of(tmp_path / "store", rows, tokens, CLASSES, corpus="iemocap"))
    assert with_held_out(store, None) is store
    for session in range(1, 6):
        chosen = with_held_out(store, session)
        tested = [index for dialogue in chosen.dialogues("test") for index in dialogue]
        assert {chosen.rows[index].dialogue for index in tested} == {
            f"Ses{session:02}F_impro{number:02}" for number in (1, 2)
        }
        assert all(chosen.tokens(index)["text"][0, 0] == index for index in tested)
    other = open_store(write_store_of(tmp_path / "other", rows, tokens, CLASSES, corpus="meld"))
    with pytest.raises(UserError, match="Only iemocap is cut into folds by its sessions, not meld"):
        with_held_out(other, 1)


def test_five_folds_test_every_dialogue_once() -> None:
    names = [f"Ses{session:02}F_impro{number:02}" for session in range(1, 6) for number in range(1, 8)]
    made = [folds(names, session) for session in range(1, 6)]
    for name in names:
        assert [fold[name] for fold in made].count("test") == 1
    for session, fold in enumerate(made, start=1):
        assert {name for name, split in fold.items() if split == "test"} == {
            name for name in names if int(name[3:5]) == session
        }
        assert list(fold.values()).count("dev") == 2


def test_missing_media_are_named_and_the_words_stay(root: Path) -> None:
    corpus = read_iemocap(root)
    assert (str(root / "Session1/dialog/avi/DivX"), "there is no such folder") in [
        (one.name, one.reason) for one in corpus.skipped
    ]
    assert all(one.sound is None and one.picture is None and one.row.text for one in corpus.utterances)


def test_a_turn_without_words_is_named(root: Path) -> None:
    words = root / "Session1/dialog/transcriptions/Ses01F_impro01.txt"
    words.write_text("\n".join(line for line in words.read_text().splitlines() if "_M000" not in line))
    corpus = read_iemocap(root)
    assert ("Ses01F_impro01_M000", "its words are missing from the transcription") in [
        (one.name, one.reason) for one in corpus.skipped
    ]
    assert [one.row.text for one in corpus.utterances if one.row.name == "Ses01F_impro01_M000"] == [""]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("[6.2900 - 8.2400]\tSes01F_impro01_F000\tneu", "line 3, is no turn"),
        ("[6.2900 - 8.2400]\tSes01F_impro01_F000\tjoy\t[2.5, 2.5, 2.5]", "line 3, is no turn"),
        ("[6.2900 - 8.2400]\tSes02F_impro01_F000\tneu\t[2.5, 2.5, 2.5]", "line 3, is no turn"),
        (
            "[8.2900 - 8.2400]\tSes01F_impro01_F000\tneu\t[2.5, 2.5, 2.5]",
            "line 3, has a turn that ends before it starts",
        ),
    ],
)
def test_a_malformed_line_is_named(root: Path, line: str, sentence: str) -> None:
    evaluation = root / "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt"
    lines = evaluation.read_text().splitlines()
    evaluation.write_text("\n".join([*lines[:2], line, *lines[3:]]))
    with pytest.raises(UserError, match=rf"Ses01F_impro01.txt, {sentence}"):
        read_iemocap(root)


def test_a_missing_session_is_named(root: Path) -> None:
    (root / "Session3").rename(root / "Elsewhere")
    with pytest.raises(UserError, match="has no folder Session3"):
        read_iemocap(root)


def test_an_empty_session_is_no_corpus(tmp_path: Path) -> None:
    for session in range(1, 6):
        (tmp_path / f"Session{session}").mkdir()
    with pytest.raises(UserError, match="has no evaluations"):
        read_iemocap(tmp_path)
