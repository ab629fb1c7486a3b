"""Measures a bundle on the test sets, from stores of features."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import TypeAdapter

from emotrack.model.bundle import Bundle
from emotrack.model.configuration import Stream
from emotrack.model.errors import UserError
from emotrack.model.network import EmotionNetwork
from emotrack.training.evaluation import TEXT, Absence, DialogueSet, Outcome, measure, outcome
from emotrack.training.features.store import Store
from emotrack.training.matching import MatchSettings
from emotrack.training.provenance import foreign_stream
from emotrack.training.reading import read_dialogues, read_pool
from emotrack.training.tables.bootstrap import Interval, Paired, difference
from emotrack.training.tables.records import LOOK_AHEADS, Absent, Brief, DialogueFigures, Measured

TEST_SEED = 2
"""Seed of what is drawn for the test dialogues, the same for every bundle."""
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
WAYS: tuple[Absence, ...] = ("zero", "masked", "joint")

Advance = Callable[[str], None]
"""Told what has just been measured."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Stores to measure on: dialogues with text, and acted voices and faces to draw for them where both are given."""

    dialogues: Store
    voices: Store | None = None
    faces: Store | None = None

    @property
    def own(self) -> tuple[str, ...]:
        """The papers' rows that the dialogues' own streams can fill; none where they are text alone."""
        present = {stream for stream, rows in self.dialogues.manifest.present.items() if rows}
        if present <= {"text"}:
            return ()
        vision = {"face", "body"} & present
        has = {"T": "text" in present, "A": "audio" in present, "V": bool(vision)}
        subsets = tuple(name for name in STREAMS_OF if all(has[mode] for mode in name.split("+")))
        return (*subsets, *REGIONS) if len(vision) == 2 and "T+A+V" in subsets else subsets

    @property
    def matched(self) -> bool:
        """Whether voices and faces are to be drawn for the dialogues."""
        return not self.own and self.voices is not None and self.faces is not None

    @property
    def steps(self) -> int:
        """How often `measure_bundle` tells how it stands."""
        return 1 + len(LOOK_AHEADS) + len(WAYS) * (len(STREAMS_OF) if self.matched else len(self.own))


def measure_bundle(bundle: Bundle, sources: Sources, seed: int | None, advance: Advance) -> Measured:
    """All figures of one bundle. Raises `UserError` where the stores are not of its classes and encoders' widths."""
    network = bundle.network
    check(bundle, sources)
    held = DialogueSet.draw(read_dialogues(sources.dialogues, "test"), None, network.configuration.widths, TEST_SEED)
    return Measured(
        bundle=bundle.identifier,
        seed=seed,
        dialogues=dialogue_figures(network, held, sources, advance),
        own=by_subset(network, held, advance, sources.own) if sources.own else None,
        matched=matched_figures(network, sources, matching_of(bundle), advance) if sources.matched else None,
    )


def check(bundle: Bundle, sources: Sources) -> None:
    """Raises `UserError` where a store does not go with the bundle."""
    configuration, manifest = bundle.configuration, sources.dialogues.manifest
    if manifest.classes != configuration.classes:
        raise UserError(
            f"The store {sources.dialogues.path} has the classes {', '.join(manifest.classes)}, the bundle has "
            f"{', '.join(configuration.classes)}: give a store of the corpus that it was trained on."
        )
    for store in (sources.dialogues, sources.voices, sources.faces):
        if store is not None:
            check_encoders(bundle, store)


def check_encoders(bundle: Bundle, store: Store) -> None:
    """Raises `UserError` where the features of a store were made by other weights than the bundle holds."""
    if stream := foreign_stream(store, bundle.parts):
        raise UserError(
            f"The {stream} features in {store.path} were made by other weights than the bundle {bundle.identifier} holds: "
            "make them with `emotrack features --bundle`."
        )


def matching_of(bundle: Bundle) -> MatchSettings:
    """How voices and faces were drawn for the training, which is how they are drawn for the test."""
    kept = bundle.metrics.get("matching")
    return MatchSettings() if kept is None else TypeAdapter(MatchSettings).validate_python(kept)


def dialogue_figures(network: EmotionNetwork, held: DialogueSet, sources: Sources, advance: Advance) -> DialogueFigures:
    """Live, revised and offline, from text."""
    whole = outcome(network, held, TEXT)
    advance("live and offline")
    later: dict[int, Outcome] = {}
    for count in LOOK_AHEADS:
        later[count] = outcome(network, held, TEXT, count)
        advance(f"revised after {count}")
    kinds = {"live": whole.live} | {f"revised+{count}": one.revised for count, one in later.items()}
    best = whole.revised.argmax(1).numpy()
    taxes: dict[str, Interval] = {}
    for name, logits in kinds.items():
        pair = Paired(logits.argmax(1).numpy(), best, whole.labels.numpy(), held.dialogues)
        taxes[name] = difference([pair], len(network.configuration.classes))
    return DialogueFigures(
        corpus=sources.dialogues.manifest.corpus,
        split="test",
        dialogues=sum(len(batch.lengths) for batch in held.batches),
        live=measure(network, whole.live, whole.labels),
        revised={count: measure(network, one.revised, one.labels) for count, one in later.items()},
        offline=measure(network, whole.revised, whole.labels),
        taxes=taxes,
    )


def matched_figures(network: EmotionNetwork, sources: Sources, settings: MatchSettings, advance: Advance) -> dict[str, Absent]:
    """Every subset of the modes with voices and faces drawn by label."""
    assert sources.voices is not None and sources.faces is not None
    configuration = network.configuration
    pool = read_pool(sources.voices, sources.faces, configuration.classes, "test", settings)
    dialogues = read_dialogues(sources.dialogues, "test")
    return by_subset(network, DialogueSet.draw(dialogues, pool, configuration.widths, TEST_SEED), advance)


def by_subset(
    network: EmotionNetwork, held: DialogueSet, advance: Advance, names: Sequence[str] = tuple(STREAMS_OF)
) -> dict[str, Absent]:
    """Live figures of the papers' rows `names`, in the three ways to stand in for what is left out."""
    found = {}
    for name in names:
        ways: dict[str, Brief] = {}
        for way in WAYS:
            result = outcome(network, held, (STREAMS_OF | REGIONS)[name], absent=way)
            ways[way] = Brief.of(measure(network, result.live, result.labels))
            advance(f"{name}, {way}")
        found[name] = Absent(**ways)
    return found


def stores_by_corpus(stores: Sequence[Store]) -> Mapping[str, Store]:
    """The stores by what they describe. Raises `UserError` where two describe the same corpus."""
    found: dict[str, Store] = {}
    for store in stores:
        if store.manifest.corpus in found:
            raise UserError(f"{found[store.manifest.corpus].path} and {store.path} are both of {store.manifest.corpus}: give one.")
        found[store.manifest.corpus] = store
    return found


def unweighted_accuracy(recalls: Mapping[str, float]) -> float:
    """Recall averaged over the classes, in percent."""
    return round(float(np.mean(list(recalls.values()))), 2)
