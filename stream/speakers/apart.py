"""Assigners for the conversations of a session; where each feed is one of its own, its speakers' names begin
with the feed's, so that they are nobody's elsewhere."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from emotrack.stream.people.enrolment.known import NOBODY
from emotrack.stream.settings import SpeakerSettings
from emotrack.stream.speakers.assign import (
    AssignedSpeaker,
    KeptSpeakers,
    NamedSpeakers,
    SpeakerAssigner,
    SpeakerEvent,
    VoicedSpeakers,
)


class ApartSpeakers:
    """The speakers of one feed whose conversation is its own. Those who are enrolled are who they are in all
    feeds."""

    def __init__(self, within: SpeakerAssigner, enrolled: dict[str, bool]) -> None:
        """`enrolled`: shared by all feeds of a session; whether it was told that somebody is there who is."""
        self._within = within
        self._enrolled = enrolled

    def snapshot(self) -> KeptSpeakers:
        """See `SpeakerAssigner.snapshot`."""
        return self._within.snapshot()

    def restore(self, kept: KeptSpeakers, *, heard_again: bool) -> None:
        """See `SpeakerAssigner.restore`."""
        self._within.restore(kept, heard_again=heard_again)
        self._enrolled.update(dict.fromkeys(self._enrolled.keys() & set(kept.known), True))

    @property
    def voices(self) -> VoicedSpeakers | None:
        """See `SpeakerAssigner.voices`."""
        return self._within.voices

    def assign(self, feed: str, blocks: range) -> tuple[AssignedSpeaker, list[SpeakerEvent]]:
        """See `SpeakerAssigner.assign`."""
        speaker, events = self._within.assign(feed, blocks)
        return self._of(feed, speaker), self._told(feed, events)

    def reconsider(
        self, feed: str, blocks: range, speaker: str
    ) -> tuple[AssignedSpeaker | None, list[SpeakerEvent]]:
        """See `SpeakerAssigner.reconsider`."""
        now, events = self._within.reconsider(feed, blocks, speaker.removeprefix(f"{feed}-"))
        return now and self._of(feed, now), self._told(feed, events)

    def guess(self, feed: str, blocks: range) -> AssignedSpeaker:
        """See `SpeakerAssigner.guess`."""
        return self._of(feed, self._within.guess(feed, blocks))

    def _of(self, feed: str, speaker: AssignedSpeaker) -> AssignedSpeaker:
        others = tuple(replace(other, speaker=self._name(feed, other.speaker)) for other in speaker.others)
        return replace(speaker, id=self._name(feed, speaker.id), others=others)

    def _name(self, feed: str, speaker: str) -> str:
        return speaker if speaker == feed or speaker in self._enrolled else f"{feed}-{speaker}"

    def _told(self, feed: str, events: list[SpeakerEvent]) -> list[SpeakerEvent]:
        """The events by the names of this feed, without those of people who are in another one already."""
        told = []
        for event in events:
            if event.event == "new" and self._enrolled.get(event.speaker):
                continue
            if event.speaker in self._enrolled:
                self._enrolled[event.speaker] = True
            known_as = event.alias_of and self._name(feed, event.alias_of)
            told.append(replace(event, speaker=self._name(feed, event.speaker), alias_of=known_as))
        return told


def make_assigners(
    settings: SpeakerSettings, conversations: int, people: Mapping[str, np.ndarray] = NOBODY.voices
) -> list[SpeakerAssigner]:
    """One assigner for each conversation, as `settings` ask for; `people`: the voices of those who are
    enrolled, by name."""
    if settings.mode not in ("voice", "single"):
        return [NamedSpeakers(per_feed=True) for _ in range(conversations)]
    by_voice = settings.mode == "voice"
    assigners: list[SpeakerAssigner] = [
        VoicedSpeakers(settings, people) if by_voice else NamedSpeakers(per_feed=False)
        for _ in range(conversations)
    ]
    if settings.conversations == "together":
        return assigners
    enrolled = dict.fromkeys(people if by_voice else (), False)
    return [ApartSpeakers(assigner, enrolled) for assigner in assigners]
