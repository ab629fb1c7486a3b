"""The ear of one feed: what is heard in its sound, and what that teaches of the conversation's voices."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from emotrack.stream.speakers.clusters import VoiceClusters, Voices
from emotrack.stream.speakers.listening import Listening


@dataclass(frozen=True, slots=True)
class Heard:
    """A listening, and the voices of the conversation as they are known with it."""

    listening: Listening
    voices: Voices


class Listener(Protocol):
    """Listens to one feed; see `VoiceListener`."""

    def listen(self, end: int, samples: np.ndarray) -> Listening:
        """What the newest samples float32 [HEARD], the last of them the end of block `end` - 1, tell."""
        ...

    def reset(self) -> None:
        """Forget what was heard."""
        ...


class VoiceEar:
    """All ears of a conversation share its clusters, so they listen on one thread, one after the other."""

    def __init__(self, feed: str, listener: Listener, clusters: VoiceClusters) -> None:
        self._feed = feed
        self._listener = listener
        self._clusters = clusters

    def listen(self, end: int, samples: np.ndarray) -> Heard:
        """What the newest samples float32 [HEARD], the last of them the end of block `end` - 1, tell."""
        listening = self._listener.listen(end, samples)
        return Heard(listening, self._clusters.learn(self._feed, listening.windows))

    def reset(self) -> None:
        """What follows is another sound, of the same conversation."""
        self._listener.reset()
