"""The conversations of a session at rest: what each is gone on from, and which utterances are done with."""

from dataclasses import dataclass
from typing import Any

from emotrack.stream.labels.attribution import CommittedUtterance
from emotrack.stream.labels.conversation import KeptLines
from emotrack.stream.labels.record import KeptLabels
from emotrack.stream.speakers.assign import KeptSpeakers


@dataclass(frozen=True, slots=True)
class KeptConversation:
    """One conversation."""

    speakers: KeptSpeakers
    dialogue: dict[str, Any]
    """See `Dialogue.snapshot`."""
    lines: KeptLines
    languages: dict[str, int]
    """Words of each."""
    labels: KeptLabels
    committed: tuple[CommittedUtterance, ...]
    labelled: dict[str, int]
    """Final labels of each feed."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Utterances by number: how many have begun, and which of them have no final label yet. It contains
    those that are done with."""

    begun: int = 0
    unfinished: tuple[int, ...] = ()

    def __contains__(self, utterance: object) -> bool:
        return isinstance(utterance, int) and utterance <= self.begun and utterance not in self.unfinished


@dataclass(frozen=True, slots=True)
class KeptConversations:
    """All of them, in the order of their feeds."""

    numbers: Numbers
    each: tuple[KeptConversation, ...]
