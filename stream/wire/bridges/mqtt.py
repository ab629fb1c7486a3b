"""MQTT: every message as JSON at a broker, under `PREFIX/SESSION/KIND/SPEAKER`.

Final and revised labels, and that a session starts or ends, are delivered at least once (quality of service
1), the rest at most once. Nothing is retained: how somebody felt does not stay at the broker. While the
broker is not there, what is delivered at least once waits, with bounds, and the library connects again by
itself, less and less often. `PREFIX/SESSION/status` is `online`, then `offline`, which the broker says for us
where the process or the network is gone (last will).
"""

import threading
import time
from collections import deque
from typing import Any

from emotrack.errors import UserError
from emotrack.stream.wire.bridges.destination import (
    check_unencrypted,
    from_environment,
    library,
    parse_destination,
    shown,
)
from emotrack.stream.wire.protocol.messages import SCHEMA, Emotion, Message, Session
from emotrack.stream.wire.publish.sinks import Outgoing, SinkDelayed, SinkFailed, SinkIncomplete

USER, PASSWORD = "EMOTRACK_MQTT_USER", "EMOTRACK_MQTT_PASSWORD"
"""Variables of the environment that say who asks, where the URL does not."""
PREFIX = "emotrack"
WAITING = 1_000
"""Messages that wait while the broker is not there."""
PATIENCE = 3.0
"""Seconds that the first message waits for the broker, and the last one to be taken."""
SLOWEST = 60
"""Seconds between two attempts to connect, at most."""
KEEPALIVE = 20
"""Seconds of silence after which the broker is asked whether it is there, and then given up."""
_REFUSED = {134, 135}
"""Reasons of a broker that does not know the user or the password."""


class MqttPublisher:
    """A sink that publishes at a broker; it connects with the first message of a session, by `mqtts` with the
    broker's certificate checked.

    Raises `UserError` where the URL is none, paho-mqtt is missing, or the broker is on another machine and
    neither `mqtts` nor `insecure` is said.
    """

    def __init__(self, url: str, *, insecure: bool = False) -> None:
        encrypted = url.lower().startswith("mqtts:")
        self._to = to = parse_destination(url, 8883 if encrypted else 1883)
        self._encrypted = encrypted
        self._prefix = to.path or PREFIX
        if set(self._prefix) & set("+#\0") or len(self._prefix) > 200:
            raise UserError(f"{shown(url)} has no prefix that topics may have: leave out + and #.")
        self.name = f"The bridge to {to}"
        check_unencrypted(str(to), local=encrypted or to.is_local, insecure=insecure, remedy="write mqtts://")
        self._mqtt = library("paho.mqtt.client", "mqtt", "MQTT")
        self._client: Any = None
        self._session = ""
        self._answered = threading.Event()
        self._connected = False
        self._refusal: str | None = None
        self._taken: deque[int] = deque()
        """Numbers that the broker has confirmed, from the library's thread."""
        self._open: set[int] = set()
        """Numbers of what is delivered at least once and is not confirmed yet."""
        self._lost = 0
        self._troubled = False

    def write(self, outgoing: Outgoing) -> None:
        """Publish one message.

        Raises `SinkDelayed` once when the broker is gone, `SinkIncomplete` when it is back and what was
        published meanwhile did not all wait, `SinkFailed` when it refuses us.
        """
        message = outgoing.message
        if message.session != self._session:
            self._begin(message.session)
        path = outgoing.topic.removeprefix(f"{SCHEMA}/").rstrip("/")
        self._publish(path, outgoing.json, sure=is_sure(message))
        if self._refusal is not None:
            raise SinkFailed(f"{self.name} is refused ({self._refusal}): check the user and the password.")
        if not self._connected and not self._troubled:
            self._troubled = True
            raise SinkDelayed(
                f"{self.name} has no broker: it is tried again, {WAITING} labels may wait and the rest is "
                "lost."
            )
        if self._connected and self._troubled:
            self._troubled = False
            lost, self._lost = self._lost, 0
            if lost:
                raise SinkIncomplete(f"{self.name} lacks {lost} messages of the time without a broker.")

    def close(self) -> None:
        """Say that the tracker is gone, and wait a little for what is not confirmed; raises `SinkFailed`
        where some of it never was."""
        if self._client is None:
            return
        self._publish(f"{self._session}/status", b"offline", sure=True)
        deadline = time.monotonic() + PATIENCE
        while self._unconfirmed and self._connected and time.monotonic() < deadline:
            time.sleep(0.005)
        self._client.disconnect()
        self._client.loop_stop()
        self._client = None
        lacking = self._lost + max(0, self._unconfirmed - 1)  # the last word is no message
        self._lost, self._session = 0, ""
        self._open.clear()
        if lacking:
            raise SinkFailed(f"{self.name} lacks {lacking} messages: the broker did not take them.")

    @property
    def _unconfirmed(self) -> int:
        while self._taken:
            self._open.discard(self._taken.popleft())
        return len(self._open)

    def _begin(self, session: str) -> None:
        self.close()
        self._session, self._connected, self._refusal = session, False, None
        self._answered.clear()
        mqtt = self._mqtt
        self._client = client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        user = self._to.user or from_environment(USER)
        if user is not None:
            client.username_pw_set(user, self._to.password or from_environment(PASSWORD))
        if self._encrypted:
            client.tls_set()
        client.will_set(f"{self._prefix}/{session}/status", b"offline", qos=1)
        client.max_queued_messages_set(WAITING)
        client.reconnect_delay_set(1, SLOWEST)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_connect_fail = lambda *_: self._answered.set()
        client.on_publish = lambda _client, _data, number, *_: self._taken.append(number)
        client.connect_async(self._to.host, self._to.port, KEEPALIVE)
        client.loop_start()
        self._answered.wait(PATIENCE)

    def _publish(self, path: str, payload: bytes, *, sure: bool) -> None:
        info = self._client.publish(f"{self._prefix}/{path}", payload, qos=1 if sure else 0)
        code = self._mqtt.MQTTErrorCode
        if info.rc == code.MQTT_ERR_QUEUE_SIZE or (not sure and info.rc != code.MQTT_ERR_SUCCESS):
            self._lost += 1
        elif sure:
            self._open.add(info.mid)
        _ = self._unconfirmed  # what is confirmed is forgotten at once

    def _on_connect(self, client: Any, _data: object, _flags: object, reason: Any, _more: object) -> None:
        """On the library's thread, as those below."""
        if reason.value in _REFUSED:
            self._refusal = str(reason)
        self._connected = not reason.is_failure
        if self._connected:
            client.publish(f"{self._prefix}/{self._session}/status", b"online", qos=0)
        self._answered.set()

    def _on_disconnect(self, *_: object) -> None:
        self._connected = False


def is_sure(message: Message) -> bool:
    """Whether it is delivered at least once."""
    match message:
        case Emotion(state="final" | "revised") | Session():
            return True
    return False
