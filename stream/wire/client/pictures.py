"""The newest picture of a feed, asked for at the snapshot socket."""

import itertools
import math
import time
from pathlib import Path

import msgspec
import zmq

from emotrack.errors import UserError
from emotrack.notify import plain, shorten
from emotrack.stream.wire.client.snapshots import Curve, configure_client
from emotrack.stream.wire.protocol.endpoints import Address, parse_endpoint
from emotrack.stream.wire.protocol.keys import ClientKeys, load_public_key
from emotrack.stream.wire.protocol.pictures import LARGEST_PICTURE, PictureReply, PictureRequest
from emotrack.stream.wire.protocol.snapshots import SnapshotRefusal

PATIENCE = 2.0
"""Seconds to wait for an answer."""
LARGEST_REPLY = 2 * LARGEST_PICTURE
"""Bytes; who sends more in one reply is disconnected."""


class PictureClient:
    """Asks a tracker for pictures; it belongs to one thread. Raises `UserError` for what is no address, and
    for keys that cannot be read."""

    def __init__(
        self,
        endpoint: str,
        *,
        server_key: str | Path | None = None,
        keys: str | Path | None = None,
    ) -> None:
        """`endpoint`: where snapshot requests are answered, as heartbeats tell (`snapshot_endpoint`)."""
        self._address: Address = parse_endpoint(endpoint)
        curve: Curve | None = None
        if server_key and keys:
            curve = load_public_key(server_key), ClientKeys.load(Path(keys))
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        configure_client(self._socket, self._address, curve)
        self._socket.maxmsgsize = LARGEST_REPLY
        self._socket.connect(str(self._address))
        self._ids = itertools.count(1)

    def ask(self, source: str) -> PictureReply | None:
        """The newest picture of a feed; None where there is no answer in time. Raises `UserError` where the
        tracker shows none."""
        number = next(self._ids)
        request = msgspec.json.encode(PictureRequest(id=number, source=source))
        deadline = time.monotonic() + PATIENCE
        try:
            self._socket.send(request, flags=zmq.NOBLOCK)
        except zmq.Again:  # as many questions wait as the socket holds
            return None
        while (left := deadline - time.monotonic()) > 0 and self._socket.poll(math.ceil(left * 1000)):
            payload = self._socket.recv()
            decode = msgspec.json.decode if payload[:1] == b"{" else msgspec.msgpack.decode
            try:
                reply = decode(payload, type=PictureReply | SnapshotRefusal)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue
            if isinstance(reply, SnapshotRefusal):
                if reply.busy:
                    return None
                raise UserError(shorten(plain(reply.message), 300))
            if reply.id == number:
                return reply
        return None

    def close(self) -> None:
        """Close the socket."""
        self._context.destroy(linger=0)
