"""Readers against miniatures of the official layouts: acted speech, faces, dialogue tables, features."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emotrack.errors import UserError
from emotrack.model.formats import EXPRESSIONS
from emotrack.training.corpora.ferplus import (
    VOTES,
    fusion_splits,
    majority,
    read_faces,
    read_ferplus,
    vote_shares,
)
from emotrack.training.corpora.open import CORPORA, open_corpus
from emotrack.training.corpora.ravdess import ACTORS, read_ravdess, read_samples
from emotrack.training.corpora.texts import (
    TextDialogue,
    TextLine,
    read_dialogues,
    read_emocontext,
    read_goemotions,
    shared_dialogues,
)
from helpers.learning.corpora import (
    dialogues_of,
    mosi_arrays,
    tone,
    write_dialogues,
    write_emodb,
    write_faces,
    write_mosi,
    write_ravdess,
    write_spoken,
    write_wav,
)


def test_ravdess_is_read_from_its_file_names(tmp_path: Path) -> None:
    write_ravdess(tmp_path, range(1, 3))
    (tmp_path / "Actor_01" / "notes.txt").write_text("not a clip")
    write_wav(tmp_path / "Actor_01" / "03-02-05-01-01-01-01.wav", tone(0))  # a song, not speech
    write_wav(tmp_path / "Actor_01" / "03-01-05-02-01-01-01.wav", tone(0))
    clips = read_ravdess(tmp_path)
    assert len(clips) == 17
    assert {clip.actor: clip.female for clip in clips} == {1: False, 2: True}
    assert {clip.emotion for clip in clips if clip.actor == 2} >= {"neutral", "calm", "joy", "surprise"}


def test_a_folder_without_speech_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no RAVDESS speech"):
        read_ravdess(tmp_path)


@pytest.mark.parametrize("name", ["03-01-09-01-01-01-01.wav", "03-01-05-01-01-01-x.wav"])
def test_numbers_that_mean_nothing_are_refused(tmp_path: Path, name: str) -> None:
    write_wav(tmp_path / name, tone(0))
    with pytest.raises(UserError, match=f"{name} is not named as RAVDESS"):
        read_ravdess(tmp_path)


def test_an_actor_too_many_is_refused(tmp_path: Path) -> None:
    write_ravdess(tmp_path, range(25, 26), range(1, 2))
    with pytest.raises(UserError, match="is of actor 25"):
        open_corpus("ravdess", tmp_path)


def test_sound_is_read_at_16_khz(tmp_path: Path) -> None:
    write_wav(tmp_path / "one.wav", np.repeat(tone(0), 3), rate=48_000)
    samples = read_samples(tmp_path / "one.wav")
    assert samples.dtype == np.float32
    assert len(samples) == pytest.approx(16_000, abs=32)


def test_what_is_no_sound_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one.wav").write_bytes(b"RIFF and nothing that follows")
    with pytest.raises(UserError, match=r"one\.wav cannot be decoded"):
        read_samples(tmp_path / "one.wav")


def test_the_actors_of_the_splits_differ_and_are_half_women() -> None:
    actors = [actor for split in ACTORS.values() for actor in split]
    assert sorted(actors) == list(range(1, 25))
    assert all(sum(actor % 2 for actor in split) * 2 == len(split) for split in ACTORS.values())


def test_a_split_holds_its_own_actors_only(tmp_path: Path) -> None:
    write_ravdess(tmp_path, range(13, 23), emotions=range(1, 2))
    clips = read_ravdess(tmp_path)
    heard = {name: {clip.actor for clip in clips if clip.actor in ACTORS[name]} for name in ACTORS}
    assert heard == {"train": {13, 14}, "fusion": {15, 16, 17, 18}, "dev": {19, 20}, "test": {21, 22}}
    rows = [one.row for one in open_corpus("ravdess", tmp_path).utterances]
    assert {split: {int(row.speaker[-2:]) for row in rows if row.split == split} for split in ACTORS} == heard
    assert all(row.sex == ("male" if int(row.speaker[-2:]) % 2 else "female") for row in rows)


def test_copies_are_of_the_split_that_fusion_learns_from(tmp_path: Path) -> None:
    write_ravdess(tmp_path, range(14, 17), emotions=range(1, 3))
    corpus = open_corpus("ravdess", tmp_path).with_copies(2)
    assert [(one.row.version, one.row.split) for one in corpus.utterances[6:]] == [(1, "fusion")] * 4 + [
        (2, "fusion")
    ] * 4
    assert [len(group) for group in dialogues_of(corpus, "fusion")] == [1] * 4, (
        "each clip is a dialogue, and copies are none"
    )


def test_emodb_is_for_testing_and_boredom_has_no_label(tmp_path: Path) -> None:
    write_emodb(tmp_path, {"03a01Fa.wav": "joy", "03a01La.wav": "boredom"})
    (tmp_path / "emodb" / "03a01La.wav").unlink()
    corpus = open_corpus("emodb", tmp_path)
    rows = [one.row for one in corpus.utterances]
    assert [(row.name, row.split, row.label, row.sex) for row in rows] == [
        ("03a01Fa", "test", "joy", "female"),
        ("03a01La", "test", None, "female"),
    ]
    assert [(one.name, one.reason) for one in corpus.skipped] == [("03a01La", "03a01La.wav is missing")]
    assert corpus.utterances[1].sound is None


def test_a_table_without_emodb_is_refused(tmp_path: Path) -> None:
    write_emodb(tmp_path, {})
    with pytest.raises(UserError, match="lists no clip of EmoDB"):
        open_corpus("emodb", tmp_path)


def test_speech_of_one_table_is_split_by_speaker(tmp_path: Path) -> None:
    clips = [
        ("nEMO", "nemo_KS0", "happy"),
        ("nEMO", "nemo_IC0", "surprised"),
        ("nEMO", "nemo_MP0", "sad"),
        ("nEMO", "nemo_MK0", "angry"),
    ]
    readers = [("LibriSpeech", f"libri_{number}", "neutral") for number in range(40) for _ in range(2)]
    write_spoken(tmp_path, [*clips, *readers])
    rows = [one.row for one in open_corpus("nemo", tmp_path).utterances]
    assert [(row.split, row.label, row.sex) for row in rows] == [
        ("train", "joy", "female"),
        ("fusion", "surprise", "female"),
        ("dev", "sadness", "female"),
        ("test", "anger", "female"),
    ]
    ordinary = [one.row for one in open_corpus("ordinary", tmp_path).utterances]
    assert {row.label for row in ordinary} == {"neutral"} and {row.sex for row in ordinary} == {None}
    assert {row.split for row in ordinary} == {"train", "fusion", "dev", "test"}
    assert len({(row.speaker, row.split) for row in ordinary}) == 40, "a reader is in one split"


def test_a_table_of_other_speech_is_refused(tmp_path: Path) -> None:
    write_spoken(tmp_path, [("nEMO", "nemo_XX0", "happy"), ("URDU", "urdu_SM1", "amused")])
    with pytest.raises(UserError, match="line 2, has 'nemo_XX0' as speaker, who is none of nEMO's"):
        open_corpus("nemo", tmp_path)
    with pytest.raises(
        UserError, match="line 3, has 'amused' as emotion, which must be one of neutral, happy"
    ):
        open_corpus("urdu", tmp_path)
    with pytest.raises(UserError, match="lists no clip of ASED"):
        open_corpus("ased", tmp_path)


def test_faces_and_their_votes(tmp_path: Path) -> None:
    votes = np.array(
        [[8, 2, 0, 0, 0, 0, 0, 0, 0, 0], [0, 9, 1, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0, 1, 9]]
    )
    faces = read_faces(*write_faces(tmp_path, votes, ["train", "valid", "train"]))
    assert faces.images.shape == (3, 48, 48)
    assert faces.images[:, 0, 0].tolist() == [10, 30, 190]
    assert faces.of("train").votes.tolist() == votes[[0, 2]].tolist()


def test_faces_as_utterances(tmp_path: Path) -> None:
    images, labels = write_faces(
        tmp_path, np.eye(10, dtype=int)[[0, 1, 1, 9]] * 5, ["train", "valid", "valid", "test"]
    )
    images.rename(tmp_path / "fer2013plus_48x48_webp.npz")
    labels.rename(tmp_path / "fer2013plus_labels.csv")
    corpus = read_ferplus(tmp_path).with_copies(3)
    rows = [(one.row.split, one.row.label, one.row.version) for one in corpus.utterances]
    assert rows[:4] == [
        ("train", "neutral", 0),
        ("dev", "happiness", 0),
        ("fusion", "happiness", 0),
        ("test", None, 0),
    ]
    assert rows[4:] == [("fusion", "happiness", 1)], "an image has one copy, its mirror image"
    assert corpus.utterances[0].row.votes == (5, 0, 0, 0, 0, 0, 0, 0, 0, 0)


def test_a_quarter_of_valid_is_kept_to_check_on() -> None:
    named = fusion_splits(np.array(["valid"] * 8 + ["train"]))
    assert named.tolist() == ["dev", "fusion", "fusion", "fusion"] * 2 + ["train"]


def test_images_of_another_table_are_refused(tmp_path: Path) -> None:
    images, labels = write_faces(tmp_path, np.eye(10, dtype=int), ["train"] * 10)
    labels.write_text("\n".join(labels.read_text().splitlines()[:-1]))
    with pytest.raises(UserError, match=r"10 images but .* 9 rows"):
        read_faces(images, labels)


def test_votes_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    images, labels = write_faces(tmp_path, np.eye(10, dtype=int), ["train"] * 10)
    labels.write_text(labels.read_text().replace("train,0,1", "train,none,1"))
    with pytest.raises(UserError, match=r"faces.csv, line 3, has 'none' as votes_neutral"):
        read_faces(images, labels)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    images, labels = write_faces(tmp_path, np.eye(10, dtype=int), ["train"] * 10)
    images.write_bytes(images.read_bytes()[:100])
    with pytest.raises(UserError, match="is damaged or no archive"):
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


ROWS = [
    ("MELD", "train", "0", "Ross", "Hi, you", "joy"),
    ("MELD", "train", "0", "Phoebe", "Go away.", "Anger"),
    ("MELD", "train", "1", "Ross", "Fine.", "neutral"),
    ("EmoryNLP", "train", "1", "Ross", "Fine.", "Sad"),
    ("MELD", "test", "1", "Ross", "Oh.", "sadness"),
]


def test_dialogues_keep_their_order(tmp_path: Path) -> None:
    write_dialogues(tmp_path / "table.csv", ROWS)
    read = read_dialogues(tmp_path / "table.csv", "MELD")
    assert [(one.split, one.number, len(one.lines)) for one in read] == [
        ("train", "0", 2),
        ("train", "1", 1),
        ("test", "1", 1),
    ]
    assert read[0].lines[1].speaker == "Phoebe"
    assert read[0].lines[1].emotion == "anger"
    with pytest.raises(UserError, match="no dialogue of IEMOCAP"):
        read_dialogues(tmp_path / "table.csv", "IEMOCAP")


def test_a_table_is_a_corpus_of_words_alone(tmp_path: Path) -> None:
    write_dialogues(tmp_path / "text_dialogues.csv", ROWS)
    corpus = open_corpus("meld", tmp_path)
    assert corpus.modalities == ("text",)
    assert [[one.row.text for one in group] for group in dialogues_of(corpus, "train")] == [
        ["Hi, you", "Go away."],
        ["Fine."],
    ]
    assert [one.row.label for one in open_corpus("emorynlp", tmp_path / "text_dialogues.csv").utterances] == [
        "sad"
    ]
    copies = [one.row for one in corpus.with_copies(1).utterances if one.row.version]
    assert {row.split for row in copies} <= {"train", "dev"} and [row.text for row in copies] == [
        "Hi, you",
        "Go away.",
        "Fine.",
    ]
    with pytest.raises(UserError, match="no split that is disturbed"):
        replace(corpus, disturbed=()).with_copies(1)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("MELD,train,0,Ross,Hi,bored", r"line 3, has 'bored' as emotion, which must be one of neutral, joy"),
        ("MELD,other,0,Ross,Hi,joy", r"line 3, has 'other' as split, which must be one of train, dev, test"),
        ("MELD,train,0,Ross,Hi", r"line 3, has 5 values for 6 columns"),
        ('MELD,train,0,Ross,"Hi,joy', r"line 3, is not valid CSV"),
    ],
)
def test_a_malformed_row_is_named(tmp_path: Path, line: str, sentence: str) -> None:
    table = tmp_path / "table.csv"
    table.write_text(f"dataset,split,dialogue,speaker,text,emotion\nMELD,train,0,Ross,Hi,joy\n{line}\n")
    with pytest.raises(UserError, match=sentence):
        open_corpus("meld", table)


def test_comments_have_any_number_of_emotions_and_chats_one_for_the_last_turn(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("split,emotions,text\ntrain,Joy|anger,Hi\ndev,neutral,\n")
    assert read_goemotions(table) == [
        TextDialogue("train", "0", (TextLine("a", "Hi", "joy|anger"),)),
        TextDialogue("dev", "1", (TextLine("a", "", "neutral"),)),
    ]
    table.write_text("split,emotion,turn1,turn2,turn3\ntest,angry,Hi,you,no\n")
    turns = (TextLine("a", "Hi", ""), TextLine("b", "you", ""), TextLine("a", "no", "angry"))
    assert read_emocontext(table) == [TextDialogue("test", "0", turns)]
    table.write_text("split,emotions,text\ntrain,joy|bored,Hi\n")
    with pytest.raises(
        UserError,
        match=r"line 2, has 'joy\|bored' as emotions, which must be of neutral, .*, joined by bars\.$",
    ):
        read_goemotions(table)
    with pytest.raises(UserError, match=r"has no column 'emotion'; is it the right table\?$"):
        read_emocontext(table)


def test_scenes_that_meld_has_in_another_split_are_left_out_of_emorynlp(tmp_path: Path) -> None:
    lines = [
        "MELD,train,0,Ross,You ate the last of my sandwiches!,anger", "MELD,dev,0,Ross,And now we go to "
                                                                      "the moon.,joy",
        "MELD,test,0,Ross,There is nothing left to say.,sadness", "EmoryNLP,train,1,a,Well. And now we go "
                                                                  "to the moon!,joyful",
        "EmoryNLP,train,2,a,You ate the last of my sandwiches.,mad", "EmoryNLP,dev,3,a,There is nothing "
                                                                     "left to say,sad",
        "EmoryNLP,dev,4,a,You ate the last of my sandwiches,mad", "EmoryNLP,test,5,a,You ate the last of "
                                                                  "my sandwiches,mad",
        "EmoryNLP,test,6,a,Hello.,neutral",
    ]  # fmt: skip
    table = tmp_path / "table.csv"
    table.write_text("\n".join(["dataset,split,dialogue,speaker,text,emotion", *lines]))
    found = open_corpus("emorynlp", table)
    assert [one.row.dialogue for one in found.utterances] == ["2", "6"]
    assert [one.name for one in found.skipped] == ["4 dialogues"]
    table.write_text(
        "\n".join(
            ["dataset,split,dialogue,speaker,text,emotion", *(one for one in lines if one.startswith("Em"))]
        )
    )
    assert len(open_corpus("emorynlp", table).utterances) == 6 and not open_corpus("emorynlp", table).skipped


def test_comments_with_one_emotion_and_sentences_to_judge(tmp_path: Path) -> None:
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "goemotions_ekman.csv").write_text(
        "split,emotions,text\ntrain,joy,a\ntest,joy|anger,b\ntest,fear,c\n"
    )
    (tmp_path / "text" / "emobank.csv").write_text(
        "id,split,V,A,D,text\nx,test,1.0,3.5,3,Oh\ny,dev,1,1,1,No\n"
    )
    assert [(one.row.text, one.row.label) for one in open_corpus("goemotions", tmp_path).utterances] == [
        ("a", "joy"),
        ("c", "fear"),
    ]
    (found,) = open_corpus("emobank", tmp_path / "text").utterances
    assert (found.row.text, found.row.label, found.row.valence, found.row.arousal) == ("Oh", None, -1.0, 0.25)
    for wrong in ("7", "nan", "much", ""):
        (tmp_path / "ratings.csv").write_text(f"id,split,V,A,D,text\nx,test,3,{wrong},3,Oh\n")
        with pytest.raises(
            UserError, match=rf"line 2, has '{wrong}' as A, which must be a number from 1 to 5\.$"
        ):
            open_corpus("emobank", tmp_path / "ratings.csv")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"a,b\n1,2\n", "has no column 'dataset'"), (b"dataset\xff,\n", "not text in UTF-8")],
)
def test_another_file_is_no_table(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "table.csv").write_bytes(content)
    with pytest.raises(UserError, match=sentence):
        open_corpus("dailydialog", tmp_path / "table.csv")


def test_unknown_corpora_and_places_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There is no corpus 'cremad'; choose one of meld, emorynlp"):
        open_corpus("cremad", tmp_path)
    for name in CORPORA:
        with pytest.raises(UserError, match=r"There is no .*nowhere; give the folder or file"):
            open_corpus(name, tmp_path / "nowhere")


def said(split: str, number: str, *texts: str) -> TextDialogue:
    return TextDialogue(split, number, tuple(TextLine("Ross", text, "neutral") for text in texts))


def test_dialogues_that_share_a_sentence_are_named() -> None:
    held_out = [said("test", "0", "Well — you’re never going to guess it! Hi there.", "And what is that?")]
    candidates = [
        said("train", "1", "Oh, you're never going to guess it."),  # the sentence has a word more
        said(
            "train",
            "2",
            "Nothing.",
            "So… You're never going to guess it, right?",
            "Well, YOU'RE never going to guess it!!",
        ),
        said("dev", "3", "Hi there. And what is that?"),  # shared sentences, but short ones
    ]
    assert shared_dialogues(candidates, held_out) == {("train", "2")}


def test_mosi_is_ordered_and_keeps_whole_videos_for_dev(tmp_path: Path) -> None:
    videos = [7, 7, 1, 1, 2, 2, 3, 3, 5, 5]
    arrays = mosi_arrays({"train": videos, "test": [9, 9]})
    write_mosi(tmp_path, arrays)
    corpus = open_corpus("mosi", tmp_path)
    assert {row.dialogue for one in corpus.utterances if (row := one.row).split == "dev"} == {"7"}
    assert [one.row.index for one in dialogues_of(corpus, "train")[0]] == [6, 7]
    first = dialogues_of(corpus, "dev")[0][0]
    assert first.given is not None and (first.row.index, first.row.label) == (8, "positive")
    assert {stream: tokens.shape for stream, tokens in first.given.items()} == {
        "text": (1, 100),
        "audio": (1, 73),
        "face": (1, 100),
    }


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        ({"train_label": np.array([0, 2])}, "do not go together"),
        ({"train_label": np.array([0])}, "do not go together"),
        ({"test_audio": np.zeros((1, 9), np.float32)}, "do not go together"),
        ({"train_text": np.zeros(2, np.float32)}, "no array train_text of 2 dimensions"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    tmp_path: Path, spoil: dict[str, np.ndarray], sentence: str
) -> None:
    write_mosi(tmp_path, {**mosi_arrays({"train": [1, 1], "test": [2]}), **spoil})
    with pytest.raises(UserError, match=sentence):
        open_corpus("mosi", tmp_path)


@pytest.mark.needs_data
def test_majorities_agree_with_the_reference_table(reference_data: Path) -> None:
    import csv

    with (reference_data / "fer2013plus_labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    ours = majority(np.array([[int(row[name]) for name in VOTES] for row in rows]))
    theirs = [row["ferplus_majority"] for row in rows]
    expected = [EXPRESSIONS.index(name) if name in EXPRESSIONS else -1 for name in theirs]
    assert (ours == np.array(expected)).mean() > 0.99


@pytest.mark.needs_data
def test_emorynlp_shares_scenes_with_meld(reference_data: Path) -> None:
    table = reference_data / "text_dialogues.csv"
    held_out = [dialogue for dialogue in read_dialogues(table, "MELD") if dialogue.split != "train"]
    emory = read_dialogues(table, "EmoryNLP")
    assert 100 < len(shared_dialogues(emory, held_out)) < 200
