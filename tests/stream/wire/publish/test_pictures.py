"""Pictures for those who ask: the newest, made smaller, made ready for nobody else."""

import io
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from emotrack.errors import UserError
from emotrack.stream.session.intake import shown_in
from emotrack.stream.sources.media import AudioChunk, VideoFrame
from emotrack.stream.wire.client.pictures import PictureClient
from emotrack.stream.wire.protocol.parts import Encoding
from emotrack.stream.wire.protocol.pictures import PictureRequest
from emotrack.stream.wire.publish import pictures
from emotrack.stream.wire.publish.pictures import INTERVAL, SOURCES, STALE, WANTED, Pictures
from emotrack.stream.wire.publish.zeromq.publisher import Publisher


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shown(clock: Clock) -> Pictures:
    return Pictures(clock)


def picture(level: int = 200, width: int = 1280, height: int = 720) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


def ask(shown: Pictures, source: str = "kitchen") -> float | None:
    return shown.answer(PictureRequest(source=source)).time


def test_nothing_is_made_ready_before_somebody_asks(shown: Pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "_jpeg", lambda image: pytest.fail("a picture was made"))
    shown.show("kitchen", 1.0, picture())
    assert ask(shown) is None
    shown.show("garden", 1.0, picture())


def test_who_asks_gets_the_newest_one_made_smaller(shown: Pictures, clock: Clock) -> None:
    ask(shown)
    for moment, level in ((1.0, 10), (2.0, 200)):
        shown.show("kitchen", moment, picture(level))
        clock.now += INTERVAL
    reply = shown.answer(PictureRequest(source="kitchen", id=7))
    seen = np.asarray(Image.open(io.BytesIO(reply.jpeg)))
    assert (reply.id, reply.time, reply.width, reply.height) == (7, 2.0, 640, 360)
    assert seen.shape == (360, 640, 3) and abs(int(seen.mean()) - 200) <= 2


def test_no_more_are_made_than_somebody_can_look_at(
    shown: Pictures, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[np.ndarray] = []

    def encoded(image: np.ndarray) -> tuple[bytes, tuple[int, int]]:
        made.append(image)
        return b"x", (1, 1)

    monkeypatch.setattr(pictures, "_jpeg", encoded)
    ask(shown)
    for _ in range(100):
        shown.show("kitchen", 1.0, picture())
        clock.now += INTERVAL / 10
    assert len(made) == 10
    clock.now += WANTED
    shown.show("kitchen", 1.0, picture())
    assert len(made) == 10


def test_an_old_picture_is_none(shown: Pictures, clock: Clock) -> None:
    ask(shown)
    shown.show("kitchen", 1.0, picture())
    assert ask(shown) == 1.0
    clock.now += STALE
    assert ask(shown) is None


def test_a_picture_that_cannot_be_made_is_left_out(
    shown: Pictures, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(image: np.ndarray) -> tuple[bytes, tuple[int, int]]:
        raise MemoryError("no memory is left")

    monkeypatch.setattr(pictures, "_jpeg", fail)
    ask(shown)
    shown.show("kitchen", 1.0, picture())
    assert ask(shown) is None
    assert caplog.messages == ["A picture of kitchen cannot be shown: no memory is left."]


def test_names_that_strangers_ask_for_are_bounded(shown: Pictures) -> None:
    for number in range(3 * SOURCES):
        ask(shown, f"s{number}")
    assert len(shown._feeds) == SOURCES


@pytest.fixture(params=["json", "msgpack"])
def publisher(request: pytest.FixtureRequest) -> Iterator[Publisher]:
    publisher = Publisher("tcp://127.0.0.1:0", encoding=request.param, pictures=Pictures())
    yield publisher
    publisher.close()


def test_a_client_sees_what_a_source_gives(publisher: Publisher) -> None:
    assert publisher.pictures is not None
    take = shown_in(publisher.pictures)
    client = PictureClient(publisher.snapshot_endpoint)
    stop = threading.Event()

    def source() -> None:
        moment = 0.0
        while not stop.wait(0.02):
            moment += 0.02
            take("kitchen", VideoFrame(moment, picture(90, 64, 48)))
            take("kitchen", AudioChunk(moment, np.zeros(9, np.float32)))

    reader = threading.Thread(target=source)
    reader.start()
    try:
        for _ in range(100):
            reply = client.ask("kitchen")
            if reply is not None and reply.jpeg:
                break
            stop.wait(0.1)
        assert reply is not None and Image.open(io.BytesIO(reply.jpeg)).size == (64, 48)
        other = client.ask("garden")
        assert other is not None and (other.time, other.jpeg) == (None, b"")
    finally:
        stop.set()
        reader.join()
        client.close()


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
def test_a_tracker_that_shows_none_says_how_to_be_shown_some(encoding: Encoding) -> None:
    publisher = Publisher("tcp://127.0.0.1:0", encoding=encoding)
    client = PictureClient(publisher.snapshot_endpoint)
    try:
        with pytest.raises(UserError, match=r"shows no pictures: `emotrack run --pictures` does\.$"):
            client.ask("kitchen")
    finally:
        client.close()
        publisher.close()
