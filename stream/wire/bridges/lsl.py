"""Lab Streaming Layer: each person's steady state as numbers, and what happens as markers, on the clock that
LSL's recorders know.

A stream of LSL keeps its channels for life while people come and go, so each person is a stream of their own,
opened when they are first told of. Its content type is `Emotion`, that of the markers `Markers`, by which
LSL's programs look for streams.
"""

import time
from collections import OrderedDict
from typing import Any

from emotrack.stream.wire.bridges.destination import check_unencrypted, library
from emotrack.stream.wire.protocol.messages import (
    Emotion,
    Face,
    Heartbeat,
    Message,
    Person,
    Session,
    Speaker,
)
from emotrack.stream.wire.protocol.vocabulary import LABELS
from emotrack.stream.wire.publish.sinks import Outgoing, SinkIncomplete

MOST = 32
"""People who have a stream at once; each costs sockets and threads."""
QUIET = 60.0
"""Seconds of session time after which somebody who is not told of makes room for another."""
_MISSING = float("nan")
"""What LSL has for a value that is not there."""


class LslOutlets:
    """A sink of LSL outlets, of one session at a time; times are those of the session, mapped to LSL's clock
    once, when the session is first heard of.

    Raises `UserError` where pylsl is missing, and, for LSL shows its streams to the whole local network,
    without `insecure`.
    """

    name = "The bridge to LSL"

    def __init__(self, *, insecure: bool = False) -> None:
        check_unencrypted(
            "lsl:",
            local=False,
            insecure=insecure,
            remedy="LSL shows its streams to the whole local network, so leave it out",
        )
        self._pylsl = library("pylsl", "lsl", "LSL")
        self._session = ""
        self._labels: tuple[str, ...] = LABELS
        self._markers: Any = None
        self._people: OrderedDict[str, tuple[Any, float]] = OrderedDict()
        """Outlet and last session time by person, who was told of longest ago first."""
        self._start: float | None = None
        """Session time 0 on LSL's clock."""
        self._now = 0.0
        self._full = False

    def write(self, outgoing: Outgoing) -> None:
        """Pass one message on; raises `SinkIncomplete` once where there are too many people."""
        message = outgoing.message
        if message.session != self._session:
            self._begin(message.session)
        if isinstance(message, Session):
            self._labels = message.vocabulary.labels
        if self._start is None and (began := getattr(message, "start_unix_ns", 0)):
            self._start = began / 1e9 - (time.time() - self._pylsl.local_clock())
        stamp = self._stamp(message)
        if not isinstance(message, Face | Heartbeat) and getattr(message, "state", "") != "partial":
            self._markers.push_sample([outgoing.json.decode()], stamp)
        match message:
            case Person():
                self._push(message, stamp)
            case Speaker(event="alias"):
                self._people.pop(message.speaker, None)

    def close(self) -> None:
        """Close the streams."""
        self._people.clear()
        self._markers = None

    def _begin(self, session: str) -> None:
        self.close()
        self._session, self._labels, self._start = session, LABELS, None
        self._now, self._full = 0.0, False
        self._markers = self._pylsl.StreamOutlet(self._info("markers", "Markers", ["message"], "string"))

    def _stamp(self, message: Message) -> float:
        """When it was, on LSL's clock, in seconds."""
        when = message.end if isinstance(message, Emotion) else getattr(message, "time", None)
        if when is None:  # of a session: it begins at 0, and ends when the last was told
            when = 0.0 if getattr(message, "state", "") == "started" else self._now
        self._now = max(self._now, when)
        return float(self._pylsl.local_clock() if self._start is None else self._start + when)

    def _push(self, person: Person, stamp: float) -> None:
        outlet, _ = self._people.pop(person.person, (None, 0.0))
        if outlet is None:
            if len(self._people) >= MOST and not self._make_room(person.time):
                if self._full:
                    return
                self._full = True
                raise SinkIncomplete(f"{self.name} lacks people: no more than {MOST} have a stream at once.")
            channels = [*self._labels, "valence", "arousal", "confidence"]
            outlet = self._pylsl.StreamOutlet(self._info(person.person, "Emotion", channels, "float32"))
        self._people[person.person] = outlet, person.time
        numbers = [person.scores.get(label, _MISSING) for label in self._labels]
        numbers += [_MISSING if one is None else one for one in (person.valence, person.arousal)]
        outlet.push_sample([*numbers, person.confidence], stamp)

    def _make_room(self, now: float) -> bool:
        name, (_, last) = next(iter(self._people.items()))
        if now - last < QUIET:
            return False
        del self._people[name]
        return True

    def _info(self, name: str, kind: str, channels: list[str], form: str) -> Any:
        """What LSL tells of a stream: by its source id a recorder finds it again after a break."""
        info = self._pylsl.StreamInfo(
            name=f"emotrack {name}",
            type=kind,
            channel_count=len(channels),
            nominal_srate=self._pylsl.IRREGULAR_RATE,
            channel_format=form,
            source_id=f"emotrack/{self._session}/{kind}/{name}",
        )
        described = info.desc()
        described.append_child_value("session", self._session)
        listed = described.append_child("channels")
        for label in channels:
            channel = listed.append_child("channel")
            channel.append_child_value("label", label)
            channel.append_child_value("unit", _unit(label, form))
            channel.append_child_value("type", kind)
        return info


def _unit(channel: str, form: str) -> str:
    if form == "string":
        return "JSON"
    return "-1 to 1" if channel in ("valence", "arousal") else "probability"
