"""Speech by many speakers from one table: acted in other languages than RAVDESS's (EmoDB among them), and
ordinary, which means no emotion."""

import zlib
from dataclasses import dataclass
from pathlib import Path

from emotrack.errors import UserError
from emotrack.model.formats import VOICE_EMOTIONS
from emotrack.training.corpora.records import Corpus, CorpusRow, CorpusUtterance, Missing, Sex
from emotrack.training.corpora.tables import read_table_rows

TABLE = "speech_labels.csv"
EMODB_EMOTIONS = ("neutral", "joy", "sadness", "anger", "fear", "disgust", "boredom")
"""The seven emotions acted; boredom has no counterpart among RAVDESS's, so its clips have no label."""
_EMODB_SEXES: dict[str, Sex] = {"f": "female", "m": "male"}


def read_emodb(folder: Path) -> Corpus:
    """The clips that the table of `folder` lists as EmoDB's, all of them in the split "test"."""
    missing, utterances = Missing(), []
    for row in read_table_rows(folder / TABLE, ("path", "dataset", "speaker", "emotion", "text", "gender")):
        if row["dataset"] != "EmoDB":
            continue
        emotion = row.one_of("emotion", EMODB_EMOTIONS)
        name = Path(row["path"]).stem
        described = CorpusRow(
            name=name,
            dialogue=name,
            index=0,
            split="test",
            speaker=row["speaker"],
            text=row["text"],
            label=emotion if emotion in VOICE_EMOTIONS else None,
            sex=_EMODB_SEXES[row.one_of("gender", tuple(_EMODB_SEXES))],
        )
        utterances.append(CorpusUtterance(described, sound=missing.find(folder / row["path"], name)))
    if not utterances:
        raise UserError(f"{folder / TABLE} lists no clip of EmoDB; check the names in its column dataset.")
    return Corpus("emodb", VOICE_EMOTIONS, ("audio",), tuple(utterances), tuple(missing.skipped), acted=True)


EMOTIONS = {
    "neutral": "neutral",
    "happy": "joy",
    "sad": "sadness",
    "angry": "anger",
    "fearful": "fear",
    "surprised": "surprise",
}
"""What the table calls each emotion, and RAVDESS's name of it."""
_SEXES: dict[str, Sex | None] = {"f": "female", "m": "male", "": None}
_SHARES = {"train": 5, "fusion": 7, "dev": 8, "test": 10}
"""Where each split ends when speakers are dealt out by tenths."""


@dataclass(frozen=True, slots=True)
class SpeechCorpus:
    """One corpus of the table."""

    dataset: str
    """Its name in the table's column `dataset`."""
    splits: dict[str, tuple[str, ...]] | None = None
    """Its speakers by split; None for so many that they are dealt out."""


SPOKEN = {
    "nemo": SpeechCorpus(
        "nEMO",
        {
            "train": ("nemo_KS0", "nemo_WR0", "nemo_EB0", "nemo_KD0", "nemo_SM0"),
            "fusion": ("nemo_IC0", "nemo_TP0"),
            "dev": ("nemo_MP0",),
            "test": ("nemo_MK0",),
        },
    ),
    "ased": SpeechCorpus("ASED"),
    "urdu": SpeechCorpus("URDU"),
    "ordinary": SpeechCorpus("LibriSpeech"),
}
"""By the names that the command line knows them by: nEMO (Christop 2024), acted Polish; ASED (Retta et al.
2023), acted Amharic; URDU (Latif et al. 2018), talk shows; and readers of LibriSpeech (Panayotov et al.
2015)."""


def read_spoken(name: str, folder: Path) -> Corpus:
    """The clips that the table of `folder` lists as those of the corpus `name`.

    Raises `UserError` where it lists none, or one of a speaker or an emotion that the corpus does not have.
    """
    corpus, missing, utterances = SPOKEN[name], Missing(), []
    for row in read_table_rows(folder / TABLE, ("path", "dataset", "speaker", "emotion", "text", "gender")):
        if row["dataset"] != corpus.dataset:
            continue
        clip = Path(row["path"]).stem
        described = CorpusRow(
            name=clip,
            dialogue=clip,
            index=0,
            split=_split(corpus, row["speaker"], row.where),
            speaker=row["speaker"],
            text=row["text"],
            label=EMOTIONS[row.one_of("emotion", tuple(EMOTIONS))],
            sex=_SEXES[row.one_of("gender", tuple(_SEXES))],
        )
        utterances.append(CorpusUtterance(described, sound=missing.find(folder / row["path"], clip)))
    if not utterances:
        raise UserError(
            f"{folder / TABLE} lists no clip of {corpus.dataset}; check the names in its column dataset."
        )
    return Corpus(
        name,
        VOICE_EMOTIONS,
        ("audio",),
        tuple(utterances),
        tuple(missing.skipped),
        acted=True,
        disturbed=("fusion",),
    )


def _split(corpus: SpeechCorpus, speaker: str, where: str) -> str:
    if corpus.splits is None:
        tenth = zlib.crc32(speaker.encode()) % 10
        return next(split for split, end in _SHARES.items() if tenth < end)
    found = [split for split, speakers in corpus.splits.items() if speaker in speakers]
    if not found:
        raise UserError(
            f"{where} has {speaker!r} as speaker, who is none of {corpus.dataset}'s; is it the right table?"
        )
    return found[0]
