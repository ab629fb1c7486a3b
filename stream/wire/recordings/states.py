"""How each person was, as spans of time: what the single messages about them come to."""

from dataclasses import dataclass

from emotrack.stream.wire.recordings.conversation import Conversation


@dataclass(frozen=True)
class SteadyState:
    """A while in which somebody was there and in one state."""

    person: str
    label: str
    start: float
    """Session time at which they entered it or came back, in seconds."""
    end: float
    """Session time at which they left it or went away, or of the session's end, in seconds."""


def steady_states(conversation: Conversation) -> tuple[SteadyState, ...]:
    """Every steady state of everybody, in order of time; those of one person do not overlap."""
    found: list[SteadyState] = []
    current: dict[str, tuple[str, float]] = {}
    left: dict[str, float] = {}

    def leave(person: str, time: float) -> None:
        label, start = current.pop(person)
        left[person] = max(start, time)
        if time > start:
            found.append(SteadyState(person, label, start, time))

    for told in conversation.people:
        open_state = current.get(told.person)
        if told.state == "away":
            if open_state is not None:
                leave(told.person, told.time)
        elif open_state is None:
            entered = min(told.since, told.time)
            current[told.person] = told.label, max(entered, left.get(told.person, entered))
        elif open_state[0] != told.label:
            leave(told.person, max(open_state[1], min(told.since, told.time)))
            current[told.person] = told.label, left[told.person]
    last = conversation.end
    for person in list(current):
        leave(person, last)
    return tuple(sorted(found, key=lambda one: (one.start, one.end)))
