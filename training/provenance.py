"""Whether the encoders that made a store are those of a bundle."""

from collections.abc import Mapping

from emotrack.model.bundle import Part
from emotrack.model.configuration import Stream
from emotrack.model.manifest import PartName
from emotrack.training.features.store import Store

ENCODED_BY: dict[Stream, PartName] = {"text": "text", "audio": "voice", "face": "face"}
"""The part of a bundle that describes each stream, where it is our own."""


def foreign_stream(store: Store, parts: Mapping[PartName, Part]) -> Stream | None:
    """A stream of the store that was described by other weights than a bundle's `parts`; None where all fit."""
    for stream, note in store.manifest.streams.items():
        name = ENCODED_BY.get(stream)
        part = None if name is None else parts.get(name)
        if stream == "text":  # described with or without an adapter, which is for one sentence encoder only
            wanted = part.sha256 if part is not None and part.settings.get("base") == note.encoder else None
            foreign = note.sha256 != wanted
        else:
            foreign = note.encoder == name and (part is None or part.sha256 != note.sha256)
        if foreign:
            return stream
    return None
