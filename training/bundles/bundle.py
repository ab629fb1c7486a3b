"""Bundles joined into one: encoders trained in several runs, or a network with its figures and its card,
ready to ship, and under what terms they may be used."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from emotrack.errors import UserError
from emotrack.files import write_whole
from emotrack.modalities import Modality
from emotrack.model.bundle import NewPart, load_manifest, save_bundle
from emotrack.model.configuration import NetworkConfiguration
from emotrack.model.manifest import EncoderNote, PartName
from emotrack.training.bundles.card import CARD, render
from emotrack.training.evaluation.records import metrics_of

LICENCES: dict[PartName, str] = {
    "voice": (
        "The weights in voice.safetensors are for non-commercial research only. They read the encoder of "
        "Whisper tiny.en (OpenAI, MIT) and were trained on RAVDESS (Livingstone and Russo 2018, "
        "https://doi.org/10.5281/zenodo.1188976, CC BY-NC-SA 4.0), nEMO (Christop 2024, CC BY-NC-SA 4.0) "
        "and LibriSpeech (Panayotov et al. 2015, CC BY 4.0)."
    ),
    "face": (
        "The weights in face.safetensors are for non-commercial research only. They were trained on the "
        "images of FER2013 (no licence stated by their source; research use) with the labels of FER+ "
        "(microsoft/FERPlus, MIT)."
    ),
    "text": (
        "The weights in text.safetensors are for non-commercial research only. They change "
        "all-MiniLM-L6-v2 (Apache-2.0) and were trained on the transcripts of MELD and EmoryNLP "
        "(declare-lab/MELD, GPL-3.0) and of DailyDialog (CC BY-NC-SA 4.0), on the comments of GoEmotions "
        "(Google Research, Apache-2.0) and on the chats of EmoContext (SemEval-2019, task 3; research use)."
    ),
}
"""Under what terms the weights of each encoder may be used."""

_SPEECH = {
    "nemo": "five of nEMO's nine speakers",
    "ased": "half of ASED's speakers",
    "urdu": "half of URDU's speakers",
    "ordinary": "half of the readers of LibriSpeech, as neutral",
}
FACES = "FER+ train (FER2013 images with vote shares)"
"""What the face network learns from."""


def of_voices(actors: Collection[int], others: Collection[str]) -> str:
    """What a voice network learns from that hears these actors of RAVDESS, and the train speakers of other
    corpora."""
    numbers = sorted(actors)
    whole = numbers == list(range(numbers[0], numbers[-1] + 1))
    told = [
        f"RAVDESS speech, actors {f'{numbers[0]}-{numbers[-1]}' if whole else ', '.join(map(str, numbers))}"
    ]
    return "; ".join([*told, *(_SPEECH[name] for name in others)])


def of_texts(further: Collection[str], teachers: int) -> str:
    """What a text adapter learns from beside MELD, by itself or through so many adapters trained before."""
    names = ["MELD", *further]
    told = f"{', '.join(names[:-1])} and {names[-1]}" if further else names[0]
    kept = ", but for those of EmoryNLP that MELD's dev and test know" if "EmoryNLP" in further else ""
    taught = {0: "", 1: ", as another adapter answers them"}.get(
        teachers, f", as {teachers} adapters answer them"
    )
    return f"{told} train dialogues{kept}{taught}"


CORPORA = {
    "meld": ("MELD train dialogues", "MELD (declare-lab/MELD, GPL-3.0)"),
    "emorynlp": ("EmoryNLP train dialogues", "EmoryNLP (declare-lab/MELD, GPL-3.0)"),
    "goemotions": ("GoEmotions train comments", "GoEmotions (Google Research, Apache-2.0)"),
    "dailydialog": ("DailyDialog train dialogues", "DailyDialog (CC BY-NC-SA 4.0)"),
    "iemocap": (
        "IEMOCAP train dialogues",
        "IEMOCAP (under its own agreement with the University of Southern California)",
    ),
    "clips": ("train clips of one's own", "clips of their owner (on the owner's terms)"),
    "mosi": ("CMU-MOSI train videos", "features of CMU-MOSI (published under MIT)"),
    "ravdess": ("label-matched voices of RAVDESS actors 15-18", "RAVDESS speech (CC BY-NC-SA 4.0)"),
    "nemo": ("label-matched voices of two speakers of nEMO", "nEMO (amu-cai/nEMO, CC BY-NC-SA 4.0)"),
    "ased": (
        "label-matched voices of ASED speakers kept for it",
        "ASED (no licence stated by its source; research use)",
    ),
    "urdu": ("label-matched voices of URDU clips kept for it", "URDU (for research purposes)"),
    "ordinary": ("readers of LibriSpeech as voices that show nothing", "LibriSpeech (CC BY 4.0)"),
    "ferplus": (
        "label-matched faces of three quarters of FER+ valid",
        "FER2013 images (no licence stated by their source; research use) with FER+ labels (MIT)",
    ),
}
"""What a network learns from in each corpus, and the terms of that."""


def of_network(corpora: Sequence[str]) -> tuple[str, str]:
    """The licence of a network trained on `corpora`, and what it was trained on."""
    learnt, terms = zip(*(CORPORA[name] for name in corpora), strict=True)
    licence = (
        "The weights in network.safetensors are for non-commercial research only. They were trained on "
        f"{'; '.join(terms)}."
    )
    return licence, "; ".join(learnt)


def write_bundle(runs: Sequence[Path], out: Path, figures: Mapping[str, Any] | None) -> str:
    """Write the parts of all bundles `runs` as one bundle to `out`, with the licence of each; gives its
    identifier.

    `figures` are added to its metrics; a bundle that has all of them gets its model card. Raises `UserError`
    where two bundles have the same part, or the figures are of others.
    """
    parts: dict[PartName, NewPart] = {}
    encoders: dict[str, dict[Modality, EncoderNote]] = {}
    metrics: dict[str, Any] = {"training": {}}
    configuration: NetworkConfiguration | None = None
    identifiers = []
    for run in runs:
        manifest, files = load_manifest(run)
        identifiers.append(manifest.identifier)
        if both := parts.keys() & files.keys():
            raise UserError(f"{run} holds the part {min(both)} a second time: name one run for each part.")
        parts |= {
            name: NewPart(file.tensors(), file.licence, file.trained_on, file.settings)
            for name, file in files.items()
        }
        encoders |= manifest.encoders
        configuration = manifest.configuration or configuration
        metrics = {
            **metrics,
            **manifest.metrics,
            "training": {**metrics["training"], **manifest.metrics.get("training", {})},
        }
    if figures is not None:
        check_figures(figures, identifiers)
    metrics |= figures or {}
    card = (
        None if figures is None else render(metrics, {name: part.trained_on for name, part in parts.items()})
    )
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
            f"The figures are of {', '.join(measured) or 'no bundle'}, not of {', '.join(identifiers)}: "
            "evaluate what you bundle."
        )
