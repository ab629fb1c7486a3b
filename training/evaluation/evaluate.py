"""Measures what the chosen tables need, and no more.

What measures takes seconds to import, so that is done where something is to be measured: figures that are
kept come at once.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from emotrack.errors import UserError
from emotrack.model.bundle import Bundle
from emotrack.notify import Notify
from emotrack.training.evaluation.evaluated import Evaluated
from emotrack.training.evaluation.experiments import FULL, MEMORY, VARIANTS, experiments_of, recipe
from emotrack.training.evaluation.records import (
    Alone,
    DrawnFigures,
    Elsewhere,
    EncoderFigures,
    FaceFigures,
    Measured,
    Metrics,
    MosiFigures,
    VoiceFigures,
    WordFigures,
    metrics_of,
)
from emotrack.training.evaluation.sources import Advance, R, Sources, check_encoders, once
from emotrack.training.evaluation.tables.robustness import ALONE, CASES, WORDS
from emotrack.training.features.store import Store
from emotrack.training.spoken.transcripts import HeardLine

if TYPE_CHECKING:
    from emotrack.training.evaluation.measuring.rewording import Encode

FIGURES = "figures"
"""Folder, in the work folder, of what has been measured."""

NEEDED: dict[str, tuple[str, ...]] = {
    "main": ("meld", "ravdess", "ferplus"),
    "missing": ("meld", "ravdess", "ferplus", "mosi"),
    "ablation": ("mosi",),
    "streaming": ("meld",),
    "per-class": ("meld", "ravdess", "emodb", "ferplus"),
    "words": ("meld",),
    "drawn": ("meld", "ravdess", "ordinary", "ferplus"),
    "alone": ("meld", "ravdess", "emodb", "ordinary", "ferplus"),
    "elsewhere": ("meld", "emorynlp", "goemotions", "emobank"),
}
"""The corpora that each table is measured on; a store of `DIALOGUES` may take the place of meld's."""
DIALOGUES = ("clips", "iemocap", "meld")
WITH_MATCHED = {"main", "missing"}
WITH_ENCODERS = {"per-class"}


@dataclass(frozen=True, slots=True)
class RewordedTexts:
    """What the table `words` takes beside the stores: lines as recognisers heard them, and what opens the
    reader of a store's text.

    `reader` may raise UserError, where the text encoder is not to be had.
    """

    heard: tuple[HeardLine, ...]
    reader: "Callable[[Bundle, Store], Encode]"
    notify: Notify
    """Told why nothing is measured."""

    @property
    def ways(self) -> int:
        """Steps of measuring a bundle: three ways without a recogniser, and one of each."""
        return 3 + len({line.recogniser for line in self.heard})


def steps(
    tables: Sequence[str],
    stores: Mapping[str, Store],
    bundles: Sequence[Bundle],
    seeds: int,
    spoken: RewordedTexts,
) -> int:
    """How often `evaluate` will tell how it stands, with `seeds` seeds of each experiment on MOSI."""
    sources = _sources(tables, stores)
    measured = 0 if sources is None else sum(sources.steps(one.configuration.trained) for one in bundles)
    if sources is not None and "drawn" in tables and "ferplus" in stores:
        measured += len(CASES) * len(bundles)
    if sources is not None and "words" in tables:
        measured += spoken.ways * sum("text" in one.configuration.trained for one in bundles)
    if sources is not None and "alone" in tables:
        measured += len(ALONE) * len(bundles)
    if sources is not None and "elsewhere" in tables:
        measured += len(WORDS) * sum("text" in one.configuration.trained for one in bundles)
    return measured + len(_variants(tables, stores)) * seeds + ("per-class" in tables)


