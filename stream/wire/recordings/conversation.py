"""A whole session as what exports and reports are made of."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from emotrack.errors import UserError
from emotrack.stream.wire.protocol.messages import (
    Emotion,
    Error,
    Face,
    Feed,
    Heartbeat,
    Message,
    Person,
    Session,
    Speaker,
)
from emotrack.stream.wire.protocol.vocabulary import LABELS
from emotrack.stream.wire.recordings.reading import read_messages


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """What a session came to, speakers by the names that they ended up with."""

    session: str
    """Its name."""
    opened: Session | None
    """The message that it started with; None where the recording begins later."""
    ended: Session | None
    """The message that it ended with; None where it was broken off."""
    start_unix_ns: int
    """Session time 0 in Unix nanoseconds."""
    labels: tuple[str, ...]
    """The vocabulary, and behind it every label that occurs beside it."""
    utterances: tuple[Emotion, ...]
    """The label that holds of each utterance that was finished, in order of time: its newest revision."""
    people: tuple[Person, ...] = ()
    """Every steady state that was told of, in order of time."""
    faces: tuple[Face, ...] = ()
    """Every look at a face that was told of, in order."""
    feeds: tuple[Feed, ...] = ()
    """Every feed and medium that went up, down or worse, in order."""
    errors: tuple[Error, ...] = ()
    """What failed, in order."""
    heartbeats: tuple[Heartbeat, ...] = ()
    """How the tracker did, each second."""
    messages: tuple[Message, ...] = field(default=(), repr=False)
    """Everything as it was published."""
    aliases: dict[str, str] = field(default_factory=dict)
    """Speakers who turned out to be somebody else, and who that is."""

    @property
    def speakers(self) -> tuple[str, ...]:
        """Everybody who said something, in order of first appearance."""
        return tuple(dict.fromkeys(one.speaker.id for one in self.utterances))

    def by_speaker(self) -> dict[str, list[Emotion]]:
        """What each of them said, in order."""
        said: dict[str, list[Emotion]] = {}
        for one in self.utterances:
            said.setdefault(one.speaker.id, []).append(one)
        return said

    @property
    def end(self) -> float:
        """The latest session time that anything was told of, in seconds."""
        times = [0.0, *(one.end for one in self.utterances)]
        for kind in (self.people, self.faces, self.feeds, self.errors, self.heartbeats):
            times += [one.time for one in kind[-1:]]
        return max(times)


def read_conversation(path: Path, session: str | None = None) -> Conversation:
    """All of one session of a recording; raises `UserError` as `read_messages` does."""
    return gathered(read_messages(path, session))


def gathered(messages: Iterable[Message]) -> Conversation:
    """A session from its messages, in order; raises `UserError` where there is none."""
    utterances: dict[int, Emotion] = {}
    people: list[Person] = []
    faces: list[Face] = []
    feeds: list[Feed] = []
    errors: list[Error] = []
    heartbeats: list[Heartbeat] = []
    aliases: dict[str, str] = {}
    name, start_unix_ns = "", 0
    opened: Session | None = None
    ended: Session | None = None
    everything = tuple(messages)
    for message in everything:
        name = message.session
        start_unix_ns = getattr(message, "start_unix_ns", start_unix_ns)
        match message:
            case Session(state="started"):
                opened = opened or message
            case Session():
                ended = message
            case Emotion(state="final" | "revised"):
                before = utterances.get(message.utterance)
                if before is None or message.revision >= before.revision:
                    utterances[message.utterance] = message
            case Person():
                people.append(message)
            case Face():
                faces.append(message)
            case Feed():
                feeds.append(message)
            case Speaker(event="alias", alias_of=str(other)):
                aliases[message.speaker] = other
            case Heartbeat():
                heartbeats.append(message)
            case Error():
                errors.append(message)
    if not name:
        raise UserError("A session without any message cannot be shown.")
    names = {one: _followed(one, aliases) for one in aliases}
    return Conversation(
        session=name,
        opened=opened,
        ended=ended,
        start_unix_ns=start_unix_ns,
        labels=_labels(opened, (*utterances.values(), *people, *faces)),
        utterances=tuple(sorted(_renamed(utterances.values(), names), key=lambda one: (one.start, one.end))),
        people=tuple(
            msgspec.structs.replace(one, person=names.get(one.person, one.person)) for one in people
        ),
        faces=tuple(msgspec.structs.replace(one, person=names.get(one.person, one.person)) for one in faces),
        feeds=tuple(feeds),
        errors=tuple(errors),
        heartbeats=tuple(heartbeats),
        messages=everything,
        aliases=names,
    )


def _labels(opened: Session | None, labelled: Iterable[Emotion | Person | Face]) -> tuple[str, ...]:
    """The vocabulary, and what occurs without being in it."""
    labels = dict.fromkeys(opened.vocabulary.labels if opened is not None else LABELS)
    for one in labelled:
        labels |= dict.fromkeys(one.scores or ())
        if one.label is not None:
            labels[one.label] = None
    return tuple(labels)


def _followed(name: str, aliases: dict[str, str]) -> str:
    """Who somebody is in the end; one who turned out to be themselves stays who they are."""
    seen = {name}
    while (other := aliases.get(name)) is not None and other not in seen:
        seen.add(name := other)
    return name


def _renamed(utterances: Iterable[Emotion], names: dict[str, str]) -> Iterator[Emotion]:
    for one in utterances:
        speaker = msgspec.structs.replace(one.speaker, id=names.get(one.speaker.id, one.speaker.id))
        others = tuple(
            msgspec.structs.replace(other, speaker=names.get(other.speaker, other.speaker))
            for other in one.others
        )
        yield msgspec.structs.replace(one, speaker=speaker, others=others)
