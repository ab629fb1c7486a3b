"""Readers against miniatures of the official layouts."""

from pathlib import Path

import numpy as np
import pytest

from emotrack.model.errors import UserError
from emotrack.training.corpora import majority, read_dialogues, read_faces, read_ravdess, read_samples, vote_shares
from emotrack.training.voice import ACTORS, of_split
from helpers.corpora import tone, write_dialogues, write_faces, write_ravdess, write_wav


def test_ravdess_is_read_from_its_file_names(tmp_path: Path) -> None:
    write_ravdess(tmp_path, range(1, 3))
    (tmp_path / "Actor_01" / "notes.txt").write_text("not a clip")
    write_wav(tmp_path / "Actor_01" / "03-02-05-01-01-01-01.wav", tone(0))  # a song, not speech
    write_wav(tmp_path / "Actor_01" / "03-01-05-02-01-01-01.wav", tone(0))
    clips = read_ravdess(tmp_path)
    assert len(clips) == 17
    assert {clip.actor: clip.female for clip in clips} == {1: False, 2: True}
    assert [clip.emotion for clip in clips if clip.strong] == ["anger"]
    assert {clip.emotion for clip in clips if clip.actor == 2} >= {"neutral", "calm", "joy", "surprise"}


def test_a_folder_without_speech_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no RAVDESS speech"):
        read_ravdess(tmp_path)


def test_sound_is_read_at_16_khz(tmp_path: Path) -> None:
    write_wav(tmp_path / "one.wav", np.repeat(tone(0), 3), rate=48_000)
    samples = read_samples(tmp_path / "one.wav")
    assert samples.dtype == np.float32
    assert len(samples) == pytest.approx(16_000, abs=32)


def test_the_actors_of_the_splits_differ_and_are_half_women() -> None:
    actors = [actor for split in ACTORS.values() for actor in split]
    assert sorted(actors) == list(range(1, 25))
    assert all(sum(actor % 2 for actor in split) * 2 == len(split) for split in ACTORS.values())


def test_a_split_holds_its_own_actors_only(tmp_path: Path) -> None:
    write_ravdess(tmp_path, range(13, 23), emotions=range(1, 2))
    clips = read_ravdess(tmp_path)
    heard = {name: {clip.actor for clip in of_split(clips, name)} for name in ACTORS}
    assert heard == {"train": {13, 14}, "fusion": {15, 16, 17, 18}, "dev": {19, 20}, "test": {21, 22}}


def test_faces_and_their_votes(tmp_path: Path) -> None:
    votes = np.array([[8, 2, 0, 0, 0, 0, 0, 0, 0, 0], [0, 9, 1, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0, 1, 9]])
    faces = read_faces(*write_faces(tmp_path, votes, ["train", "valid", "train"]))
    assert faces.images.shape == (3, 48, 48)
    assert faces.images[:, 0, 0].tolist() == [10, 30, 190]
    assert faces.of("train").votes.tolist() == votes[[0, 2]].tolist()


def test_images_of_another_table_are_refused(tmp_path: Path) -> None:
    images, labels = write_faces(tmp_path, np.eye(10, dtype=int), ["train"] * 10)
    labels.write_text("\n".join(labels.read_text().splitlines()[:-1]))
    with pytest.raises(UserError, match=r"10 images but .* 9 rows"):
        read_faces(images, labels)


def test_votes_are_counted_as_ferplus_counts_them() -> None:
    votes = np.array(
        [
            [6, 3, 1, 0, 0, 0, 0, 0, 0, 0],  # six of nine once the single vote is dropped
            [5, 5, 0, 0, 0, 0, 0, 0, 0, 0],  # a tie
            [5, 3, 2, 0, 0, 0, 0, 0, 0, 0],  # five of ten are no majority
            [0, 0, 1, 1, 1, 1, 1, 1, 1, 1],  # nothing is left
            [0, 2, 0, 0, 0, 0, 0, 0, 8, 0],  # unknown
        ]
    )
    assert majority(votes).tolist() == [0, -1, -1, -1, -1]
    assert vote_shares(votes)[0] == pytest.approx([6 / 9, 3 / 9, 0, 0, 0, 0, 0, 0, 0, 0])
    assert vote_shares(votes)[3].sum() == 0


def test_dialogues_keep_their_order(tmp_path: Path) -> None:
    rows = [
        ("MELD", "train", "0", "Ross", "Hi, you", "joy"),
        ("MELD", "train", "0", "Phoebe", "Go away.", "Anger"),
        ("MELD", "train", "1", "Ross", "Fine.", "neutral"),
        ("EmoryNLP", "train", "1", "Ross", "Fine.", "Sad"),
        ("MELD", "test", "1", "Ross", "Oh.", "sadness"),
    ]
    write_dialogues(tmp_path / "table.csv", rows)
    read = read_dialogues(tmp_path / "table.csv", "MELD")
    assert [(one.split, one.number, len(one.lines)) for one in read] == [("train", "0", 2), ("train", "1", 1), ("test", "1", 1)]
    assert read[0].lines[1].speaker == "Phoebe"
    assert read[0].lines[1].emotion == "anger"
    with pytest.raises(UserError, match="no dialogue of IEMOCAP"):
        read_dialogues(tmp_path / "table.csv", "IEMOCAP")


@pytest.mark.needs_data
def test_majorities_agree_with_the_reference_table(reference_data: Path) -> None:
    import csv

    from emotrack.model.face import EXPRESSIONS
    from emotrack.training.corpora import VOTES

    with (reference_data / "fer2013plus_labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    ours = majority(np.array([[int(row[name]) for name in VOTES] for row in rows]))
    theirs = [row["ferplus_majority"] for row in rows]
    expected = [EXPRESSIONS.index(name) if name in EXPRESSIONS else -1 for name in theirs]
    assert (ours == np.array(expected)).mean() > 0.99
