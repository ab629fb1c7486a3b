"""What a subscriber wants and has seen of a session: which messages are selected, new, or missing, and what
to ask for again."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from emotrack.stream.wire.protocol.encoding import topic
from emotrack.stream.wire.protocol.messages import KINDS, SCHEMA, Heartbeat, Message
from emotrack.stream.wire.protocol.parts import TopicPosition

KINDS_OF_SPEAKERS = ("emotion", "face", "person", "speaker")
"""The kinds whose topics name a speaker."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Messages of one session or any, of these kinds, and where they have a speaker, of one or any."""

    session: str | None
    kinds: frozenset[str]
    speaker: str | None

    @property
    def sees_all(self) -> bool:
        """Whether all of a session reaches us: a prefix can name a kind or a speaker only behind a
        session."""
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


KEPT_TOPICS = 10_000


@dataclass
class SessionProgress:
    """The account of one session.

    `topic_seq` is gapless within a topic, so whoever sees only some topics sees loss and only loss.
    """

    session: str
    settled: int
    """Everything wanted up to this `seq` has been taken or given up: from here on is what to ask for."""
    wanted: Callable[[str], bool]
    """Whether a topic is one that the subscriber wants."""
    sees_all: bool
    """Whether all topics reach us, so that a gap in `seq` shows a loss at once."""
    exact: bool
    """Whether a topic not in `positions` is known to be new (else we may merely have joined late)."""
    positions: OrderedDict[str, TopicPosition] = field(default_factory=OrderedDict)
    lost: int = 0
    """Wanted messages that were given up."""

    def is_new(self, message: Message) -> bool:
        """False for a message that was taken already."""
        held = self.positions.get(topic(message))
        return held is None or message.seq > held.seq

    def misses_before(self, message: Message) -> bool:
        """Whether wanted messages earlier than this one have not come."""
        if self.sees_all and message.seq > self.settled + 1:
            return True
        name = topic(message)
        if self.wanted(name) and self._missing(name, message.topic_seq - 1):
            return True
        return any(self._missing(listed, position.topic_seq) for listed, position in self._listed(message))

    def take(self, message: Message) -> None:
        """Count the message as seen, and what is still missing before it as lost."""
        name = topic(message)
        if self.wanted(name):
            self.lost += self._missing(name, message.topic_seq - 1)
            self.place(name, TopicPosition(seq=message.seq, topic_seq=message.topic_seq))
        for listed, position in self._listed(message):
            self.lost += self._missing(listed, position.topic_seq)
            if listed not in self.positions or position.seq > self.positions[listed].seq:
                self.place(listed, position)
        if self.sees_all or isinstance(message, Heartbeat):
            self.settled = max(self.settled, message.seq)

    def place(self, name: str, position: TopicPosition) -> None:
        """Go on from this position of a topic."""
        self.positions[name] = position
        self.positions.move_to_end(name)
        if len(self.positions) > KEPT_TOPICS:
            self.positions.popitem(last=False)

    def place_all(self, positions: Mapping[str, TopicPosition]) -> None:
        """Go on from these positions wherever they are ahead of ours."""
        for name, position in positions.items():
            if self.wanted(name) and (name not in self.positions or position.seq > self.positions[name].seq):
                self.place(name, position)

    def _missing(self, name: str, until: int) -> int:
        """How many messages of a topic, up to its number `until`, have not come."""
        held = self.positions.get(name)
        if held is None:
            return until if self.exact else 0
        return max(0, until - held.topic_seq)

    def _listed(self, message: Message) -> list[tuple[str, TopicPosition]]:
        """The wanted topics that a heartbeat lists."""
        if not isinstance(message, Heartbeat):
            return []
        return [(name, position) for name, position in message.topics.items() if self.wanted(name)]