def evaluate_bundles(
    bundles: Sequence[Bundle],
    tables: Sequence[str],
    stores: Mapping[str, Store],
    work: Path,
    advance: Advance,
    spoken: RewordedTexts,
    voice_folds: Sequence[float] = (),
) -> Evaluated:
    """The figures that `tables` are made from: `stores` by corpus; several bundles are several seeds of one
    run.

    What the folder `work` keeps of the same weights and stores is not measured again. `voice_folds`: see
    `fold_accuracies`; as the bundle keeps them unless given.

    Raises `UserError` where a store was made by other encoders, or where there is nothing to measure on and
    nothing is kept.
    """
    kept = metrics_of(bundles[0].metrics, bundles[0].identifier)
    sources = _sources(tables, stores)
    if sources is None and kept is None and set(tables) - {"ablation"}:
        raise UserError(
            "There are no dialogues to measure this bundle on: give --data, or --store with a store of meld."
        )
    now = () if sources is None else tuple(_measured(one, sources, work, advance) for one in bundles)
    if sources is not None and "words" in tables:
        now = tuple(
            _with_words(one, bundle, sources, work, advance, spoken)
            for one, bundle in zip(now, bundles, strict=True)
        )
    if sources is not None and "drawn" in tables and "ferplus" in stores:
        now = tuple(
            _with_drawn(one, bundle, sources, stores, work, advance)
            for one, bundle in zip(now, bundles, strict=True)
        )
    if sources is not None and "alone" in tables:
        now = tuple(
            _with_alone(one, bundle, stores, work, advance) for one, bundle in zip(now, bundles, strict=True)
        )
    if sources is not None and "elsewhere" in tables:
        now = tuple(
            _with_elsewhere(one, bundle, stores, work, advance)
            for one, bundle in zip(now, bundles, strict=True)
        )
    foreign = kept is not None and any(one.dialogues.corpus != kept.seeds[0].dialogues.corpus for one in now)
    return Evaluated(
        now=now,
        kept=None if foreign else kept,  # figures of other dialogues are no means for these
        mosi=_mosi(tables, stores, work, kept, advance),
        encoders=_encoders(bundles[0], tables, stores, work, kept, advance, voice_folds),
    )


def _measured(bundle: Bundle, sources: Sources, work: Path, advance: Advance) -> Measured:
    stores = [
        None if one is None else one.manifest.key
        for one in (sources.dialogues, sources.voices, sources.faces)
    ]
    with announced(advance, sources.steps(bundle.configuration.trained)) as step:

        def measure() -> Measured:
            from emotrack.training.evaluation.measuring.labels import measure_bundle

            return measure_bundle(bundle, sources, seed_of(bundle), step)

        return _kept_in(work, Measured, [bundle.identifier, bundle.metrics, stores], measure)


def _with_words(
    measured: Measured, bundle: Bundle, sources: Sources, work: Path, advance: Advance, spoken: RewordedTexts
) -> Measured:
    """The same with the figures of the table `words`, where the bundle reads words and its text encoder is to
    be had."""
    if "text" not in bundle.configuration.trained:
        return measured
    with announced(advance, spoken.ways) as step:

        def measure() -> WordFigures:
            from emotrack.training.evaluation.measuring.rewording import word_figures

            encode = spoken.reader(bundle, sources.dialogues)
            return word_figures(bundle, sources.dialogues, spoken.heard, encode, step)

        heard = [list(astuple(line)) for line in spoken.heard]
        decided_by = [bundle.identifier, measured.held_out, sources.dialogues.manifest.key, heard]
        try:
            return measured.model_copy(update={"words": _kept_in(work, WordFigures, decided_by, measure)})
        except UserError as error:
            spoken.notify(f"nothing is measured for the table words: {error}")
            return measured


def _with_drawn(
    measured: Measured,
    bundle: Bundle,
    sources: Sources,
    stores: Mapping[str, Store],
    work: Path,
    advance: Advance,
) -> Measured:
    """The same with the figures of the table `drawn`."""
    voices, ordinary, faces = stores.get("ravdess"), stores.get("ordinary"), stores["ferplus"]

    def measure(step: Advance) -> DrawnFigures:
        from emotrack.training.evaluation.measuring.drawn import drawn_figures

        return drawn_figures(bundle, sources.dialogues, voices, faces, ordinary, step)

    keys = [None if one is None else one.manifest.key for one in (sources.dialogues, voices, faces, ordinary)]
    found = _kept_counting(
        work, DrawnFigures, ["drawn", bundle.identifier, keys], measure, advance, len(CASES)
    )
    return measured.model_copy(update={"drawn": found})


def _with_alone(
    measured: Measured, bundle: Bundle, stores: Mapping[str, Store], work: Path, advance: Advance
) -> Measured:
    """The same with the figures of the table `alone`."""

    def measure(step: Advance) -> Alone:
        from emotrack.training.evaluation.measuring.alone import alone_figures

        return alone_figures(bundle, stores, step)

    keys = {name: stores[name].manifest.key for name in ALONE if name in stores}
    found = _kept_counting(work, Alone, ["alone", bundle.identifier, keys], measure, advance, len(ALONE))
    return measured.model_copy(update={"alone": found})


