"""Simulated networks: tiny functions behind the interfaces of the real ones, which fail in the spells that a
plan has for them."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any, cast

import numpy as np

from emotrack.engines.heads import Fused, Heads
from emotrack.engines.open import Encoders, Networks
from emotrack.modalities import MODALITIES, MODALITY_MODES, MODES, Modality
from emotrack.model.bundle import Bundle
from emotrack.model.configuration import ModalityWidths, NetworkConfiguration
from emotrack.model.dialogue.state import ContextState, Floats, LabelLogits, SpeakerMemory
from simulation.parts.sources import LOUD
from simulation.plan import Plan, Trouble

WIDTH = 8
CONFIGURATION = NetworkConfiguration(
    widths=ModalityWidths(text=WIDTH, audio=WIDTH, face=WIDTH, body=WIDTH),
    width=WIDTH,
    heads=2,
    context_hidden=7,
    trained=MODALITIES,
    window=4,
    revisions=3,
)
CLASSES = len(CONFIGURATION.classes)


class Spells:
    """When a part works and when it does not."""

    def __init__(self, trouble: Trouble, seed: str) -> None:
        self._trouble = trouble
        self._random = Random(seed)
        self._left = 0
        self._kind = ""
        self.calls = 0
        self.begun = 0
        """Spells so far in which it failed."""

    def next(self) -> str | None:
        """How the next call fails, or None where it works."""
        self.calls += 1
        if not self._trouble.share:
            return None
        if self._left:
            self._left -= 1
            return self._kind
        if self._random.random() >= self._trouble.share:
            return None
        self.begun += 1
        self._left = self._trouble.spell - 1
        self._kind = self._random.choice(self._trouble.kinds)
        return self._kind

    def spoil(self, given: np.ndarray) -> np.ndarray:
        """What the next call gives where `given` would be right."""
        match self.next():
            case "raises":
                raise RuntimeError("the device is lost")
            case "nan":
                return np.full_like(given, np.nan)
            case "shape":
                return np.zeros((1, 3), np.float32)
        return given


class SimulatedSpeech:
    """Takes everything loud for speech, in the place of Silero's network."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.streams: list[SimulatedSpeechStream] = []

    def stream(self) -> "SimulatedSpeechStream":
        trouble = self._plan.troubles.get("speech", Trouble())
        made = SimulatedSpeechStream(Spells(trouble, f"speech {len(self.streams)} {self._plan.seed}"))
        self.streams.append(made)
        return made


class SimulatedSpeechStream:
    """Of one feed."""

    def __init__(self, spells: Spells) -> None:
        self.spells = spells

    def reset(self) -> None:
        pass

    def probability(self, block_16k: np.ndarray) -> float:
        kind = self.spells.next()
        if kind == "raises":
            raise RuntimeError("no speech detector")
        return float("nan") if kind else float(block_16k[256] > LOUD)


class SimulatedText:
    """Describes words by their letters and by what was said before them."""

    dim = WIDTH
    context = 2
    languages = ("en",)

    def __init__(self, spells: Spells) -> None:
        self._spells = spells

    def encode(self, text: str, speaker: int, before: Sequence[Any]) -> np.ndarray:
        if not text.strip():
            return np.zeros((0, self.dim), np.float32)
        return self._spells.spoil(
            _numbers(f"{text} {speaker} {[line.text for line in before]}")[None].repeat(2, 0)
        )


class SimulatedVoice:
    """Describes segments of sound by their loudness."""

    rate = 16_000
    window = 1.5
    hop = 0.75
    dim = WIDTH

    def __init__(self, spells: Spells) -> None:
        self._spells = spells

    def encode(self, segments: np.ndarray) -> np.ndarray:
        loud = np.abs(segments[:, ::1_000]).mean(1, keepdims=True)
        return self._spells.spoil((loud * np.arange(1, self.dim + 1)).astype(np.float32))


class SimulatedFusion:
    """Means of tokens, in the place of ACN, JE and QAF."""

    def __init__(self, spells: Spells) -> None:
        self._spells = spells

    def fuse(self, tokens: Mapping[Modality, np.ndarray]) -> Fused:
        vector = sum(
            (
                (place + 1) * tokens[modality].mean(0)
                for place, modality in enumerate(MODALITIES)
                if modality in tokens
            ),
            np.zeros(WIDTH, np.float32),
        )
        modes = [any(MODALITY_MODES[modality] == mode for modality in tokens) for mode in MODES]
        row = np.concatenate([vector, np.array(modes, np.float32)]).astype(np.float32)
        weights = {
            modality: 1 / len(tokens) if tokens and modality in tokens else 0.0 for modality in MODALITIES
        }
        imputed = {modality: not modes[MODES.index(MODALITY_MODES[modality])] for modality in MODALITIES}
        return Fused(self._spells.spoil(row), weights, imputed)


class SimulatedContext:
    """Sums that fade, in the place of the dialogue's LSTMs and its reviser."""

    configuration = CONFIGURATION

    def __init__(self, steps: Spells, revisions: Spells) -> None:
        self._steps = steps
        self._revisions = revisions

    def step(self, row: Floats, memory: SpeakerMemory) -> tuple[LabelLogits, SpeakerMemory]:
        own = row[:CLASSES]
        logits = self._steps.spoil(own + 0.5 * memory.speaker_hidden + 0.25 * memory.dialogue_hidden)
        nothing = np.zeros((len(MODES), CLASSES), np.float32)
        after = replace(
            memory,
            speaker_hidden=0.5 * memory.speaker_hidden + 0.5 * own,
            dialogue_hidden=0.5 * memory.dialogue_hidden + 0.5 * own,
        )
        return LabelLogits(logits, 0 * logits, nothing, row), after

    def revise(self, state: ContextState) -> Floats:
        own = state.ring_rows[:, :CLASSES]
        return self._revisions.spoil(own + 0.7 * np.concatenate([own[1:], own[-1:]]))


class SimulatedTurns:
    """That there is something that listens to voices: `SimulatedAssigner` does."""

    name = "simulated"
    engines = ()


def networks(plan: Plan, spells: dict[str, Spells]) -> Networks:
    """Everything that a session of `plan` is described and labelled with; its troubles go into `spells`."""
    for part in ("text", "audio", "face", "body", "fusion", "context", "revision", "observer"):
        spells[part] = Spells(plan.troubles.get(part, Trouble()), f"{part} {plan.seed}")
    encoders: dict[str, Any] = {
        "text": SimulatedText(spells["text"]),
        "audio": SimulatedVoice(spells["audio"]),
        "face_detector": object(),  # that there is one: `SimulatedVision` finds them
        "face": object(),
        "body": object(),
    }
    heads = Heads(
        cast(Any, SimulatedFusion(spells["fusion"])),
        cast(Any, SimulatedContext(spells["context"], spells["revision"])),
        (),
    )
    bundle = Bundle(CONFIGURATION, "simulated", {}, {}, {})
    turns = cast(Any, SimulatedTurns()) if plan.by_voice else None
    return Networks(bundle, Encoders(**encoders, unusable={}, report=()), heads, turns)


def _numbers(text: str) -> np.ndarray:
    """Numbers that are a function of a text, float32 [WIDTH]."""
    value = zlib.crc32(text.encode())
    return np.array([(value >> (4 * place)) % 16 / 8 - 1 for place in range(WIDTH)], np.float32)
