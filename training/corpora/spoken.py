"""Speech by many speakers from one table: acted in other languages than RAVDESS's, and ordinary, which means no emotion.

Who is in which split goes by speaker, as everywhere: no voice that the network is judged on, or that fusion learns from, is one
that it has heard.
"""

import zlib
from dataclasses import dataclass
from pathlib import Path

from emotrack.model.errors import UserError
from emotrack.model.formats import VOICE_EMOTIONS
from emotrack.training.corpora.emodb import TABLE
from emotrack.training.corpora.records import Corpus, Missing, Row, Sex, Utterance
from emotrack.training.corpora.tables import read_table_rows

EMOTIONS = {"neutral": "neutral", "happy": "joy", "sad": "sadness", "angry": "anger", "fearful": "fear", "surprised": "surprise"}
"""What the table calls each emotion, and RAVDESS's name of it."""
_SEXES: dict[str, Sex | None] = {"f": "female", "m": "male", "": None}
_SHARES = {"train": 5, "fusion": 7, "dev": 8, "test": 10}
"""Where each split ends when speakers are dealt out by tenths."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """One corpus of the table."""

    dataset: str
    """Its name in the table's column `dataset`."""
    splits: dict[str, tuple[str, ...]] | None = None
    """Its speakers by split; None for so many that they are dealt out."""


SPOKEN = {
    "nemo": Spoken(
        "nEMO",
        {
            "train": ("nemo_KS0", "nemo_WR0", "nemo_EB0", "nemo_KD0", "nemo_SM0"),
            "fusion": ("nemo_IC0", "nemo_TP0"),
            "dev": ("nemo_MP0",),
            "test": ("nemo_MK0",),
        },
    ),
    "ased": Spoken("ASED"),
    "urdu": Spoken("URDU"),
    "ordinary": Spoken("LibriSpeech"),
}
"""By the names that the command line knows them by: nEMO (Christop 2024), acted Polish; ASED (Retta et al. 2023), acted Amharic;
URDU (Latif et al. 2018), talk shows; and readers of LibriSpeech (Panayotov et al. 2015)."""


def read_spoken(name: str, folder: Path) -> Corpus:
    """The clips that the table of `folder` lists as those of the corpus `name`.

    Raises `UserError` where it lists none, or one of a speaker or an emotion that the corpus does not have.
    """
    corpus, missing, utterances = SPOKEN[name], Missing(), []
    for row in read_table_rows(folder / TABLE, ("path", "dataset", "speaker", "emotion", "text", "gender")):
        if row["dataset"] != corpus.dataset:
            continue
        clip = Path(row["path"]).stem
        described = Row(
            name=clip,
            dialogue=clip,
            index=0,
            split=_split(corpus, row["speaker"], row.where),
            speaker=row["speaker"],
            text=row["text"],
            label=EMOTIONS[row.one_of("emotion", tuple(EMOTIONS))],
            sex=_SEXES[row.one_of("gender", tuple(_SEXES))],
        )
        utterances.append(Utterance(described, sound=missing.find(folder / row["path"], clip)))
    if not utterances:
        raise UserError(f"{folder / TABLE} lists no clip of {corpus.dataset}; check the names in its column dataset.")
    return Corpus(name, VOICE_EMOTIONS, ("audio",), tuple(utterances), tuple(missing.skipped), acted=True, disturbed=("fusion",))


def _split(corpus: Spoken, speaker: str, where: str) -> str:
    if corpus.splits is None:
        tenth = zlib.crc32(speaker.encode()) % 10
        return next(split for split, end in _SHARES.items() if tenth < end)
    found = [split for split, speakers in corpus.splits.items() if speaker in speakers]
    if not found:
        raise UserError(f"{where} has {speaker!r} as speaker, who is none of {corpus.dataset}'s; is it the right table?")
    return found[0]
