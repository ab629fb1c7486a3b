"""Pools of voices and faces to draw from, made by the very encoders of the live path, of people that these have not learnt from."""

from collections.abc import Mapping, Sequence

import numpy as np

from emotrack.engines.face import FaceEncoder
from emotrack.engines.voice import VoiceEncoder
from emotrack.model.configuration import MELD_CLASSES
from emotrack.model.errors import UserError
from emotrack.model.face import EXPRESSIONS
from emotrack.model.voice import VOICE_EMOTIONS
from emotrack.training.corpora import Faces, majority
from emotrack.training.matching import MatchedPool, MatchSettings
from emotrack.training.speech import RULE, disturb

FACE_CLASSES = {"happiness": "joy", "contempt": None}
VOICE_CLASSES = {"calm": "neutral"}
VARIANTS = 3
"""Disturbed versions of each voice clip that fusion learns from, beside the clean one."""


def class_numbers(names: Sequence[str], renamed: Mapping[str, str | None]) -> np.ndarray:
    """Number in `MELD_CLASSES` of each name of another corpus, -1 for one without a counterpart."""
    meant = [renamed.get(name, name) for name in names]
    return np.array([-1 if name is None else MELD_CLASSES.index(name) for name in meant])


def make_pool(
    sounds: Sequence[np.ndarray],
    emotions: np.ndarray,
    faces: Faces,
    encoders: tuple[VoiceEncoder, FaceEncoder],
    seed: int | None,
) -> MatchedPool:
    """A pool of trimmed `sounds`, whose `emotions` are numbers in `VOICE_EMOTIONS`, and of those `faces` that have a majority.

    With a `seed` it holds disturbed sounds and mirrored faces as well, for training. Raises UserError where a class has none.
    """
    voice, face = encoders
    versions = [[sound] for sound in sounds]
    crops, expressions = faces.images, majority(faces.votes)
    if seed is not None:
        random = np.random.default_rng(seed)
        versions = [[sound, *(disturb(sound, random) for _ in range(VARIANTS))] for sound in sounds]
        crops, expressions = np.concatenate([crops, crops[:, :, ::-1]]), np.tile(expressions, 2)
    spoken = class_numbers(VOICE_EMOTIONS, VOICE_CLASSES)[emotions]
    # The last entry stands for faces without a majority.
    shown = np.append(class_numbers(EXPRESSIONS, FACE_CLASSES), -1)[expressions]
    tokens = [(voice.encode(RULE.all(one)), number) for ones, number in zip(versions, spoken, strict=True) for one in ones]
    descriptors = np.concatenate([face.encode(crops[start : start + 256].copy()) for start in range(0, len(crops), 256)])
    every = range(len(MELD_CLASSES))
    pool = MatchedPool(
        voices={one: [clip for clip, number in tokens if number == one] for one in every},
        faces={one: descriptors[shown == one] for one in every},
        settings=MatchSettings(),
    )
    for one in every:
        if not len(pool.voices[one]) or not len(pool.faces[one]):
            raise UserError(f"No voice or no face of {MELD_CLASSES[one]} is left to draw from; give the whole corpora.")
    return pool
