"""What a bundle is measured on: stores of features, and the papers' rows that can be filled from them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emotrack.model.bundle import Bundle
from emotrack.model.configuration import Stream
from emotrack.model.errors import UserError
from emotrack.training.features.store import Store
from emotrack.training.provenance import foreign_stream
from emotrack.training.tables.records import LOOK_AHEADS

if TYPE_CHECKING:
    from emotrack.training.evaluation import Absence

STREAMS_OF: dict[str, tuple[Stream, ...]] = {
    "T": ("text",),
    "A": ("audio",),
    "V": ("face", "body"),
    "T+A": ("text", "audio"),
    "T+V": ("text", "face", "body"),
    "A+V": ("audio", "face", "body"),
    "T+A+V": ("text", "audio", "face", "body"),
}
"""The streams of each subset of the modes, by the papers' names."""
REGIONS: dict[str, tuple[Stream, ...]] = {"No Face": ("text", "audio", "body"), "No Body": ("text", "audio", "face")}
"""The streams of the papers' rows without one region of the picture."""
GONE: dict[str, tuple[Stream, ...]] = {
    "T": STREAMS_OF["A+V"],
    "A": STREAMS_OF["T+V"],
    "V": STREAMS_OF["T+A"],
    "T+A": STREAMS_OF["V"],
    "T+V": STREAMS_OF["A"],
    "A+V": STREAMS_OF["T"],
}
"""The streams that are left where modes go missing, by the papers' names of these."""
WAYS: "tuple[Absence, ...]" = ("zero", "masked", "joint")

Advance = Callable[[str], None]
"""Told what has just been measured."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Stores to measure on: dialogues with text, and acted voices and faces to draw for them where both are given."""

    dialogues: Store
    voices: Store | None = None
    faces: Store | None = None

    @property
    def present(self) -> set[Stream]:
        """The dialogues' own streams."""
        return {stream for stream, rows in self.dialogues.manifest.present.items() if rows}

    @property
    def matched(self) -> bool:
        """Whether voices and faces are to be drawn for the dialogues."""
        return self.present <= {"text"} and self.voices is not None and self.faces is not None

    def rows(self, trained: Sequence[Stream]) -> tuple[str, ...]:
        """The papers' rows that can be filled for a bundle of these `trained` streams: by the dialogues' own or by drawn ones."""
        if self.matched:
            return rows_of([stream for stream in trained if stream != "body"])
        return () if self.present <= {"text"} else rows_of(self.present & set(trained))

    def steps(self, trained: Sequence[Stream]) -> int:
        """How often `measure_bundle` tells how it stands with a bundle of these `trained` streams."""
        views = 1 + (self.whole(trained) is not None)
        return views * (1 + len(LOOK_AHEADS)) + len(WAYS) * len(self.rows(trained))

    def whole(self, trained: Sequence[Stream]) -> tuple[Stream, ...] | None:
        """The `trained` streams that the dialogues have, where there is more than text among them beside text."""
        used = tuple(stream for stream in trained if stream in self.present)
        return used if "text" in used and len(used) > 1 else None


def rows_of(streams: Collection[Stream]) -> tuple[str, ...]:
    """The papers' rows that `streams` can fill; those without one region of the picture need both regions."""
    has = {"T": "text" in streams, "A": "audio" in streams, "V": bool({"face", "body"} & set(streams))}
    subsets = tuple(name for name in STREAMS_OF if all(has[mode] for mode in name.split("+")))
    return (*subsets, *REGIONS) if {"face", "body"} <= set(streams) and "T+A+V" in subsets else subsets


def check_encoders(bundle: Bundle, store: Store) -> None:
    """Raises `UserError` where the features of a store were made by other weights than the bundle holds."""
    if stream := foreign_stream(store, bundle.parts):
        raise UserError(
            f"The {stream} features in {store.path} were made by other weights than the bundle {bundle.identifier} holds: "
            "make them with `emotrack features --bundle`."
        )


def stores_by_corpus(stores: Sequence[Store]) -> Mapping[str, Store]:
    """The stores by what they describe. Raises `UserError` where two describe the same corpus."""
    found: dict[str, Store] = {}
    for store in stores:
        if store.manifest.corpus in found:
            raise UserError(f"{found[store.manifest.corpus].path} and {store.path} are both of {store.manifest.corpus}: give one.")
        found[store.manifest.corpus] = store
    return found
