"""Participants of a LiveKit room as feeds of one session.

    emotions = RoomEmotions([participant.identity])
    emotions.follow(context.room)
    async for message in emotions.messages():
        ...

Imported by whoever has livekit's SDK, which livekit-agents brings (extra `livekit`).
"""

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from typing import Any

import numpy as np
from livekit import rtc

from emotrack.errors import UserError
from emotrack.notify import Notify, notify
from emotrack.settings import Settings
from emotrack.stream.settings import SourceSettings
from emotrack.stream.sources.names import feed_name, unique_names
from emotrack.stream.sources.pushed.program import PushedSource
from emotrack.stream.wire.protocol.messages import Message
from emotrack.stream.wire.publish.sinks import Sink
from emotrack.tracking.agents.background import BackgroundTracker


class RoomEmotions:
    """One session over participants, who are known by their identities: each is a feed of its own, of which
    those who are not there are down.

    Sound and pictures come from the room (`follow`), from what an agent hears anyway (`heard`), or frame by
    frame (`push`). One that is closed is over.
    """

    def __init__(
        self,
        identities: Sequence[str],
        settings: Settings | None = None,
        *,
        sinks: Sequence[Sink] = (),
        notify: Notify = notify,
    ) -> None:
        """`settings`, `sinks`, `notify`: see `BackgroundTracker`. Raises `UserError` where nobody is named,
        or somebody twice."""
        if not identities or len(set(identities)) < len(identities):
            raise UserError("Name each participant who is tracked once, by identity.")
        names = unique_names([feed_name(identity) for identity in identities])
        self._sources = {
            identity: PushedSource(name, f"LiveKit participant {identity}")
            for identity, name in zip(identities, names, strict=True)
        }
        self.feeds = dict(zip(identities, names, strict=True))
        """What each identity is called in messages (`source`): identities may have letters that names
        may not."""
        self._tracker = BackgroundTracker(list(self._sources.values()), settings, sinks=sinks, notify=notify)
        self._notify = notify
        self._told: set[str] = set()
        self._pictured: dict[str, float] = {}
        self._streams: dict[str, asyncio.Task[None]] = {}

    async def messages(self) -> AsyncIterator[Message]:
        """Load what tracks, and track until `aclose`; what was pushed before is not in it. Raises
        `UserError`."""
        await self._tracker.open()
        async for message in self._tracker.messages():
            yield message

    async def aclose(self) -> None:
        """End the session, within two seconds; callable again."""
        for task in self._streams.values():
            task.cancel()
        await self._tracker.close()

    def push(self, identity: str, frame: "rtc.AudioFrame | rtc.VideoFrame") -> None:
        """The next frame of a participant, which is copied; those of others than were named are not ours.

        Never waits and raises nothing: what cannot be read of a participant is told once.
        """
        source = self._sources.get(identity)
        if source is None:
            return
        try:
            if isinstance(frame, rtc.AudioFrame):
                samples = np.frombuffer(frame.data, np.int16).reshape(-1, frame.num_channels)
                source.push_audio(samples[: frame.samples_per_channel], frame.sample_rate)
            elif self._is_due(identity):
                picture = frame.convert(rtc.VideoBufferType.RGB24)
                source.push_picture(
                    np.frombuffer(picture.data, np.uint8).reshape(picture.height, picture.width, 3)
                )
        except Exception as error:  # noqa: BLE001 - the agent goes on without us, whatever it is
            if identity not in self._told:
                self._told.add(identity)
                self._notify(f"what {identity} sends cannot be read ({type(error).__name__}: {error}).")

    async def heard(
        self, identity: str, frames: AsyncIterable["rtc.AudioFrame"]
    ) -> AsyncIterator["rtc.AudioFrame"]:
        """The same frames, untouched, each pushed on its way: for an agent's `stt_node`."""
        async for frame in frames:
            self.push(identity, frame)
            yield frame

    def follow(self, room: "rtc.Room") -> None:
        """Take what the room's participants publish, those who are there and those who come. Call it on the
        event loop."""
        for participant in room.remote_participants.values():
            for publication in participant.track_publications.values():
                if publication.track is not None:
                    self._begin(publication.track, publication, participant)
        room.on("track_subscribed", self._begin)
        room.on("track_unsubscribed", self._end)

    def _is_due(self, identity: str) -> bool:
        """Whether a picture would be looked at: to convert it is what costs."""
        now = time.monotonic()
        if now - self._pictured.get(identity, 0.0) < 1 / SourceSettings().max_frame_rate:
            return False
        self._pictured[identity] = now
        return True

    def _begin(self, track: Any, publication: Any, participant: Any) -> None:
        if participant.identity in self._sources and publication.sid not in self._streams:
            self._streams[publication.sid] = asyncio.create_task(self._take(track, participant.identity))

    def _end(self, _: Any, publication: Any, __: Any) -> None:
        if (task := self._streams.pop(publication.sid, None)) is not None:
            task.cancel()

    async def _take(self, track: Any, identity: str) -> None:
        is_sound = track.kind == rtc.TrackKind.KIND_AUDIO
        stream: Any = rtc.AudioStream(track) if is_sound else rtc.VideoStream(track)
        try:
            async for event in stream:
                self.push(identity, event.frame)
        finally:
            await stream.aclose()
