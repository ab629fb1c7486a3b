"""Participants of a LiveKit room are feeds. The frames, tracks and streams are the SDK's own; what is a
stand-in is the room, which needs a server that cannot be had here: its events are emitted by hand."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from livekit import rtc
from livekit.agents import Agent, ModelSettings
from livekit.rtc.event_emitter import EventEmitter

from emotrack.demo import clip_path
from emotrack.demo.render import LINES
from emotrack.errors import UserError
from emotrack.stream.wire.protocol.messages import Emotion, Feed, Message, Session
from emotrack.tracking.agents import RoomEmotions
from helpers.pages import ROOT, blocks
from helpers.sessions.tracking import settings

PAGE = ROOT / "docs/agents.md"

PATIENCE = 60.0
RATE = 48_000


class RoomStandIn(EventEmitter[str]):
    """What of a room is asked for: who is there, and events of tracks."""

    def __init__(self) -> None:
        super().__init__()
        self.remote_participants: dict[str, Any] = {}

    def enter(self, identity: str, *tracks: Any, told: bool = True) -> None:
        """Somebody who publishes these tracks, and whether that is told or was before anybody listened."""
        publications = {
            f"{identity}-{number}": SimpleNamespace(sid=f"{identity}-{number}", track=track)
            for number, track in enumerate(tracks)
        }
        participant = SimpleNamespace(identity=identity, track_publications=publications)
        self.remote_participants[identity] = participant
        for publication in publications.values():
            if told:
                self.emit("track_subscribed", publication.track, publication, participant)

    def leave(self, identity: str) -> None:
        participant = self.remote_participants.pop(identity)
        for publication in participant.track_publications.values():
            self.emit("track_unsubscribed", publication.track, publication, participant)


class Speaker:
    """Somebody who says the beginning of the demonstration, and is seen, into tracks of the SDK."""

    def __init__(self) -> None:
        self._sound, self._pictures = rtc.AudioSource(RATE, 1), rtc.VideoSource(320, 240)
        self.microphone = rtc.LocalAudioTrack.create_audio_track("microphone", self._sound)
        self.camera = rtc.LocalVideoTrack.create_video_track("camera", self._pictures)

    async def speak(self, seconds: float) -> None:
        begun = time.monotonic()
        for due, frame in clip_frames(seconds):
            await asyncio.sleep(max(0.0, begun + due - time.monotonic()))
            if isinstance(frame, rtc.AudioFrame):
                await self._sound.capture_frame(frame)
            else:
                self._pictures.capture_frame(frame)


def clip_frames(seconds: float) -> list[tuple[float, "rtc.AudioFrame | rtc.VideoFrame"]]:
    found: list[tuple[float, rtc.AudioFrame | rtc.VideoFrame]] = []
    step = RATE // 100
    with av.open(str(clip_path())) as clip:
        resampler, held, heard = av.AudioResampler("s16", "mono", RATE), b"", 0
        for frame in clip.decode(audio=0, video=0):
            if frame.time is None or frame.time > seconds:
                break
            if isinstance(frame, av.VideoFrame):
                image = frame.to_ndarray(format="rgb24")
                height, width, _ = image.shape
                picture = rtc.VideoFrame(width, height, rtc.VideoBufferType.RGB24, image.tobytes())
                found.append((frame.time, picture))
                continue
            held += b"".join(part.to_ndarray().tobytes() for part in resampler.resample(frame))
            while len(held) >= 2 * step:
                heard += 1
                found.append((heard * 0.01, rtc.AudioFrame(held[: 2 * step], RATE, 1, step)))
                held = held[2 * step :]
    return sorted(found, key=lambda pair: pair[0])


async def following(emotions: RoomEmotions, told: list[Message], enough: asyncio.Event) -> None:
    async for message in emotions.messages():
        told.append(message)
        if isinstance(message, Emotion) and message.state == "final":
            enough.set()


def test_participants_of_a_room_are_feeds() -> None:
    told: list[Message] = []

    async def session() -> None:
        emotions = RoomEmotions(["alice@example.com", "bob"], settings())
        assert emotions.feeds == {"alice@example.com": "alice_example_com", "bob": "bob"}
        room, alice, enough = RoomStandIn(), Speaker(), asyncio.Event()
        room.enter("alice@example.com", alice.microphone, told=False)
        emotions.follow(room)  # type: ignore[arg-type]
        room.enter("alice@example.com", alice.microphone, alice.camera)
        room.enter("a stranger", Speaker().microphone)
        reading = asyncio.create_task(following(emotions, told, enough))
        while not told:
            await asyncio.sleep(0.05)
        await alice.speak(LINES[1].start)
        await asyncio.wait_for(enough.wait(), PATIENCE)
        room.leave("alice@example.com")
        room.leave("a stranger")
        await emotions.aclose()
        await emotions.aclose()
        await asyncio.wait_for(reading, PATIENCE)

    asyncio.run(session())
    final = next(one for one in told if isinstance(one, Emotion) and one.state == "final")
    assert (final.source, final.label) == ("alice_example_com", "joy")
    assert final.modalities["face"].present and final.modalities["audio"].present
    assert {one.source for one in told if isinstance(one, Feed)} == {"alice_example_com", "bob"}
    assert [one.state for one in told if isinstance(one, Session)] == ["started", "ended"]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("agent")]


def test_what_an_agent_hears_goes_on_as_it_came() -> None:
    frames = [frame for _, frame in clip_frames(1.0) if isinstance(frame, rtc.AudioFrame)]

    async def given() -> AsyncIterator[rtc.AudioFrame]:
        for frame in frames:
            yield frame

    async def hear() -> list[rtc.AudioFrame]:
        emotions = RoomEmotions(["alice"], settings())
        found = [frame async for frame in emotions.heard("alice", given())]
        await emotions.aclose()
        return found

    assert all(one is other for one, other in zip(asyncio.run(hear()), frames, strict=True))


def test_sound_that_an_agent_hears_is_labelled() -> None:
    told: list[Message] = []

    async def session() -> None:
        emotions, enough = RoomEmotions(["alice"], settings()), asyncio.Event()
        reading = asyncio.create_task(following(emotions, told, enough))

        async def microphone() -> AsyncIterator[rtc.AudioFrame]:
            while not told:
                await asyncio.sleep(0.05)
            begun = time.monotonic()
            for due, frame in clip_frames(LINES[1].start):
                if isinstance(frame, rtc.AudioFrame):
                    await asyncio.sleep(max(0.0, begun + due - time.monotonic()))
                    yield frame

        async for _ in emotions.heard("alice", microphone()):
            pass
        await asyncio.wait_for(enough.wait(), PATIENCE)
        await emotions.aclose()
        await reading

    asyncio.run(session())
    labels = [one for one in told if isinstance(one, Emotion) and one.state == "final"]
    assert labels and labels[0].modalities["face"].present is False


def test_what_cannot_be_read_is_told_of_once() -> None:
    said: list[str] = []
    emotions = RoomEmotions(["alice"], settings(), notify=said.append)
    for _ in range(2):
        emotions.push("alice", rtc.AudioFrame(b"\0" * 20, 5, 1, 10))
        emotions.push("alice", SimpleNamespace())  # type: ignore[arg-type]
    emotions.push("nobody we know", rtc.AudioFrame(b"\0" * 20, 5, 1, 10))
    assert len(said) == 1 and said[0].startswith("what alice sends cannot be read")


class ContextStandIn:
    """What a job of LiveKit's agents has: a room, who comes in first, and what is called at the end."""

    def __init__(self, room: RoomStandIn, identity: str) -> None:
        self.room, self._identity = room, identity
        self.endings: list[Any] = []

    async def connect(self) -> None:
        pass

    async def wait_for_participant(self) -> Any:
        return SimpleNamespace(identity=self._identity)

    def add_shutdown_callback(self, ending: Any) -> None:
        self.endings.append(ending)


