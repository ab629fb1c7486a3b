"""Measures a bundle on the test sets, from stores of features."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

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
from emotrack.training.reading import read_dialogues, read_pool, with_held_out
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


def measure_bundle(bundle: Bundle, sources: Sources, seed: int | None, advance: Advance) -> Measured:
    """All figures of one bundle. Raises `UserError` where the stores are not of its classes and encoders' widths."""
    session = held_out_by(bundle)
    sources = replace(sources, dialogues=with_held_out(sources.dialogues, session))
    network, trained = bundle.network, bundle.configuration.trained
    rows, whole = sources.rows(trained), sources.whole(trained)
    check(bundle, sources)
    held = DialogueSet.draw(read_dialogues(sources.dialogues, "test"), None, network.configuration.widths, TEST_SEED)
    return Measured(
        bundle=bundle.identifier,
        seed=seed,
        held_out=session,
        dialogues=dialogue_figures(network, held, sources, TEXT if "text" in trained else trained, advance),
        everything=None if whole is None else dialogue_figures(network, held, sources, whole, advance),
        own=by_subset(network, held, advance, rows) if rows and not sources.matched else None,
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


def held_out_by(bundle: Bundle) -> int | None:
    """The session of IEMOCAP that the bundle's network was not to learn from, where its recipe says so."""
    session = bundle.metrics.get("training", {}).get("network", {}).get("settings", {}).get("held_out")
    return None if session is None else int(session)


def matching_of(bundle: Bundle) -> MatchSettings:
    """How voices and faces were drawn for the training, which is how they are drawn for the test."""
    kept = bundle.metrics.get("matching")
    return MatchSettings() if kept is None else TypeAdapter(MatchSettings).validate_python(kept)


def dialogue_figures(
    network: EmotionNetwork, held: DialogueSet, sources: Sources, streams: Sequence[Stream], advance: Advance
) -> DialogueFigures:
    """Live, revised and offline, from `streams`."""
    whole = outcome(network, held, streams)
    advance("live and offline")
    later: dict[int, Outcome] = {}
    for count in LOOK_AHEADS:
        later[count] = outcome(network, held, streams, count)
        advance(f"revised after {count}")
    kinds = {"live": whole.live} | {f"revised+{count}": one.revised for count, one in later.items()}
    best = whole.revised.argmax(1).numpy()
    taxes: dict[str, Interval] = {}
    for name, logits in kinds.items():
        pair = Paired(logits.argmax(1).numpy(), best, whole.labels.numpy(), held.dialogues)
        taxes[name] = difference(pair, len(network.configuration.classes))
    return DialogueFigures(
        streams=list(streams),
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
    drawn = DialogueSet.draw(dialogues, pool, configuration.widths, TEST_SEED)
    return by_subset(network, drawn, advance, sources.rows(configuration.trained))


def by_subset(network: EmotionNetwork, held: DialogueSet, advance: Advance, names: Sequence[str]) -> dict[str, Absent]:
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
