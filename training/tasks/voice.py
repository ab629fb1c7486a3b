"""Teaches the voice network acted speech beside ordinary speech, which means no emotion, split by speaker.

No voice that it is judged on, or that fusion learns from, is one that it has heard. Whisper's layers stay as
they are, so what they make of each clip is computed once (see voice_base.py).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field, model_validator
from sklearn.metrics import recall_score
from torch import Tensor
from typing_extensions import Self

from emotrack.engines.encoders.sound.voice import TINY, VoiceSettings, find_base
from emotrack.errors import UserError
from emotrack.files import file_digest
from emotrack.model.converted import read_converted
from emotrack.model.formats import MEL_FILTERS, VOICE_EMOTIONS
from emotrack.model.modules.voice import SpeechEncoder, VoiceNetwork, VoiceTop
from emotrack.training.corpora.open import open_corpus
from emotrack.training.corpora.ravdess import ACTORS
from emotrack.training.corpora.records import CorpusUtterance
from emotrack.training.loop.losses import soft_cross_entropy
from emotrack.training.loop.task import fingerprint_of, halved
from emotrack.training.settings import Training
from emotrack.training.tasks.voice_base import Pooled, hear, sounds_of

FOLDS = ((2, 5, 14, 15, 16), (3, 6, 7, 13, 18), (10, 11, 12, 19, 20), (8, 17, 21, 23, 24), (1, 4, 9, 22))
"""Actors of five folds with as many women as men, within one (Luna-Jiménez et al., Sensors 2021, 21(22),
7665)."""
ACTED, ORDINARY = "ravdess", "ordinary"
AROUSAL = {
    "neutral": 0.0,
    "calm": -0.46,
    "joy": 0.51,
    "sadness": -0.27,
    "anger": 0.59,
    "fear": 0.60,
    "disgust": 0.35,
    "surprise": 0.67,
}
"""How much each emotion arouses, -1 to 1 (Russell and Mehrabian 1977, table 4; of "relaxed" for calm)."""
SUBDUED = 0.7
"""Share of that in clips of RAVDESS that are meant to be of normal, not of strong intensity."""

CorpusName = Literal["ravdess", "nemo", "ased", "urdu", "ordinary"]


class VoiceTraining(Training):
    """How the voice network is trained."""

    train: Literal["voice"] = "voice"
    clips: Path
    """Folder of RAVDESS speech."""
    table: Path | None = None
    """Folder of the table of all other speech; without, RAVDESS alone is learnt from."""
    corpora: dict[CorpusName, int] = Field({"ravdess": 2, "nemo": 0, "ordinary": 0})
    """What is learnt from, and in how many disturbed copies beside the clips themselves."""
    heard: Path = Path("runs/heard")
    """Folder for what Whisper's layers make of the clips, which any seed and fold shares."""
    base: str = TINY
    """The Whisper model whose encoder hears: one that a package carries, or a folder of CTranslate2's."""
    layers: int = Field(3, ge=1)
    """How many of its layers are run and read."""
    fold: int | None = Field(None, ge=1, le=len(FOLDS))
    """Learn from all actors but those of one of the five folds, which is how the recipe is evaluated;
    without, learn from the split "train" and be judged by "dev"."""
    batch: int = Field(64, ge=2)
    """Clips in a batch."""
    ordinary: float = Field(0.5, ge=0, lt=1)
    """Share of each batch that is ordinary speech, where there is any."""
    smoothing: float = Field(0.1, ge=0, lt=1)
    """Label smoothing."""
    arousal: float = Field(0.5, ge=0)
    """Weight of the squared error of arousal."""

    @model_validator(mode="after")
    def _blind(self) -> Self:
        if self.fold is not None and self.optimisation.keep == "best":
            raise ValueError(
                "the actors held out of a fold may choose no epoch: set optimisation.keep to last"
            )
        if ACTED not in self.corpora:
            raise ValueError("RAVDESS is what the network is judged by: leave ravdess among corpora")
        return self

    def actors(self) -> tuple[Collection[int], Collection[int]]:
        """Numbers of RAVDESS's actors to learn from, and of those to be judged by."""
        if self.fold is None:
            return ACTORS["train"], ACTORS["dev"]
        left_out = FOLDS[self.fold - 1]
        return [actor for fold in FOLDS for actor in fold if actor not in left_out], left_out

    def copies(self) -> dict[str, int]:
        """The corpora that there is a folder of, and the disturbed copies of each."""
        return {
            name: count for name, count in self.corpora.items() if name == ACTED or self.table is not None
        }

    def clips_of(self, name: str) -> list[CorpusUtterance]:
        """Clips of a corpus that are learnt from or judged by; raises `UserError` where they cannot be
        found."""
        utterances = open_corpus(
            name, self.clips if name == ACTED or self.table is None else self.table
        ).utterances
        return [one for one in utterances if name == ACTED or one.row.split in ("train", "dev")]

    def learnt(self, name: str, one: CorpusUtterance) -> bool:
        """Whether a clip of a corpus is learnt from."""
        return actor_of(one) in self.actors()[0] if name == ACTED else one.row.split == "train"

    def judged(self, name: str, one: CorpusUtterance) -> bool:
        """Whether the network is judged by a clip of a corpus."""
        return actor_of(one) in self.actors()[1] if name == ACTED else one.row.split == "dev"


