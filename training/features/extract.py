"""A whole corpus described into a store: what is planned, and the carrying out."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from emotrack.engines.encoders import Encoders
from emotrack.model.configuration import Stream
from emotrack.model.errors import UserError
from emotrack.stream.settings import VisionSettings
from emotrack.training.corpora.records import Corpus
from emotrack.training.features.describe import Describer
from emotrack.training.features.encoders import Opened
from emotrack.training.features.manifest import Manifest, SkippedNote, StreamNote
from emotrack.training.features.watching import Eyes
from emotrack.training.features.writing import rows_file, write_store

NOTHING = Encoders(None, None, None, None, None, unusable={}, report=())


def given(corpus: Corpus) -> Opened | None:
    """What stands for the encoders of a corpus that comes with features of its own; None for any other."""
    first = corpus.utterances[0].given
    if first is None:
        return None
    notes: dict[Stream, StreamNote] = {}
    for stream, tokens in first.items():
        everything = hashlib.sha256(b"".join((one.given or {})[stream].tobytes() for one in corpus.utterances))
        notes[stream] = StreamNote(encoder=corpus.name, width=tokens.shape[1], sha256=everything.hexdigest(), dtype="float32")
    return Opened(NOTHING, notes)


def extract(
    corpus: Corpus,
    opened: Opened,
    out: Path,
    *,
    profile: str,
    root: str,
    vision: VisionSettings,
    shard_rows: int,
    advance: Callable[[int], None],
    found: Callable[[int], None],
) -> Manifest:
    """Describe `corpus` into the folder `out`, or go on with what an interrupted run left there; gives the finished manifest.

    `advance` is told of rows as they are done, `found` of those that are there already. Raises UserError where `out` holds
    something else.
    """
    if not corpus.utterances:
        raise UserError(f"The corpus {corpus.name} in {root} is empty.")
    rows = [one.row for one in corpus.utterances]
    planned = Manifest(
        corpus=corpus.name,
        profile=profile,
        classes=corpus.classes,
        streams=opened.streams,
        pace={"face": vision.face_rate, "body": vision.body_rate} if opened.encoders.face_detector is not None else {},
        count=len(rows),
        rows_sha256=hashlib.sha256(rows_file(rows)).hexdigest(),
        shard_rows=shard_rows,
        root=root,
        skipped=tuple(SkippedNote(name=one.name, reason=one.reason) for one in corpus.skipped),
    )
    return write_store(out, planned, rows, Describer(corpus, Eyes(opened.encoders, vision), advance), found)
