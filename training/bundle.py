"""Builds the bundle that ships, end to end: `python -m emotrack.training.bundle --data DIR --out DIR`."""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from safetensors.torch import load_file

from emotrack.engines.face import FaceEncoder
from emotrack.engines.text import MINILM
from emotrack.engines.voice import VoiceEncoder
from emotrack.model.bundle import NewPart, load_bundle, save_bundle
from emotrack.model.configuration import NetworkConfiguration, Stream, StreamWidths
from emotrack.model.errors import UserError
from emotrack.model.manifest import EncoderNote, PartName
from emotrack.model.network import EmotionNetwork
from emotrack.training.card import CARD, LICENCES, TRAINED_ON, render
from emotrack.training.corpora import Faces, read_dialogues, read_faces, read_ravdess
from emotrack.training.dialogues import ReadDialogue
from emotrack.training.evaluation import TEXT, DialogueSet, calibrated, held_out, score, shuffling_costs
from emotrack.training.face import FaceSettings, face_accuracy
from emotrack.training.fusion import FusionData, FusionSettings, train_fusion
from emotrack.training.matching import MatchedPool
from emotrack.training.pools import make_pool
from emotrack.training.stages import Advance, face_stage, read_speech, text_stage, voice_recall, voice_stage
from emotrack.training.voice import VoiceSettings

CONFIGURATION = NetworkConfiguration(
    widths=StreamWidths(text=384, audio=VoiceEncoder.dim, face=FaceEncoder.dim),
    width=96,
    unimodal_hidden=48,
    context_hidden=96,
    dropout=0.3,
)
FUSED: tuple[Stream, ...] = ("text", "audio", "face")


@dataclass(frozen=True, slots=True)
class BuildSettings:
    """How long, how fast and from which seeds everything is trained."""

    voice: VoiceSettings = field(default_factory=VoiceSettings)
    face: FaceSettings = field(default_factory=FaceSettings)
    fusion: FusionSettings = field(default_factory=FusionSettings)
    configuration: NetworkConfiguration = CONFIGURATION


@contextmanager
def progress(title: str, steps: int) -> Iterator[Advance]:
    """A progress bar on stderr with the time left; each call of what it yields is one step, and says how things stand."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
        TextColumn("{task.fields[standing]}"),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(title, total=steps, standing="")

        def advance(standing: str) -> None:
            bars.advance(task)
            if standing:
                bars.update(task, standing=standing)

        yield advance


def split_faces(faces: Faces) -> tuple[Faces, Faces]:
    """The valid split of FER+ in two: three quarters for fusion to learn from, one quarter to check it on."""
    valid = faces.of("valid")
    checked = np.arange(len(valid.splits)) % 4 == 0
    return (
        Faces(valid.images[~checked], valid.votes[~checked], valid.splits[~checked]),
        Faces(valid.images[checked], valid.votes[checked], valid.splits[checked]),
    )


def build(data: Path, out: Path, work: Path, settings: BuildSettings) -> str:
    """Train everything on the reference data in `data` and write the bundle and its card to `out`; gives its identifier.

    Finished stages are kept in `work` and believed there, so that an interrupted build goes on.
    """
    # Sums are taken in one order on one thread, so that the same seeds give the same weights.
    torch.set_num_threads(1)
    work.mkdir(parents=True, exist_ok=True)
    texts = read_texts(data, work)
    speech = read_speech(read_ravdess(data / "ravdess"))
    with progress("voice", settings.voice.epochs) as advance:
        voice = voice_stage(speech, settings.voice, work / "voice.safetensors", advance)
    faces = read_faces(data / "fer2013plus_48x48_webp.npz", data / "fer2013plus_labels.csv")
    with progress("face", settings.face.epochs) as advance:
        face = face_stage(faces, settings.face, work / "face.safetensors", advance)

    encoders = VoiceEncoder(work / "voice.safetensors"), FaceEncoder(work / "face.safetensors")
    learnt_from, checked_on = split_faces(faces)

    def pool(split: str, seen: Faces, seed: int | None = None) -> MatchedPool:
        voices = speech.of(split)
        return make_pool(voices.sounds, voices.emotions, seen, encoders, seed)

    training = FusionData(texts["train"], pool("fusion", learnt_from, settings.fusion.seed))
    widths = settings.configuration.widths
    dev = DialogueSet.draw(texts["dev"], pool("dev", checked_on), widths, seed=1)
    test = DialogueSet.draw(texts["test"], pool("test", faces.of("test")), widths, seed=2)
    network, costs = fuse(training, dev, settings)
    metrics = {
        "encoders": {
            "voice_ravdess_test_actors_unweighted_accuracy": round(100 * voice_recall(voice, speech.of("test")), 2),
            "face_ferplus_test_majority_accuracy": round(100 * face_accuracy(face, faces.of("test")), 2),
        },
        "dev_weighted_f1_lost_when_shuffled": costs,
        "held_out": held_out(network, test),
        "reliance": [round(float(one), 3) for one in network.joint.reliance.detach()],
        "temperature": network.configuration.temperature,
        "trained": list(network.configuration.trained),
        "matching": asdict(training.pool.settings),
        "seeds": {"voice": settings.voice.seed, "face": settings.face.seed, "fusion": settings.fusion.seed},
        "epochs": {"voice": settings.voice.epochs, "face": settings.face.epochs, "fusion": settings.fusion.epochs},
    }
    return write(out, work, network, metrics)


def read_texts(data: Path, work: Path) -> dict[str, list[ReadDialogue]]:
    """MELD's dialogues with their text encoded, by split."""
    dialogues = read_dialogues(data / "text_dialogues.csv", "MELD")
    with progress("text", len(dialogues)) as advance:
        read = text_stage(dialogues, work / "text.npz", advance)
    texts: dict[str, list[ReadDialogue]] = {"train": [], "dev": [], "test": []}
    for dialogue, one in zip(dialogues, read, strict=True):
        texts[dialogue.split].append(one)
    return texts


