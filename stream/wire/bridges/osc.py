"""Open Sound Control: labels and states as numbers by UDP, for music, light, games and stage.

There is no standard for emotions in OSC; these addresses say what they hold:

    /emotrack/SPEAKER/{label,state,confidence,valence,arousal}, /emotrack/SPEAKER/scores/LABEL
        of an utterance: state is partial, final or revised
    /emotrack/PERSON/person/{label,state,confidence,valence,arousal,speaking}, …/person/scores/LABEL
        of a person's steady state: state is present or away

What is null in a message is not sent. The values of one message are one bundle, to be used at once.
"""

import errno
import socket
from typing import Any

from emotrack.errors import UserError, first_line
from emotrack.stream.wire.bridges.destination import (
    check_unencrypted,
    library,
    parse_destination,
    shown,
)
from emotrack.stream.wire.protocol.messages import Emotion, Message, Person
from emotrack.stream.wire.publish.sinks import Outgoing, SinkDelayed

Value = str | float | bool


class OscSender:
    """A sink that sends OSC to one address; UDP tells neither whether anybody listens nor what was lost.

    Raises `UserError` where the URL is none, python-osc is missing, the host is not known, or it is another
    machine without `insecure`.
    """

    def __init__(self, url: str, *, insecure: bool = False) -> None:
        self._to = to = parse_destination(url)
        if to.user is not None or to.path:
            raise UserError(f"{shown(url)} is no address of OSC: write osc://HOST:PORT.")
        self.name = f"The bridge to {to}"
        check_unencrypted(
            str(to), local=to.is_local, insecure=insecure, remedy="OSC knows no encryption, so use it on one"
        )
        self._messages = library("pythonosc.osc_message_builder", "osc", "OSC")
        self._bundles = library("pythonosc.osc_bundle_builder", "osc", "OSC")
        sender = library("pythonosc.udp_client", "osc", "OSC").UDPClient
        try:  # once, for a name would be asked for with every packet; most that speak OSC know IPv4 alone
            found = socket.getaddrinfo(to.host, to.port, type=socket.SOCK_DGRAM)
            family, *_, place = min(found, key=lambda one: one[0] != socket.AF_INET)
            self._client = sender(place[0], to.port, family=family)
        except (OSError, UnicodeError) as error:
            raise UserError(f"{to} cannot be sent to: {first_line(error)}.") from error
        self._troubled = False

    def write(self, outgoing: Outgoing) -> None:
        """Send one message, where it has something to tell; raises `SinkDelayed` once where the network does
        not take it."""
        values = osc_values(outgoing.message)
        if not values:
            return
        bundle = self._bundles.OscBundleBuilder(self._bundles.IMMEDIATELY)
        for address, value in values.items():
            bundle.add_content(self._message(address, value))
        try:
            self._client.send(bundle.build())
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.ECONNREFUSED) or self._troubled:
                return  # as lost as any other packet that nobody takes
            self._troubled = True
            raise SinkDelayed(f"{self.name} is not taken by the network ({first_line(error)}).") from error
        self._troubled = False

    def close(self) -> None:
        """Nothing waits."""
        self._client.close()

    def _message(self, address: str, value: Value) -> Any:
        message = self._messages.OscMessageBuilder(address)
        message.add_arg(value)
        return message.build()


def osc_values(message: Message) -> dict[str, Value]:
    """What is sent of a message, by address; nothing of most kinds."""
    match message:
        case Emotion():
            root = f"/emotrack/{message.speaker.id}"
            extra: dict[str, Value] = {}
        case Person():
            root = f"/emotrack/{message.person}/person"
            extra = {f"{root}/speaking": message.speaking}
        case _:
            return {}
    values: dict[str, Value] = {
        f"{root}/label": message.label,
        f"{root}/state": message.state,
        f"{root}/confidence": float(message.confidence),
    }
    for axis in ("valence", "arousal"):
        if (number := getattr(message, axis)) is not None:
            values[f"{root}/{axis}"] = float(number)
    scores = {f"{root}/scores/{label}": float(score) for label, score in message.scores.items()}
    return values | extra | scores
