"""Measures a bundle on the test sets, from stores of features, with intervals by a paired bootstrap over
dialogues."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from pydantic import TypeAdapter

from emotrack.errors import UserError
from emotrack.modalities import Modality
from emotrack.model.bundle import Bundle
from emotrack.model.network import EmotionNetwork
from emotrack.training.evaluation.measuring.bootstrap import Interval, Paired, difference
from emotrack.training.evaluation.records import (
    LOOK_AHEADS,
    AbsentModes,
    Brief,
    DialogueFigures,
    Halfway,
    Measured,
)
from emotrack.training.evaluation.sources import (
    GONE,
    REGIONS,
    STREAMS_OF,
    WAYS,
    Advance,
    Sources,
    check_encoders,
)
from emotrack.training.tasks.network.data import read_dialogues, read_pool, with_held_out
from emotrack.training.tasks.network.evaluation import TEXT, Absence, DialogueSet, Outcome, measure, outcome
from emotrack.training.tasks.network.matching import MatchSettings

TEST_SEED = 2
"""Seed of what is drawn for the test dialogues, the same for every bundle."""


def measure_bundle(bundle: Bundle, sources: Sources, seed: int | None, advance: Advance) -> Measured:
    """All figures of one bundle. Raises `UserError` where the stores are not of its classes and encoders'
    widths."""
    session = held_out_by(bundle)
    sources = replace(sources, dialogues=with_held_out(sources.dialogues, session))
    network, trained = bundle.network, bundle.configuration.trained
    rows, whole = sources.rows(trained), sources.whole(trained)
    check(bundle, sources)
    held = DialogueSet.draw(
        read_dialogues(sources.dialogues, "test"), None, network.configuration.widths, TEST_SEED
    )
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
            f"The store {sources.dialogues.path} has the classes {', '.join(manifest.classes)}, the bundle "
            f"has {', '.join(configuration.classes)}: give a store of the corpus that it was trained on."
        )
    for store in (sources.dialogues, sources.voices, sources.faces):
        if store is not None:
            check_encoders(bundle, store)


def held_out_by(bundle: Bundle) -> int | None:
    """The session of IEMOCAP that the bundle's network was not to learn from, where its recipe says so."""
    session = bundle.metrics.get("training", {}).get("network", {}).get("settings", {}).get("held_out")
    return None if session is None else int(session)


def matching_of(bundle: Bundle) -> MatchSettings:
    """How voices and faces were drawn for the training, which is how they are drawn for the test."""
    kept = bundle.metrics.get("matching")
    return MatchSettings() if kept is None else TypeAdapter(MatchSettings).validate_python(kept)


def dialogue_figures(
    network: EmotionNetwork,
    held: DialogueSet,
    sources: Sources,
    modalities: Sequence[Modality],
    advance: Advance,
) -> DialogueFigures:
    """Live, revised and offline, from `modalities`."""
    whole = outcome(network, held, modalities)
    advance("live and offline")
    later: dict[int, Outcome] = {}
    for count in LOOK_AHEADS:
        later[count] = outcome(network, held, modalities, count)
        advance(f"revised after {count}")
    kinds = {"live": whole.live} | {f"revised+{count}": one.revised for count, one in later.items()}
    best = whole.revised.argmax(1).numpy()
    taxes: dict[str, Interval] = {}
    for name, logits in kinds.items():
        pair = Paired(logits.argmax(1).numpy(), best, whole.labels.numpy(), held.dialogues)
        taxes[name] = difference(pair, len(network.configuration.classes))
    return DialogueFigures(
        modalities=list(modalities),
        corpus=sources.dialogues.manifest.corpus,
        split="test",
        dialogues=sum(len(batch.lengths) for batch in held.batches),
        live=measure(network, whole.live, whole),
        revised={count: measure(network, one.revised, one) for count, one in later.items()},
        offline=measure(network, whole.revised, whole),
        taxes=taxes,
    )


def matched_figures(
    network: EmotionNetwork, sources: Sources, settings: MatchSettings, advance: Advance
) -> dict[str, AbsentModes]:
    """Every subset of the modes with voices and faces drawn by label."""
    assert sources.voices is not None and sources.faces is not None
    configuration = network.configuration
    pool = read_pool([sources.voices], sources.faces, configuration.classes, "test", settings)
    dialogues = read_dialogues(sources.dialogues, "test")
    drawn = DialogueSet.draw(dialogues, pool, configuration.widths, TEST_SEED)
    return by_subset(network, drawn, advance, sources.rows(configuration.trained))


def by_subset(
    network: EmotionNetwork, held: DialogueSet, advance: Advance, names: Sequence[str]
) -> dict[str, AbsentModes]:
    """Live figures of the papers' rows `names`, in the three ways to stand in for what is left out."""
    found = {}
    for name in names:
        ways: dict[str, Brief] = {}
        for way in WAYS:
            result = outcome(network, held, (STREAMS_OF | REGIONS)[name], absent=way)
            ways[way] = Brief.of(measure(network, result.live, result))
            advance(f"{name}, {way}")
        found[name] = AbsentModes(**ways)
    return found


def by_loss(network: EmotionNetwork, held: DialogueSet) -> dict[str, Halfway]:
    """Live figures of the second halves of dialogues in which the modes of `GONE` go missing half through."""

    def brief(left: Sequence[Modality], way: Absence) -> Brief:
        result = outcome(network, held, left, absent=way, halfway=True)
        return Brief.of(measure(network, result.live, result))

    found = {}
    for name, left in GONE.items():
        found[name] = Halfway(
            masked=brief(left, "masked"), line=brief(left, "line"), joint=brief(left, "joint")
        )
    return found


def unweighted_accuracy(recalls: Mapping[str, float]) -> float:
    """Recall averaged over the classes, in percent."""
    return round(float(np.mean(list(recalls.values()))), 2)
