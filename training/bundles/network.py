"""From a trained network to the bundle that tracks: the modalities that it may use, its calibration, and the
encoders it goes with."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from emotrack.errors import UserError
from emotrack.modalities import Modality
from emotrack.model.bundle import NewPart, load_manifest, network_part, save_bundle
from emotrack.model.manifest import EncoderNote, PartName
from emotrack.model.network import EmotionNetwork
from emotrack.training.bundles.bundle import of_network
from emotrack.training.features.store import Store, foreign_modality
from emotrack.training.tasks.network.evaluation import calibrated, score, shuffling_costs
from emotrack.training.tasks.network.joint_fitting import choose_reliance
from emotrack.training.tasks.network.settings import NetworkTraining
from emotrack.training.tasks.network.task import NetworkData, stores_of


def save_network(
    folder: Path,
    network: EmotionNetwork,
    data: NetworkData,
    settings: NetworkTraining,
    facts: Mapping[str, Any],
) -> str:
    """Write the bundle of a trained network to `folder`; gives its identifier.

    A modality whose rows can change places on dev without loss is masked from then on, but the most useful
    one stays; JE stays where it helps on dev; the temperatures are fitted on dev.
    """
    trained = network.configuration.trained
    costs = shuffling_costs(network, data.dev, trained) if len(trained) > 1 else {}
    useful = tuple(modality for modality in trained if costs.get(modality, 1.0) > 0) or (
        max(trained, key=costs.__getitem__),
    )
    network.configuration = network.configuration.model_copy(update={"trained": useful})
    choose_reliance(network, data.dev)
    network.configuration = calibrated(network, data.every_dev, data.shown)
    stores = stores_of(settings)
    described_by = encoder_notes(stores)
    parts, training = encoder_parts(settings, described_by)
    metrics = {
        "training": {**training, "network": facts},
        "trained": list(useful),
        "dev": {
            "weighted_f1": round(score(network, data.dev, useful), 2),
            "weighted_f1_lost_when_shuffled": costs,
            "reliance": [round(float(one), 3) for one in network.joint.reliance.detach()],
            "temperatures": list(network.configuration.temperatures),
        },
        "matching": asdict(settings.matching) if data.pool is not None else None,
    }
    return save_bundle(
        folder,
        {"network": network_part(network, *of_network([store.manifest.corpus for store in stores])), **parts},
        configuration=network.configuration,
        encoders={stores[0].manifest.profile: described_by},
        metrics=metrics,
    )


def encoder_parts(
    settings: NetworkTraining, described_by: Mapping[Modality, EncoderNote]
) -> tuple[dict[PartName, NewPart], dict[PartName, Any]]:
    """The encoders that travel with the network, and how they were trained; an adapter of another text model
    than its own stays."""
    if settings.encoders is None:
        return {}, {}
    manifest, parts = load_manifest(settings.encoders)
    left: set[PartName] = {"network"}
    if (
        "text" in parts
        and "text" in described_by
        and parts["text"].settings.get("base") != described_by["text"].name
    ):
        left.add("text")
    taken: dict[PartName, NewPart] = {
        name: NewPart(part.tensors(), part.licence, part.trained_on, part.settings)
        for name, part in parts.items()
        if name not in left
    }
    known = manifest.metrics.get("training", {})
    return taken, {name: known[name] for name in taken if name in known}


def check_encoders(settings: NetworkTraining) -> None:
    """Raises `UserError` where a store was made by other encoders than the bundle's that the network is to
    travel with."""
    if settings.encoders is not None and not settings.encoders.exists():
        raise UserError(
            f"There is no bundle {settings.encoders} (`encoders`): make it of trained encoders with "
            f"`emotrack bundle RUN … --out {settings.encoders}`, or give another."
        )
    parts = load_manifest(settings.encoders)[1] if settings.encoders is not None else {}
    for store in stores_of(settings):
        if modality := foreign_modality(store, parts):
            raise UserError(
                f"The {modality} features in {store.path} were made by other weights than `encoders` holds: "
                f"set it to the bundle that `emotrack features --bundle` was given."
            )


def encoder_notes(stores: Sequence[Store]) -> dict[Modality, EncoderNote]:
    """Which encoder described each modality, and how wide its tokens are."""
    return {
        modality: EncoderNote(name=note.encoder, width=note.width)
        for store in reversed(stores)
        for modality, note in store.manifest.modalities.items()
    }
