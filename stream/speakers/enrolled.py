"""How the voice of somebody sounds who is enrolled, and when it is taken for theirs."""

import numpy as np

from emotrack.engines.encoders.sound.turns import HEARD, TurnEncoder
from emotrack.errors import UserError
from emotrack.stream.settings import SpeakerSettings
from emotrack.stream.speakers.clusters import VoiceClusters
from emotrack.stream.speakers.listening import BLOCK, BLOCKS, VoiceListener

KNOWN = 0.45
"""Cosine of a voice and an enrolled one from which on they are one person's; `python -m
emotrack.training.evaluation.enrolment` prints the error rates."""
HEARD_SECONDS = 5.0
"""Speech of somebody that must be heard before they may be recognised."""
_LEAST = 12
"""Windows that a voice is enrolled from at least: five seconds of speech."""


def windows_of(encoder: TurnEncoder, samples: np.ndarray, settings: SpeakerSettings) -> np.ndarray:
    """How the one voice in a recording sounds (float32 [n] at 16 kHz): float32 [k, EMBEDDING].

    Raises `UserError` where there is too little of it, or more than one voice.
    """
    listener, clusters = VoiceListener(encoder), VoiceClusters(settings)
    found: dict[int, np.ndarray] = {}
    last = len(samples) // BLOCK
    for end in [*range(BLOCKS // 2, last, BLOCKS // 2), last]:
        heard = samples[max(0, end * BLOCK - HEARD) : end * BLOCK]
        listening = listener.listen(end, np.pad(heard, (HEARD - len(heard), 0)))
        clusters.learn("clip", listening.windows)
        found |= {window.middle: window.embedding for window in listening.windows}
    if len(found) < _LEAST:
        raise UserError(
            "There is too little speech of one voice in it: give a clip of ten seconds in which only that "
            "person speaks."
        )
    if len(voices := clusters.voices.known) > 1:
        raise UserError(
            f"There are {len(voices)} voices in it: give a clip in which only that person speaks."
        )
    return np.stack([found[middle] for middle in sorted(found)])