@dataclass(frozen=True, slots=True)
class Speech:
    """Pooled segments of clips, the emotion's number of each segment and its arousal, both [n]."""

    pooled: Pooled
    emotions: np.ndarray
    arousals: np.ndarray

    def of(self, chosen: np.ndarray) -> "Speech":
        """The segments of those clips whose places bool [clips] has."""
        kept = chosen[self.pooled.clips]
        pooled = Pooled(self.pooled.values[torch.from_numpy(kept)], self.pooled.clips[kept])
        return Speech(pooled, self.emotions[kept], self.arousals[kept])


def actor_of(one: CorpusUtterance) -> int:
    """The number of a RAVDESS clip's actor."""
    return int(one.row.speaker.split()[-1])


def arousal_of(name: str, one: CorpusUtterance) -> float:
    """How aroused a clip of a corpus is meant to be, -1 to 1."""
    strong = name != ACTED or one.row.name.split("-")[3] == "02"
    return AROUSAL[one.row.label or VOICE_EMOTIONS[0]] * (1.0 if strong else SUBDUED)


def fingerprint(settings: VoiceTraining, seed: int) -> str:
    """See `Task.fingerprint`."""
    clips = [path for name in settings.copies() for path in sounds_of(settings.clips_of(name))]
    blind = settings.model_copy(update={"heard": Path()})  # where it is kept decides nothing
    return fingerprint_of(blind, seed, find_base(settings.base), *clips)


