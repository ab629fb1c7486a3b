"""Since when a rule holds of each person: an alert is raised when it has for as long as it says, and cleared
with hysteresis.

Without a condition of its own an alert is cleared when the rule's condition has been missed by more than a
margin for as long as the rule lasts. A person who is away, or whose value is not known, meets no condition.
All times are session time, so that a recording gives the alerts that it gave live: between two messages about
somebody what was last told of them holds, and heartbeats let time pass.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from emotrack.stream.views.alerts.condition import Rule
from emotrack.stream.wire.protocol.messages import Heartbeat, Message, Person, Session, Speaker

MARGIN = 0.05
"""By how much a threshold has to be missed until an alert is over, unless a condition for that is given."""
MOST = 1_000
"""People who are followed; the one told of longest ago is forgotten for another."""


@dataclass(frozen=True, kw_only=True)
class Alert:
    """An alert begins or is over."""

    event: Literal["raised", "cleared"]
    """Which of the two."""
    rule: str
    """What was asked for."""
    session: str
    """Where."""
    person: str
    """Of whom."""
    time: float
    """Session time, in seconds."""
    since: float
    """Session time at which the condition began to hold, or not to."""
    start_unix_ns: int
    """Session time 0 in Unix nanoseconds."""
    state: Person
    """How they were told to be last."""
    reason: str | None = None
    """Why it is over, where that is not the condition."""


@dataclass
class _Followed:
    state: Person
    raised: bool = False
    since: float | None = None
    """When what would change it began to hold."""


@dataclass
class Watch:
    """One rule over everybody, or over `person` alone."""

    rule: Rule
    clear: Rule | None = None
    person: str | None = None
    _session: str = ""
    _now: float = 0.0
    _people: OrderedDict[str, _Followed] = field(default_factory=OrderedDict)

    def take(self, message: Message) -> list[Alert]:
        """What one message brings, in order of time."""
        found: list[Alert] = []
        if message.session != self._session:
            found += self._end("another session began")
            self._session, self._now = message.session, 0.0
        match message:
            case Person() if self.person in (None, message.person):
                found += self._pass(message.time)
                found += self._told(message)
            case Speaker(event="alias", alias_of=str(other)):
                found += self._pass(message.time)
                found += self._merge(message.speaker, other)
            case Person() | Heartbeat():
                found += self._pass(message.time)
            case Session(state="ended"):
                found += self._end("the session ended")
        return found

    def _told(self, person: Person) -> Iterator[Alert]:
        followed = self._people.pop(person.person, None)
        if followed is None:
            followed = _Followed(person)
            if len(self._people) >= MOST:
                name, forgotten = self._people.popitem(last=False)
                if forgotten.raised:
                    yield self._alert("cleared", forgotten, self._now, f"nothing was told of {name}")
        self._people[person.person] = followed
        followed.state = person
        if not self._changes(followed):
            followed.since = None
        elif followed.since is None:
            followed.since = self._now
        yield from self._step(followed)

    def _pass(self, time: float) -> list[Alert]:
        """Let time pass, which never goes back."""
        self._now = max(self._now, time)
        found = [alert for followed in self._people.values() for alert in self._step(followed)]
        return sorted(found, key=lambda alert: alert.time)

    def _step(self, followed: _Followed) -> Iterator[Alert]:
        """What has lasted long enough by now; then neither condition holds that would change it back."""
        if followed.since is not None and self._now >= (due := followed.since + self._lasting(followed)):
            since, followed.since = followed.since, None
            followed.raised = not followed.raised
            yield self._alert("raised" if followed.raised else "cleared", followed, due, since=since)

    def _changes(self, followed: _Followed) -> bool:
        """Whether a condition holds that would raise it, or clear it where it is raised: what clears goes
        before what raises."""
        state = followed.state
        holds = state.state == "present" and self.rule.condition.holds(
            state, MARGIN if followed.raised and self.clear is None else 0.0
        )
        over = state.state == "away" or (
            self.clear.condition.holds(state) if self.clear is not None else not holds
        )
        return over if followed.raised else holds and not over

    def _lasting(self, followed: _Followed) -> float:
        return (self.clear or self.rule).seconds if followed.raised else self.rule.seconds

    def _merge(self, name: str, other: str) -> Iterator[Alert]:
        """Somebody turns out to be somebody else, who goes on as they were, unless more is known of them."""
        followed = self._people.pop(name, None)
        if followed is None:
            return
        if other not in self._people and self.person in (None, other):
            followed.state = msgspec.structs.replace(followed.state, person=other)
            self._people[other] = followed
        elif followed.raised:
            yield self._alert("cleared", followed, self._now, f"it is {other}")

    def _end(self, reason: str) -> list[Alert]:
        found = [
            self._alert("cleared", followed, self._now, reason)
            for followed in self._people.values()
            if followed.raised
        ]
        self._people.clear()
        return found

    def _alert(
        self,
        event: Literal["raised", "cleared"],
        followed: _Followed,
        time: float,
        reason: str | None = None,
        since: float | None = None,
    ) -> Alert:
        state = followed.state
        return Alert(
            event=event,
            rule=str(self.rule),
            session=self._session,
            person=state.person,
            time=time,
            since=time if since is None else since,
            start_unix_ns=state.start_unix_ns,
            state=state,
            reason=reason,
        )
