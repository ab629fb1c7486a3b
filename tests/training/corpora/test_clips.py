"""A table of one's own clips: read as dialogues, every mistake told with its line, turns of one file heard
and seen apart."""

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from emotrack.errors import UserError
from emotrack.model.configuration import MELD_CLASSES
from emotrack.training.corpora.open import open_corpus
from emotrack.training.features.sound import Unreadable, hear
from helpers.learning.corpora import RATE, tone, write_wav
from helpers.media.clips import AudioSpec, VideoSpec, cut_off, write_clip

COLUMNS = ("path", "start", "end", "speaker", "dialogue", "text", "label", "split")
ROW = {"path": "a.wav", "speaker": "Ann", "dialogue": "d1", "label": "joy", "split": "train"}


def write_table(folder: Path, *rows: Mapping[str, str]) -> Path:
    """A table of rows that change `ROW`, beside a sound a.wav of three seconds, which tells the second."""
    write_wav(folder / "a.wav", np.concatenate([tone(second) for second in range(3)]))
    with (folder / "clips.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        table.writerows({**ROW, **row} for row in rows)
    return folder / "clips.csv"


def test_rows_are_dialogues_wherever_they_stand(tmp_path: Path) -> None:
    (tmp_path / "video").mkdir()
    write_clip(tmp_path / "video" / "b.mp4", video=VideoSpec(), audio=AudioSpec(), duration=1.0, onset=0.1)
    table = write_table(
        tmp_path,
        {"start": "0", "end": "1.5", "text": " Hello. "},
        {"dialogue": "d2", "split": "test", "path": "video/b.mp4"},
        {"start": "1.5", "speaker": "Bob", "label": ""},
    )
    corpus = open_corpus("clips", table)
    assert [(one.row.name, one.row.speaker, one.row.label, one.row.text) for one in corpus.utterances] == [
        ("train/d1/0", "Ann", "joy", "Hello."),
        ("train/d1/1", "Bob", None, ""),
        ("test/d2/0", "Ann", "joy", ""),
    ]
    first, second, video = corpus.utterances
    assert (first.span, second.span, video.span) == ((0.0, 1.5), (1.5, None), (0.0, None))
    assert first.sound == tmp_path / "a.wav" and first.picture is None
    assert video.picture is not None and video.picture.path == video.sound == tmp_path / "video" / "b.mp4"
    assert corpus.modalities == ("text", "audio", "face", "body") and corpus.classes == MELD_CLASSES


def test_labels_that_meld_does_not_know_are_classes_of_their_own(tmp_path: Path) -> None:
    corpus = open_corpus("clips", write_table(tmp_path, {"label": "Bored"}, {"label": "calm"}, {"label": ""}))
    assert corpus.classes == ("bored", "calm") and corpus.modalities == ("audio",)
    with pytest.raises(UserError, match="has 'bored' for its only label"):
        open_corpus("clips", write_table(tmp_path, {"label": "Bored"}, {"label": ""}))


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"path": ""}, "has no path."),
        ({"path": "none.wav"}, "names 'none.wav', which is no file in "),
        (
            {"path": "clips.csv"},
            "names a file that cannot be used: clips.csv cannot be read as audio or video",
        ),
        ({"dialogue": " "}, "has no dialogue."),
        ({"speaker": ""}, "has no speaker."),
        ({"split": "validation"}, "has 'validation' as split, which must be one of train, dev, test."),
        ({"split": "dev"}, "is in dev but its dialogue 'd1' began in train: a dialogue is in one split."),
        ({"start": "soon"}, "has 'soon' as start, which must be a time in seconds."),
        ({"start": "-1"}, "has '-1' as start, which must be a time in seconds from 0 on."),
        ({"end": "nan"}, "has 'nan' as end, which must be a time in seconds from 0 on."),
        (
            {"start": "2", "end": "2"},
            "runs from 2 to 2 s; an utterance ends after it begins and lasts 60 s at most.",
        ),
        ({"end": "61"}, "runs from 0 to 61 s; an utterance ends after it begins"),
    ],
)
def test_a_bad_row_is_one_sentence_with_its_line(
    row: Mapping[str, str], sentence: str, tmp_path: Path
) -> None:
    table = write_table(tmp_path, {}, row)
    with pytest.raises(UserError) as told:
        open_corpus("clips", table)
    assert str(told.value).startswith(f"{table}, line 3, {sentence}")


def test_what_is_no_table_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder: give the CSV file"):
        open_corpus("clips", tmp_path)
    with pytest.raises(UserError, match="lists no clip"):
        open_corpus("clips", write_table(tmp_path))
    (tmp_path / "other.csv").write_text("path,label\n")
    with pytest.raises(UserError, match="has no column 'speaker'"):
        open_corpus("clips", tmp_path / "other.csv")


def test_turns_of_one_file_are_heard_apart(tmp_path: Path) -> None:
    write_table(tmp_path)
    spans = {0: (0.0, None), 1: (1.0, 2.0), 2: (0.5, 1.25), 3: (5.0, 6.0), 4: (2.5, None)}
    heard = hear(tmp_path / "a.wav", spans, RATE)
    whole = heard[0]
    assert not isinstance(whole, Unreadable) and 3 * RATE <= len(whole) < 3 * RATE + 512
    for number, (start, end) in {1: (1.0, 2.0), 2: (0.5, 1.25)}.items():
        np.testing.assert_array_equal(heard[number], whole[round(start * RATE) : round(end * RATE)])
    np.testing.assert_array_equal(heard[4], whole[round(2.5 * RATE) :])
    assert str(heard[3]) == "its sound ends before it begins"


def test_turns_before_the_damage_of_a_file_are_kept(tmp_path: Path) -> None:
    path = write_clip(
        tmp_path / "long.mp4", audio=AudioSpec(), duration=4.0, onset=0.1, options={"movflags": "faststart"}
    )
    cut_off(path, 0.5)
    heard = hear(path, {0: (0.0, 0.5), 1: (0.0, None), 2: (3.0, 3.5)}, RATE)
    assert not isinstance(heard[0], Unreadable) and len(heard[0]) == RATE // 2
    assert (
        isinstance(heard[1], Unreadable) and isinstance(heard[2], Unreadable) and "cut off" in str(heard[1])
    )
