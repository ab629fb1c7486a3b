"""The parts of an utterance that can be left out of it, and what a thing must offer to be explained."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from emotrack.model.configuration import Stream
from emotrack.model.memory import SpeakerMemory

Kind = Literal["word", "segment", "region", "frame", "body", "line"]

STREAM_OF: dict[Kind, Stream] = {
    "word": "text",
    "line": "text",
    "segment": "audio",
    "region": "face",
    "frame": "face",
    "body": "body",
}
"""The stream whose tokens a part is in. A line is what was said before and read along; it is no part of the utterance itself."""


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that can be left out: the `index`th of its kind, called `name` where people read it."""

    kind: Kind
    index: int
    name: str
    span: tuple[float, float] | None = None
    """For a segment of audio: from and to, in seconds from the utterance's start."""

    @property
    def stream(self) -> Stream:
        return STREAM_OF[self.kind]


class Subject(Protocol):
    """An utterance that can be encoded again with some of its parts left out."""

    parts: tuple[Part, ...]
    """What the utterance consists of, as far as it is present."""
    lines: tuple[Part, ...]
    """What was said before and is read along with it, oldest first."""
    memory: SpeakerMemory
    """The dialogue before it."""

    def without(self, removed: Collection[Part]) -> dict[Stream, np.ndarray]:
        """Tokens by stream, were `removed` not there; a stream of which nothing is left is absent."""
        ...
