"""EmoDB (Burkhardt et al. 2005), acted German speech, for evaluation only: is the voice network of any use in another language?"""

from pathlib import Path

from emotrack.model.errors import UserError
from emotrack.model.formats import VOICE_EMOTIONS
from emotrack.training.corpora.records import Corpus, Missing, Row, Sex, Utterance
from emotrack.training.corpora.tables import read_table_rows

TABLE = "speech_labels.csv"
EMOTIONS = ("neutral", "joy", "sadness", "anger", "fear", "disgust", "boredom")
"""The seven emotions acted; boredom has no counterpart among RAVDESS's, so its clips have no label."""
_SEXES: dict[str, Sex] = {"f": "female", "m": "male"}


def read_emodb(folder: Path) -> Corpus:
    """The clips that the table of `folder` lists as EmoDB's, all of them in the split "test"."""
    missing, utterances = Missing(), []
    for row in read_table_rows(folder / TABLE, ("path", "dataset", "speaker", "emotion", "text", "gender")):
        if row["dataset"] != "EmoDB":
            continue
        emotion = row.one_of("emotion", EMOTIONS)
        name = Path(row["path"]).stem
        described = Row(
            name=name,
            dialogue=name,
            index=0,
            split="test",
            speaker=row["speaker"],
            text=row["text"],
            label=emotion if emotion in VOICE_EMOTIONS else None,
            sex=_SEXES[row.one_of("gender", tuple(_SEXES))],
        )
        utterances.append(Utterance(described, sound=missing.find(folder / row["path"], name)))
    if not utterances:
        raise UserError(f"{folder / TABLE} lists no clip of EmoDB; check the names in its column dataset.")
    return Corpus("emodb", VOICE_EMOTIONS, ("audio",), tuple(utterances), tuple(missing.skipped), acted=True)