def fuse(training: FusionData, dev: DialogueSet, settings: BuildSettings) -> tuple[EmotionNetwork, dict[Stream, float]]:
    """The network, its epoch and its temperature chosen on `dev`, and what shuffling each stream costs it there.

    A stream that can be shuffled without loss counts as not trained.
    """
    with progress("fusion", settings.fusion.epochs) as advance:

        def after_epoch(epoch: int, network: EmotionNetwork) -> float:
            alone, together = score(network, dev, TEXT), score(network, dev, FUSED)
            advance(f"dev weighted F1: text {alone:.2f}, all {together:.2f}")
            return alone + together

        network = train_fusion(training, settings.configuration, settings.fusion, after_epoch)
    costs = shuffling_costs(network, dev, FUSED)
    trained = tuple(stream for stream in FUSED if costs[stream] > 0)
    network.configuration = network.configuration.model_copy(update={"trained": trained})
    network.configuration = calibrated(network, dev)
    return network, costs


def write(out: Path, work: Path, network: EmotionNetwork, metrics: Mapping[str, Any]) -> str:
    """Write the bundle with the voice and face networks of `work`, its licences and its card; gives its identifier."""
    notes: dict[Stream, EncoderNote] = {
        "text": EncoderNote(name=MINILM, width=384),
        "audio": EncoderNote(name="voice", width=VoiceEncoder.dim),
        "face": EncoderNote(name="face", width=FaceEncoder.dim),
    }
    small: tuple[PartName, ...] = ("voice", "face")
    identifier = save_bundle(
        out,
        network,
        licence=LICENCES["network"],
        trained_on=TRAINED_ON["network"],
        encoders={"embedded": notes},
        metrics=metrics,
        parts={name: NewPart(load_file(work / f"{name}.safetensors"), LICENCES[name], TRAINED_ON[name]) for name in small},
    )
    for name, licence in LICENCES.items():
        (out / f"LICENSE-{name}.txt").write_text(licence + "\n", encoding="utf-8")
    (out / CARD).write_text(render(load_bundle(out).metrics), encoding="utf-8")
    return identifier


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: 0 when the bundle is written, 2 for a mistake of the user."""
    parser = argparse.ArgumentParser(prog="python -m emotrack.training.bundle", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the reference data")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the bundle to")
    parser.add_argument("--work", type=Path, help="folder that keeps finished stages (default: OUT/work)")
    chosen = parser.parse_args(arguments)
    try:
        identifier = build(chosen.data, chosen.out, chosen.work or chosen.out / "work", BuildSettings())
    except UserError as error:
        return refuse(str(error))
    except OSError as error:
        return refuse(f"{error.filename} cannot be used: {error.strerror}.")
    Console(stderr=True).print(f"wrote bundle {identifier} to {chosen.out}")
    return 0


def refuse(sentence: str) -> int:
    """Say on stderr why nothing was built; gives the exit code for it."""
    Console(stderr=True, soft_wrap=True).print(sentence)
    return 2


if __name__ == "__main__":
    sys.exit(main())
