"""Measures what the chosen tables need, and no more."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from emotrack.model.bundle import Bundle
from emotrack.model.errors import UserError
from emotrack.training.features.store import Store
from emotrack.training.tables.encoders import face_figures, voice_figures
from emotrack.training.tables.evaluated import Evaluated
from emotrack.training.tables.measuring import Sources, check_encoders, measure_bundle
from emotrack.training.tables.mosi import VARIANTS, mosi_experiments, recipe
from emotrack.training.tables.records import Encoders, Metrics, MosiFigures, metrics_of

Advance = Callable[[str], None]

NEEDED: dict[str, tuple[str, ...]] = {
    "main": ("meld", "ravdess", "ferplus"),
    "missing": ("meld", "ravdess", "ferplus", "mosi"),
    "ablation": ("mosi",),
    "streaming": ("meld",),
    "per-class": ("meld", "ravdess", "emodb", "ferplus"),
}
"""The corpora that each table is measured on; a store of `DIALOGUES` may take the place of meld's."""
DIALOGUES = ("iemocap", "meld")
WITH_MATCHED = {"main", "missing"}
WITH_ENCODERS = {"per-class"}


def steps(tables: Sequence[str], stores: Mapping[str, Store], bundles: Sequence[Bundle], seeds: int) -> int:
    """How often `evaluate` will tell how it stands, with `seeds` seeds of each experiment on MOSI."""
    sources = _sources(tables, stores)
    measured = 0 if sources is None else sum(sources.steps(one.configuration.trained) for one in bundles)
    return measured + len(_variants(tables, stores)) * seeds + ("per-class" in tables)


def evaluate(
    bundles: Sequence[Bundle],
    tables: Sequence[str],
    stores: Mapping[str, Store],
    work: Path,
    advance: Advance,
    voice_folds: Sequence[float] = (),
) -> Evaluated:
    """The figures that `tables` are made from: `stores` by corpus; several bundles are several seeds of one run.

    `voice_folds`: see `fold_accuracies`; as the bundle keeps them unless given.

    Raises `UserError` where a store was made by other encoders, or where there is nothing to measure on and nothing is kept.
    """
    kept = metrics_of(bundles[0].metrics, bundles[0].identifier)
    sources = _sources(tables, stores)
    if sources is None and kept is None and set(tables) - {"ablation"}:
        raise UserError("There are no dialogues to measure this bundle on: give --data, or --store with a store of meld.")
    now = () if sources is None else tuple(measure_bundle(one, sources, seed_of(one), advance) for one in bundles)
    return Evaluated(
        now=now,
        kept=kept,
        mosi=_mosi(tables, stores, work, kept, advance),
        encoders=_encoders(bundles[0], tables, stores, kept, advance, voice_folds),
    )


def seed_of(bundle: Bundle) -> int | None:
    """The seed that the bundle's network was trained from, where it tells."""
    seed = bundle.metrics.get("training", {}).get("network", {}).get("seed")
    return None if seed is None else int(seed)


def _sources(tables: Sequence[str], stores: Mapping[str, Store]) -> Sources | None:
    dialogues = next((stores[name] for name in DIALOGUES if name in stores), None)
    if dialogues is None or not set(tables) - {"ablation"}:
        return None
    if WITH_MATCHED & set(tables) and {"ravdess", "ferplus"} <= stores.keys():
        return Sources(dialogues, stores["ravdess"], stores["ferplus"])
    return Sources(dialogues)


def _variants(tables: Sequence[str], stores: Mapping[str, Store]) -> tuple[str, ...]:
    if "mosi" not in stores:
        return ()
    return tuple(VARIANTS) if "ablation" in tables else ("full",) if "missing" in tables else ()


def _mosi(
    tables: Sequence[str], stores: Mapping[str, Store], work: Path, kept: Metrics | None, advance: Advance
) -> MosiFigures | None:
    variants = _variants(tables, stores)
    if not variants:
        return kept.mosi if kept else None
    return mosi_experiments(stores["mosi"], recipe(stores["mosi"].path), work, advance, variants)


def _encoders(
    bundle: Bundle,
    tables: Sequence[str],
    stores: Mapping[str, Store],
    kept: Metrics | None,
    advance: Advance,
    voice_folds: Sequence[float],
) -> Encoders:
    """Measured now where there are stores to measure on, else as the bundle keeps them."""
    known = kept.encoders if kept else Encoders()
    if voice_folds:
        known = known.model_copy(update={"voice_folds": list(voice_folds)})
    if not WITH_ENCODERS & set(tables):
        return known
    voice, face = known.voice, known.face
    for name in ("ravdess", "emodb", "ferplus"):
        if name in stores:
            check_encoders(bundle, stores[name])
    if "ravdess" in stores:
        voice = voice_figures(bundle, stores["ravdess"], stores.get("emodb")) or voice
    if "ferplus" in stores:
        face = face_figures(bundle, stores["ferplus"]) or face
    advance("encoders")
    return Encoders(voice=voice, voice_folds=known.voice_folds, face=face)
