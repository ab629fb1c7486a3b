"""What a bundle is measured on (stores of features, and the papers' rows that can be filled from them), and
figures that are kept."""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from emotrack.errors import UserError
from emotrack.files import write_whole
from emotrack.modalities import Modality
from emotrack.model.bundle import Bundle
from emotrack.training.evaluation.records import LOOK_AHEADS
from emotrack.training.features.store import Store, foreign_modality

if TYPE_CHECKING:
    from emotrack.training.tasks.network.evaluation import Absence


R = TypeVar("R", bound=BaseModel)


def once(folder: Path, kind: type[R], decided_by: object, measure: Callable[[], R]) -> R:
    """The record that `folder` keeps under `decided_by` (plain data), or what `measure` gives, which is kept
    from then on.

    A file that is damaged, or was written by an emotrack whose records had other fields, is measured again.
    Raises `UserError` where nothing can be kept.
    """
    text = json.dumps([kind.__name__, kind.model_json_schema(), decided_by], sort_keys=True)
    path = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
    try:
        return kind.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        measured = measure()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"The folder {folder} cannot be used ({error.strerror}): give another.") from None
    write_whole(path, measured.model_dump_json(by_alias=True).encode())
    return measured


STREAMS_OF: dict[str, tuple[Modality, ...]] = {
    "T": ("text",),
    "A": ("audio",),
    "V": ("face", "body"),
    "T+A": ("text", "audio"),
    "T+V": ("text", "face", "body"),
    "A+V": ("audio", "face", "body"),
    "T+A+V": ("text", "audio", "face", "body"),
}
"""The modalities of each subset of the modes, by the papers' names."""
REGIONS: dict[str, tuple[Modality, ...]] = {
    "No Face": ("text", "audio", "body"),
    "No Body": ("text", "audio", "face"),
}
"""The modalities of the papers' rows without one region of the picture."""
GONE: dict[str, tuple[Modality, ...]] = {
    "T": STREAMS_OF["A+V"],
    "A": STREAMS_OF["T+V"],
    "V": STREAMS_OF["T+A"],
    "T+A": STREAMS_OF["V"],
    "T+V": STREAMS_OF["A"],
    "A+V": STREAMS_OF["T"],
}
"""The modalities that are left where modes go missing, by the papers' names of these."""
WAYS: "tuple[Absence, ...]" = ("zero", "masked", "joint")

Advance = Callable[[str], None]
"""Told what has just been measured."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Stores to measure on: dialogues with text, and acted voices and faces to draw for them where both are
    given."""

    dialogues: Store
    voices: Store | None = None
    faces: Store | None = None

    @property
    def present(self) -> set[Modality]:
        """The dialogues' own modalities."""
        return {modality for modality, rows in self.dialogues.manifest.present.items() if rows}

    @property
    def matched(self) -> bool:
        """Whether voices and faces are to be drawn for the dialogues."""
        return self.present <= {"text"} and self.voices is not None and self.faces is not None

    def rows(self, trained: Sequence[Modality]) -> tuple[str, ...]:
        """The papers' rows that can be filled for a bundle of these `trained` modalities: by the dialogues'
        own or by drawn ones."""
        if self.matched:
            return rows_of([modality for modality in trained if modality != "body"])
        return () if self.present <= {"text"} else rows_of(self.present & set(trained))

    def steps(self, trained: Sequence[Modality]) -> int:
        """How often `measure_bundle` tells how it stands with a bundle of these `trained` modalities."""
        views = 1 + (self.whole(trained) is not None)
        return views * (1 + len(LOOK_AHEADS)) + len(WAYS) * len(self.rows(trained))

    def whole(self, trained: Sequence[Modality]) -> tuple[Modality, ...] | None:
        """The `trained` modalities that the dialogues have, where there is more than text among them beside
        text."""
        used = tuple(modality for modality in trained if modality in self.present)
        return used if "text" in used and len(used) > 1 else None


def rows_of(modalities: Collection[Modality]) -> tuple[str, ...]:
    """The papers' rows that `modalities` can fill; those without one region of the picture need both
    regions."""
    has = {
        "T": "text" in modalities,
        "A": "audio" in modalities,
        "V": bool({"face", "body"} & set(modalities)),
    }
    subsets = tuple(name for name in STREAMS_OF if all(has[mode] for mode in name.split("+")))
    return (*subsets, *REGIONS) if {"face", "body"} <= set(modalities) and "T+A+V" in subsets else subsets


def check_encoders(bundle: Bundle, store: Store) -> None:
    """Raises `UserError` where the features of a store were made by other weights than the bundle holds."""
    if modality := foreign_modality(store, bundle.parts):
        raise UserError(
            f"The {modality} features in {store.path} were made by other weights than the bundle "
            f"{bundle.identifier} holds: make them with `emotrack features --bundle`."
        )


def stores_by_corpus(stores: Sequence[Store]) -> Mapping[str, Store]:
    """The stores by what they describe. Raises `UserError` where two describe the same corpus."""
    found: dict[str, Store] = {}
    for store in stores:
        if store.manifest.corpus in found:
            raise UserError(
                f"{found[store.manifest.corpus].path} and {store.path} are both of "
                f"{store.manifest.corpus}: give one."
            )
        found[store.manifest.corpus] = store
    return found