class VoiceTask:
    """See `emotrack.training.loop.task.Task`. A batch is drawn so that corpora, and the emotions of each, are
    equally frequent in it."""

    part: Literal["voice"] = "voice"

    def __init__(self, settings: VoiceTraining, seed: int, device: str) -> None:
        torch.manual_seed(seed)
        self.seed = seed
        self.fingerprint = fingerprint(settings, seed)
        base = find_base(settings.base)
        self._settings = VoiceSettings(base=settings.base, sha256=file_digest(base), layers=settings.layers)
        self.network = VoiceNetwork(
            SpeechEncoder(read_converted(base, "encoder/"), settings.layers, MEL_FILTERS)
        ).to(device)
        acted, ordinary, self._unheard = self._hear(settings, device)
        self._acted, self._acted_odds = _joined(acted)
        self._ordinary = _joined(ordinary) if ordinary and settings.ordinary else None
        self._share = round(settings.batch * settings.ordinary) if self._ordinary is not None else 0
        self._batch = settings.batch - self._share
        self.steps = max(1, len(self._acted.emotions) // self._batch)
        self._smoothing, self._arousal = settings.smoothing, settings.arousal
        self._device = device

    def _hear(
        self, settings: VoiceTraining, device: str
    ) -> tuple[list[Speech], list[Speech], dict[str, Speech]]:
        """Acted and ordinary speech to learn from, a corpus each, and what to be judged by."""
        acted: list[Speech] = []
        ordinary: list[Speech] = []
        judged: dict[str, Speech] = {}
        for name, copies in settings.copies().items():
            clips = settings.clips_of(name)
            learnt = np.array([settings.learnt(name, one) for one in clips])
            heard = [self._speech(settings, name, clips, version, device) for version in range(copies + 1)]
            judged[name] = heard[0].of(np.array([settings.judged(name, one) for one in clips]))
            if not learnt.any() or not len(judged[name].emotions):
                missing = settings.actors()[int(learnt.any())] if name == ACTED else ("train", "dev")
                folder = settings.clips if name == ACTED else settings.table
                raise UserError(
                    f"{folder} holds no clip of {name} by any of {', '.join(map(str, missing))}: give the "
                    "whole of it."
                )
            (ordinary if name == ORDINARY else acted).append(_together([one.of(learnt) for one in heard]))
        return acted, ordinary, judged

    def _speech(
        self, settings: VoiceTraining, name: str, clips: Sequence[CorpusUtterance], version: int, device: str
    ) -> Speech:
        pooled = hear(self.network.encoder, self._settings.sha256, clips, version, settings.heard, device)
        emotions = np.array([VOICE_EMOTIONS.index(one.row.label or VOICE_EMOTIONS[0]) for one in clips])
        arousals = np.array([arousal_of(name, one) for one in clips], np.float32)
        return Speech(pooled, emotions[pooled.clips], arousals[pooled.clips])

    def batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Pooled segments [B, inputs], smoothed targets [B, 8] and arousal [B]."""
        generator = torch.Generator().manual_seed(
            int(np.random.default_rng((self.seed, epoch)).integers(2**62))
        )
        for _ in range(self.steps):
            drawn = [_draw(self._acted, self._acted_odds, self._batch, generator)]
            if self._ordinary is not None:
                drawn.append(_draw(*self._ordinary, self._share, generator))
            values, emotions, arousals = (torch.cat(one) for one in zip(*drawn, strict=True))
            shares = torch.eye(len(VOICE_EMOTIONS))[emotions] * (1 - self._smoothing) + self._smoothing / len(
                VOICE_EMOTIONS
            )
            yield values, shares, arousals

    def losses(self, batch: tuple[Tensor, Tensor, Tensor]) -> Mapping[str, Tensor]:
        """Cross-entropy against the smoothed targets, and the squared error of arousal."""
        values, shares, arousals = (one.to(self._device) for one in batch)
        _, logits, arousal = self.network.top(values)
        error = (arousal[:, 0] - arousals).square().mean()
        return {"emotion": soft_cross_entropy(logits, shares), "arousal": self._arousal * error}

    def groups(self, rate: float) -> list[dict[str, Any]]:
        """All weights of ours move alike."""
        return [{"params": list(self.network.top.parameters()), "lr": rate}]

    def settle(self, network: torch.nn.Module, epoch: int) -> None:
        """Nothing is fitted."""

    def score(self, network: torch.nn.Module) -> Mapping[str, float]:
        """Unweighted accuracy on the clips of each corpus to be judged by, in percent; RAVDESS's is what
        decides."""
        assert isinstance(network, VoiceNetwork)
        found = {name: 100 * voice_recall(network.top, speech) for name, speech in self._unheard.items()}
        return {"score": found.pop(ACTED), **found}

    def tensors(self) -> Mapping[str, Tensor]:
        """The weights of our own part in half precision."""
        return halved(self.network.top)

    def notes(self) -> Mapping[str, Any]:
        """Which base our own part is for."""
        return self._settings.model_dump()


def _together(parts: Sequence[Speech]) -> Speech:
    """Copies of the same clips as one."""
    pooled = Pooled(
        torch.cat([one.pooled.values for one in parts]), np.concatenate([one.pooled.clips for one in parts])
    )
    return Speech(
        pooled,
        np.concatenate([one.emotions for one in parts]),
        np.concatenate([one.arousals for one in parts]),
    )


def _joined(corpora: Sequence[Speech]) -> tuple[Speech, Tensor]:
    """Several corpora as one, and how often each segment is drawn: corpora alike, and in each its emotions
    alike."""
    odds = []
    for one in corpora:
        _, places, counts = np.unique(one.emotions, return_inverse=True, return_counts=True)
        odds.append(1.0 / (counts[places] * len(counts)))
    return _together(corpora), torch.from_numpy(np.concatenate(odds))


def _draw(
    speech: Speech, odds: Tensor, count: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    chosen = torch.multinomial(odds, count, replacement=True, generator=generator)
    emotions, arousals = torch.from_numpy(speech.emotions)[chosen], torch.from_numpy(speech.arousals)[chosen]
    return speech.pooled.values[chosen].float(), emotions, arousals


@torch.inference_mode()
def voice_predictions(top: VoiceTop, pooled: Pooled) -> tuple[np.ndarray, np.ndarray]:
    """Places of the clips and the emotion's number named for each, int [clips]: the segments' probabilities
    are averaged."""
    top.eval()
    device = next(top.parameters()).device
    shares = top(pooled.values.float().to(device))[1].softmax(dim=1).cpu().numpy()
    clips, places = np.unique(pooled.clips, return_inverse=True)
    sums = np.zeros((len(clips), shares.shape[1]))
    np.add.at(sums, places, shares)
    return clips, sums.argmax(axis=1)


def voice_recall(top: VoiceTop, speech: Speech) -> float:
    """Unweighted accuracy: recall averaged over the emotions that there are clips of, one answer per clip.

    Where no clip is calm, calm counts as neutral, as everywhere in emotrack.
    """
    clips, named = voice_predictions(top, speech.pooled)
    places = np.searchsorted(speech.pooled.clips, clips)
    emotions = speech.emotions[places]
    every = np.unique(emotions)
    calm = VOICE_EMOTIONS.index("calm")
    if calm not in every:
        named = np.where(named == calm, VOICE_EMOTIONS.index("neutral"), named)
    return float(recall_score(emotions, named, labels=every.tolist(), average="macro", zero_division=0))
