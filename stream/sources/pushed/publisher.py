"""One publisher over WebRTC: the offer is answered, and what comes is put into an inbox until they leave.

Imported where somebody publishes only: it needs aiortc, which does ICE, DTLS, RTP and the decoding (BSD, kept
up, and made of PyAV as everything here).
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Awaitable, Callable

import av
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from aiortc.sdp import SessionDescription

from emotrack.stream.sources.decoding.decode import frame_stamp
from emotrack.stream.sources.media import MEDIA, Medium
from emotrack.stream.sources.pushed.inbox import Inbox, Word
from emotrack.stream.sources.pushed.stamping import Given

CONNECTING = 15.0
"""Seconds in which whoever was answered must connect."""
KINDS: dict[str, Medium] = {"audio": "audio", "video": "video"}


class OfferRefused(Exception):
    """An offer that cannot be answered; the text says why."""


class Publisher:
    """A connection from its offer to its end."""

    def __init__(
        self,
        inbox: Inbox,
        *,
        came: "Callable[[Publisher], Awaitable[None]]",
        over: "Callable[[Publisher], None]",
    ) -> None:
        """`came` is awaited when it has connected, before anything of it is taken; `over` is called once,
        when it has ended, whoever ended it."""
        self.name = secrets.token_urlsafe(12)
        """What it is called in its address, which nobody else knows."""
        self._inbox = inbox
        self._came = came
        self._over = over
        # No servers: aiortc would ask a public one for our address.
        self._connection = RTCPeerConnection(
            RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._connected = asyncio.Event()
        self._ended = False

    async def answer(self, offer: str) -> str:
        """The answer to an offer, both SDP; raises `OfferRefused`."""
        _look_at(offer)
        self._connection.on("track", self._begin)
        self._connection.on("connectionstatechange", self._changed)
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            answer = await self._connection.createAnswer()
            assert answer is not None
            await self._connection.setLocalDescription(answer)
        except Exception as error:  # noqa: BLE001 - whatever aiortc makes of what a stranger wrote
            await self.end("the offer could not be answered")
            raise OfferRefused(f"the offer cannot be answered ({type(error).__name__})") from None
        self._tasks.append(asyncio.create_task(self._give_up()))
        return self._connection.localDescription.sdp

    async def end(self, reason: str) -> None:
        """Disconnect; what was given is down for this reason."""
        if self._ended:
            return
        self._ended = True
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        for medium in MEDIA if self._connected.is_set() else ():
            self._inbox.put(Word(medium, "down", reason, time.monotonic_ns()))
        self._over(self)
        await self._connection.close()

    def _begin(self, track: MediaStreamTrack) -> None:
        self._tasks.append(asyncio.create_task(self._take(track, KINDS[track.kind])))

    async def _take(self, track: MediaStreamTrack, medium: Medium) -> None:
        with contextlib.suppress(MediaStreamError):  # the track has ended
            await self._connected.wait()
            while True:
                frame = await track.recv()
                assert isinstance(frame, av.AudioFrame | av.VideoFrame)
                self._inbox.put(Given(medium, frame, frame_stamp(frame), time.monotonic_ns()))

    async def _changed(self) -> None:
        state = self._connection.connectionState
        if state == "connected":
            await self._came(self)
            self._connected.set()
        elif state in ("failed", "closed"):
            reason = "the connection was lost" if self._connected.is_set() else "no connection came about"
            await self.end(reason)

    async def _give_up(self) -> None:
        try:
            await asyncio.wait_for(self._connected.wait(), CONNECTING)
        except asyncio.TimeoutError:
            await self.end(f"no connection came about within {CONNECTING:g} s")


def _look_at(offer: str) -> None:
    """Raises `OfferRefused` where an offer is for something else than to give sound, pictures or both, of
    which each track that nobody takes would fill the memory."""
    try:
        media = SessionDescription.parse(offer).media
    except Exception:  # noqa: BLE001 - whatever a parser makes of what a stranger wrote
        raise OfferRefused("this is no SDP offer") from None
    kinds = [one.kind for one in media]
    if not kinds or not set(kinds) <= KINDS.keys() or len(set(kinds)) < len(kinds):
        raise OfferRefused("an offer has one track of audio, one of video, or both, and nothing else")
    if any(one.direction not in ("sendonly", "sendrecv") for one in media):
        raise OfferRefused("an offer is for tracks that are sent (a=sendonly)")
    if any(one.dtls is None or not one.dtls.fingerprints for one in media):
        raise OfferRefused("an offer says whose encryption it is (a=fingerprint)")