def _with_elsewhere(
    measured: Measured, bundle: Bundle, stores: Mapping[str, Store], work: Path, advance: Advance
) -> Measured:
    """The same with the figures of the table `elsewhere`, where the bundle reads words."""
    if "text" not in bundle.configuration.trained:
        return measured

    def measure(step: Advance) -> Elsewhere:
        from emotrack.training.evaluation.measuring.elsewhere import elsewhere_figures

        return elsewhere_figures(bundle, stores, step)

    keys = {name: stores[name].manifest.key for name in WORDS if name in stores}
    found = _kept_counting(
        work, Elsewhere, ["elsewhere", bundle.identifier, keys], measure, advance, len(WORDS)
    )
    return measured.model_copy(update={"elsewhere": found})


def _kept_counting(
    work: Path,
    kind: type[R],
    decided_by: object,
    measure: Callable[[Advance], R],
    advance: Advance,
    count: int,
) -> R:
    """`_kept_in` of what tells `count` times how it stands."""
    with announced(advance, count) as step:
        return _kept_in(work, kind, decided_by, lambda: measure(step))


def _kept_in(work: Path, kind: type[R], decided_by: object, measure: Callable[[], R]) -> R:
    """`once`; what is measured is, on one thread: the trainings on MOSI share the processors among
    themselves."""

    def on_one_thread() -> R:
        import torch

        torch.set_num_threads(1)
        return measure()

    return once(work / FIGURES, kind, decided_by, on_one_thread)


@contextmanager
def announced(advance: Advance, steps: int) -> Iterator[Advance]:
    """An `advance` that in the end has told of `steps` steps, even where what they lead to was known
    already."""
    left = iter(range(steps))

    def step(done: str) -> None:
        next(left, None)
        advance(done)

    yield step
    for _ in left:
        advance("kept")


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
    return tuple(VARIANTS) if "ablation" in tables else (FULL, MEMORY) if "missing" in tables else ()


def _mosi(
    tables: Sequence[str], stores: Mapping[str, Store], work: Path, kept: Metrics | None, advance: Advance
) -> MosiFigures | None:
    variants = _variants(tables, stores)
    if not variants:
        return kept.mosi if kept else None
    store, settings = stores["mosi"], recipe(stores["mosi"].path)
    experiments = [one.name for one in experiments_of(settings, store.manifest.key, variants)]
    with announced(advance, len(experiments)) as step:

        def measure() -> MosiFigures:
            from emotrack.training.evaluation.mosi import mosi_experiments

            return mosi_experiments(store, settings, work / "mosi", step, variants)

        return _kept_in(work, MosiFigures, experiments, measure)


def _encoders(
    bundle: Bundle,
    tables: Sequence[str],
    stores: Mapping[str, Store],
    work: Path,
    kept: Metrics | None,
    advance: Advance,
    voice_folds: Sequence[float],
) -> EncoderFigures:
    """Measured now where there are stores to measure on, else as the bundle keeps them."""
    known = kept.encoders if kept else EncoderFigures()
    if voice_folds:
        known = known.model_copy(update={"voice_folds": list(voice_folds)})
    if not WITH_ENCODERS & set(tables):
        return known
    voice, face = known.voice, known.face
    for name in ("ravdess", "emodb", "ferplus"):
        if name in stores:
            check_encoders(bundle, stores[name])
    keys = {name: store.manifest.key for name, store in stores.items()}
    if "ravdess" in stores and "voice" in bundle.parts:

        def hear() -> VoiceFigures:
            from emotrack.training.evaluation.measuring.encoders import voice_figures

            return voice_figures(bundle, stores["ravdess"], stores.get("emodb"))

        decided_by = [bundle.parts["voice"].sha256, keys["ravdess"], keys.get("emodb")]
        voice = _kept_in(work, VoiceFigures, decided_by, hear)
    if "ferplus" in stores and "face" in bundle.parts:

        def look() -> FaceFigures:
            from emotrack.training.evaluation.measuring.encoders import face_figures

            return face_figures(bundle, stores["ferplus"])

        face = _kept_in(work, FaceFigures, [bundle.parts["face"].sha256, keys["ferplus"]], look)
    advance("encoders")
    return EncoderFigures(voice=voice, voice_folds=known.voice_folds, face=face)
