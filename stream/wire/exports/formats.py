"""The formats that a recording can be exported to: what each is for, what it keeps, what it cannot carry."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from emotrack.files import write_new
from emotrack.stream.wire.exports.elan import eaf_file
from emotrack.stream.wire.exports.emotionml import emotionml_file
from emotrack.stream.wire.exports.fitting import Files
from emotrack.stream.wire.exports.mcap import mcap_file
from emotrack.stream.wire.exports.nova import nova_files
from emotrack.stream.wire.exports.parquet import parquet_files
from emotrack.stream.wire.exports.rttm import rttm_file
from emotrack.stream.wire.exports.subtitles import srt_file, vtt_files
from emotrack.stream.wire.exports.tables import bids_files, csv_file
from emotrack.stream.wire.recordings.conversation import Conversation


@dataclass(frozen=True)
class Format:
    """One format; `write` makes its files. Texts are Markdown."""

    suffix: str
    """How its file ends, or the first of several."""
    files: Callable[[Conversation], Files]
    """The content of each file by how its name ends."""
    purpose: str
    keeps: str
    lacks: str
    """What it cannot carry, or not as it was."""
    one_text: bool = False
    """Whether it is a single file of text, which standard output can have."""

    def write(self, conversation: Conversation, target: Path) -> list[Path]:
        """Write a session; files are named by `target`, with or without the format's suffix.

        Gives their paths. Raises `UserError` where one is there already or cannot be written, and
        `ModuleNotFoundError` where a package is missing.
        """
        base = str(target).removesuffix(self.suffix)
        files = {Path(base + ending): content for ending, content in self.files(conversation).items()}
        write_new(files)
        return list(files)


_TIMES = "times to 1 ms"
_NO_PEOPLE = "how people were while they were silent, faces"
_OTHERS = "who spoke over others"

FORMATS: dict[str, Format] = {
    "vtt": Format(
        ".vtt",
        vtt_files,
        "web players and video editors; `.metadata.vtt` for programs on a page",
        f"captions: words, speaker, label as a class, {_TIMES}; metadata: whole `emotion` and `person` "
        "messages",
        "faces; words on several lines become one",
    ),
    "srt": Format(
        ".srt",
        srt_file,
        "any video player",
        f"speaker, label and words as people read them, {_TIMES}",
        f"scores, valence, arousal, {_OTHERS}, {_NO_PEOPLE}; `<` and `>`, for which `‹` and `›` stand",
        one_text=True,
    ),
    "eaf": Format(
        ".eaf",
        eaf_file,
        "ELAN",
        "a tier for each speaker of words, label, confidence, scores, valence, arousal, what is missing, "
        f"steady states; {_TIMES}",
        f"faces, {_OTHERS}, control characters",
        one_text=True,
    ),
    "annotation": Format(
        ".annotation",
        nova_files,
        "NOVA and DISCOVER",
        f"for each speaker labels, confidence and words, {_TIMES}; valence and arousal every 0.1 s",
        f"scores of other labels, {_OTHERS}, {_NO_PEOPLE}; `;` and `\"` in words, for which `,` and `'` "
        "stand",
    ),
    "emotionml": Format(
        ".emotionml",
        emotionml_file,
        "whatever speaks the W3C's language for emotions",
        "label, every score, valence and arousal as (v + 1) / 2, speaker, words, modalities, absolute times "
        "to 1 ms",
        f"{_OTHERS}, {_NO_PEOPLE}, control characters",
        one_text=True,
    ),
    "csv": Format(
        ".csv",
        csv_file,
        "Excel, LibreOffice, R, pandas",
        "a row an utterance with everything that its label says, numbers in full",
        f"{_NO_PEOPLE}, control characters; an apostrophe stands before text that a spreadsheet would "
        "compute",
        one_text=True,
    ),
    "parquet": Format(
        ".parquet",
        parquet_files,
        "pandas, Polars, DuckDB, Spark",
        "utterances, people and faces as three tables, every value as it was",
        "partial labels, load and errors of the session",
    ),
    "bids": Format(
        "_events.tsv",
        bids_files,
        "MNE and others that read BIDS, beside EEG",
        "onset, duration, label as `trial_type`, and everything that the label says; a sidecar that says "
        "what columns mean",
        f"{_NO_PEOPLE}; words on several lines become one",
    ),
    "mcap": Format(
        ".mcap",
        mcap_file,
        "Foxglove, and robots beside their own topics",
        "every message as it was published, compressed, with an index",
        "nothing",
    ),
    "rttm": Format(
        ".rttm",
        rttm_file,
        "pyannote and others that measure who spoke when",
        f"speakers, and who spoke over others, {_TIMES}",
        "everything else",
        one_text=True,
    ),
}
