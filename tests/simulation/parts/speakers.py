"""Simulated voices: utterances that are anybody's, speakers that turn out to be one, labels that change
hands, speech and turns that a second ear finds afterwards."""

from dataclasses import replace
from random import Random

import numpy as np

from emotrack.stream.speakers.assign import AssignedSpeaker, OtherTurn, SpeakerEvent
from emotrack.stream.speakers.timeline import Spoken
from simulation.machine import Machine
from simulation.parts.networks import Spells
from simulation.plan import Plan, Trouble

MOST = 4
"""Speakers."""


class SimulatedAssigner:
    """A `SpeakerAssigner` that knows nothing of voices and says what its seed says; it is its own `voices`
    and its own ear."""

    def __init__(self, plan: Plan, machine: Machine, number: int) -> None:
        self._random = Random(f"speakers {number} {plan.seed}")
        self._ear_random = Random(f"ear {number} {plan.seed}")
        self._spells = Spells(plan.troubles.get("speaker", Trouble()), f"speaker {number} {plan.seed}")
        self._ear_spells = Spells(plan.troubles.get("ear", Trouble()), f"ear trouble {number} {plan.seed}")
        self._machine = machine
        self._prefix = f"voice{number}-"
        self._count = 0
        self._known: list[str] = []

    @property
    def voices(self) -> "SimulatedAssigner":
        return self

    def assign(self, feed: str, blocks: range) -> tuple[AssignedSpeaker, list[SpeakerEvent]]:
        match self._spells.next():
            case "raises":
                raise RuntimeError("the voices are gone")
            case "nan":
                return AssignedSpeaker(feed, float("nan")), []
            case "name":
                return AssignedSpeaker("no/body", 0.5), []
        events = self._merge()
        speaker, new = self._somebody()
        return self._with_another(speaker, blocks), [*events, *new]

    def reconsider(
        self, feed: str, blocks: range, speaker: str
    ) -> tuple[AssignedSpeaker | None, list[SpeakerEvent]]:
        if self._random.random() < 0.9:
            return None, []
        events = self._merge()
        other, new = self._somebody()
        for event in events:
            speaker = str(event.alias_of) if event.speaker == speaker else speaker
        return None if other == speaker else AssignedSpeaker(other, 0.8), [*events, *new]

    def guess(self, feed: str, blocks: range) -> AssignedSpeaker:
        return AssignedSpeaker(self._known[0] if self._known else feed, 0.5)

    def ear(self, feed: str, listener: object) -> "SimulatedAssigner":
        return self

    def listen(self, end: int, samples: np.ndarray) -> object:
        self._machine.sleep(self._ear_random.choice((0.0, 0.02, 0.3)))
        if self._ear_spells.next():
            raise RuntimeError("the ear is deaf")
        return None

    def reset(self) -> None:
        pass

    def take(self, feed: str, heard: object) -> None:
        pass

    def between(self, feed: str, first: int, end: int) -> Spoken:
        """Half a second or more of one voice, then of another, which is a function of the blocks."""
        blocks = np.arange(first, end)
        second = (blocks // 37) % 3 == 1
        speech = np.where((blocks // 23) % 4 == 3, 0.0, 0.9)
        activity = np.stack([np.where(second, 0.1, 0.9), np.where(second, 0.9, 0.0)], 1)
        return Spoken(speech, (1, 2), activity)

    def _somebody(self) -> tuple[str, list[SpeakerEvent]]:
        if self._known and (len(self._known) >= MOST or self._random.random() < 0.7):
            return self._random.choice(self._known), []
        self._count += 1
        name = f"{self._prefix}{self._count}"
        self._known.append(name)
        return name, [SpeakerEvent("new", name, None, 1.0)]

    def _merge(self) -> list[SpeakerEvent]:
        if len(self._known) < 2 or self._random.random() < 0.8:
            return []
        younger = self._known.pop(self._random.randrange(1, len(self._known)))
        return [SpeakerEvent("alias", younger, self._random.choice(self._known), 0.7)]

    def _with_another(self, speaker: str, blocks: range) -> AssignedSpeaker:
        assigned = AssignedSpeaker(speaker, self._random.random())
        if len(blocks) < 12 or len(self._known) < 2:
            return assigned
        other = next(one for one in self._known if one != speaker)
        return replace(assigned, others=(OtherTurn(other, blocks[2:11]),))
