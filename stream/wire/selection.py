"""Which messages a subscriber wants: as ZeroMQ prefixes and as a test of topics."""

from dataclasses import dataclass

from emotrack.stream.messages import KINDS, SCHEMA

KINDS_OF_SPEAKERS = ("emotion", "speaker")
"""The kinds whose topics name a speaker."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Messages of one session or any, of these kinds, and where they have a speaker, of one or any."""

    session: str | None
    kinds: frozenset[str]
    speaker: str | None

    @property
    def sees_all(self) -> bool:
        """Whether all of a session reaches us: a prefix can name a kind or a speaker only behind a session."""
        return self.session is None or self.is_everything

    @property
    def is_everything(self) -> bool:
        """Whether no message is left out."""
        return self.kinds == frozenset(KINDS) and self.speaker is None

    def prefixes(self) -> list[str]:
        """What to subscribe to; heartbeats always, for they tell of lost tails."""
        if self.sees_all:
            return [f"{SCHEMA}/{self.session}/" if self.session else f"{SCHEMA}/"]
        spoken = f"{self.speaker}/" if self.speaker else ""
        return [
            f"{SCHEMA}/{self.session}/{kind}/{spoken if kind in KINDS_OF_SPEAKERS else ''}"
            for kind in sorted(self.kinds | {"heartbeat"})
        ]

    def wants(self, topic: str) -> bool:
        """Whether messages of this topic are asked for."""
        parts = topic.removeprefix(f"{SCHEMA}/").split("/")
        if len(parts) != 4:
            return False
        session, kind, speaker, _ = parts
        return (
            self.session in (None, session)
            and kind in self.kinds
            and (self.speaker in (None, speaker) or kind not in KINDS_OF_SPEAKERS)
        )
