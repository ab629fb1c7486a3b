"""Bundles joined into one: encoders trained in several runs, or a network with its figures and its card, ready to ship."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emotrack.model.bundle import NewPart, load_manifest, save_bundle
from emotrack.model.configuration import NetworkConfiguration, Stream
from emotrack.model.errors import UserError
from emotrack.model.manifest import EncoderNote, PartName
from emotrack.model.whole_file import write_whole
from emotrack.training.card import CARD, render
from emotrack.training.tables.records import metrics_of


def export(runs: Sequence[Path], out: Path, figures: Mapping[str, Any] | None) -> str:
    """Write the parts of all bundles `runs` as one bundle to `out`, with the licence of each; gives its identifier.

    `figures` are added to its metrics; a bundle that has all of them gets its model card. Raises `UserError` where two bundles
    have the same part, or the figures are of others.
    """
    parts: dict[PartName, NewPart] = {}
    encoders: dict[str, dict[Stream, EncoderNote]] = {}
    metrics: dict[str, Any] = {"training": {}}
    configuration: NetworkConfiguration | None = None
    identifiers = []
    for run in runs:
        manifest, files = load_manifest(run)
        identifiers.append(manifest.identifier)
        if both := parts.keys() & files.keys():
            raise UserError(f"{run} holds the part {min(both)} a second time: name one run for each part.")
        parts |= {name: NewPart(file.tensors(), file.licence, file.trained_on, file.settings) for name, file in files.items()}
        encoders |= manifest.encoders
        configuration = manifest.configuration or configuration
        metrics = {**metrics, **manifest.metrics, "training": {**metrics["training"], **manifest.metrics.get("training", {})}}
    if figures is not None:
        check_figures(figures, identifiers)
    metrics |= figures or {}
    card = None if figures is None else render(metrics, {name: part.trained_on for name, part in parts.items()})
    identifier = save_bundle(out, parts, configuration=configuration, encoders=encoders, metrics=metrics)
    for name, part in parts.items():
        write_whole(out / f"LICENSE-{name}.txt", f"{part.licence}\n".encode())
    if card is not None:
        write_whole(out / CARD, card.encode())
    return identifier


def check_figures(figures: Mapping[str, Any], identifiers: Sequence[str]) -> None:
    """Raises `UserError` where `figures` are not of one of these bundles."""
    known = metrics_of({"trained": [], **figures}, "given")
    measured = [] if known is None else [one.bundle for one in known.seeds]
    if not set(measured) & set(identifiers):
        raise UserError(
            f"The figures are of {', '.join(measured) or 'no bundle'}, not of {', '.join(identifiers)}: evaluate what you export."
        )