def program_of_the_page(with_word: str) -> dict[str, Any]:
    (program,) = [block for block in blocks(PAGE, "python") if with_word in block]
    names: dict[str, Any] = {}
    exec(compile(program, str(PAGE), "exec"), names)
    return names


def test_the_job_of_the_page_tells_how_a_participant_is(capsys: pytest.CaptureFixture[str]) -> None:
    names = program_of_the_page("JobContext")
    names["RoomEmotions"] = partial(RoomEmotions, settings=settings())  # which need no compiling

    async def job() -> str:
        room, alice = RoomStandIn(), Speaker()
        context = ContextStandIn(room, "alice")
        running = asyncio.create_task(names["entrypoint"](context))
        while not context.endings:
            await asyncio.sleep(0.05)
        room.enter("alice", alice.microphone)
        told, deadline = "", time.monotonic() + PATIENCE
        while "alice is in" not in told and time.monotonic() < deadline:
            await alice.speak(LINES[1].start)  # again, where the networks were not loaded yet
            await asyncio.sleep(1.0)
            told += capsys.readouterr().out
        for ending in context.endings:
            await ending()
        await running
        return told

    assert "alice is in joy (" in asyncio.run(job())


def test_the_agent_of_the_page_hears_what_goes_by(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [frame for _, frame in clip_frames(0.5) if isinstance(frame, rtc.AudioFrame)]
    listening = program_of_the_page("stt_node")["Listening"]

    async def recognise(_: Any, audio: Any, __: Any) -> AsyncIterator[Any]:
        async for frame in audio:
            yield frame

    async def hear() -> list[Any]:
        emotions, pushed = RoomEmotions(["alice"], settings()), []
        monkeypatch.setattr(emotions, "push", lambda identity, frame: pushed.append((identity, frame)))
        monkeypatch.setattr(Agent.default, "stt_node", recognise)

        async def microphone() -> AsyncIterator[rtc.AudioFrame]:
            for frame in frames:
                yield frame

        heard = [
            frame async for frame in listening(emotions, "alice").stt_node(microphone(), ModelSettings())
        ]
        assert pushed == [("alice", frame) for frame in heard]
        await emotions.aclose()
        return heard

    assert asyncio.run(hear()) == frames


@pytest.mark.parametrize("identities", [[], ["alice", "alice"]])
def test_participants_are_named_once_each(identities: list[str]) -> None:
    with pytest.raises(UserError, match="Name each participant"):
        RoomEmotions(identities)


def test_a_tracker_that_cannot_be_opened_says_why() -> None:
    async def session() -> None:
        emotions = RoomEmotions(["alice"], settings("bundle=/nowhere"))
        try:
            async for _ in emotions.messages():
                pass
        finally:
            await emotions.aclose()

    with pytest.raises(UserError, match="nowhere"):
        asyncio.run(session())


def test_pictures_are_converted_only_as_often_as_they_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    converted: list[int] = []
    convert = rtc.VideoFrame.convert

    def counting(frame: rtc.VideoFrame, *arguments: Any, **options: Any) -> rtc.VideoFrame:
        converted.append(1)
        return convert(frame, *arguments, **options)

    monkeypatch.setattr(rtc.VideoFrame, "convert", counting)
    emotions = RoomEmotions(["alice"], settings())
    picture = rtc.VideoFrame(64, 48, rtc.VideoBufferType.I420, np.zeros(64 * 48 * 3 // 2, np.uint8).tobytes())
    begun = time.monotonic()
    for _ in range(50):
        emotions.push("alice", picture)
    assert 1 <= len(converted) <= 1 + 10 * (time.monotonic() - begun)
