"""Sources that fail, lie, hang or flood: one beside another that is well."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from emotrack.errors import UserError
from emotrack.stream.settings import SourceSettings
from emotrack.stream.sources.media import AUDIO_RATE, AudioChunk, MediaItem, MediumChange, VideoFrame, paced
from emotrack.stream.sources.open import open_sources
from emotrack.stream.sources.timing.clock import SessionClock
from emotrack.stream.wire.protocol.messages import Error, Feed, Message
from faults.bench import Bench, spoken, talk
from faults.matrix import HELD, Observation, fault
from faults.watching import Trial, is_final
from helpers.media.clips import AudioSpec, VideoSpec, write_clip
from helpers.media.scripted import Recogniser, Scripted, by_time, people, up
from helpers.media.senders import TcpSender, free_tcp_port
from helpers.sessions.commands import start

Items = Iterator[MediaItem]
STRIKES = 1.5
"""Seconds after which an ill source does what it does."""


def ill_tells(message: Message) -> bool:
    """Whether this says that something is wrong with the ill feed."""
    state = isinstance(message, Feed) and message.state != "up"
    return (state or isinstance(message, Error)) and getattr(message, "source", None) == "ill"


class Ill(Scripted):
    """Says one thing, strikes, and goes on with `ill`; then with `after`, at its own pace like a live one."""

    live = True

    def __init__(self, ill: Callable[[], Iterable[Any]], after: Sequence[MediaItem] = ()) -> None:
        super().__init__("ill", [])
        self.live = True
        self.trial = Trial()
        self._ill, self._after = ill, after

    def items(self, clock: SessionClock, stop: threading.Event) -> Items:
        yield from paced(iter(spoken(1)), clock, stop)
        self.trial.strike()
        yield from self._ill()
        yield from paced(iter(self._after), clock, stop)


def beside(
    bench: Bench,
    ill: Callable[[], Iterable[Any]],
    *overrides: str,
    after: Sequence[MediaItem] = (),
    expected: int = 1,
) -> Observation:
    """A feed that is well, and one that says one thing and then goes on with `ill`; `expected` finals of the
    latter are to come."""
    source = Ill(ill, after)
    with bench.session([Scripted("well", spoken(4)), source], *overrides, trial=source.trial) as trial:
        pass
    return trial.observe(4 + expected, told=ill_tells)


def failing(failure: BaseException) -> Callable[[], Items]:
    """Fails with this."""

    def items() -> Items:
        yield from ()
        raise failure

    return items


def _fails(name: str, failure: BaseException, origin: str, *, short: bool = False) -> None:
    def inject(bench: Bench) -> Observation:
        return beside(bench, failing(failure))

    fault("source", name, origin, short=short)(inject)


_fails(
    "raises IndexError in mid session, as PyAV does", IndexError("list index out of range"), "1", short=True
)
_fails("raises UserError in mid session", UserError("the camera is gone; plug it in."), "1")
_fails("raises MemoryError", MemoryError("no room for a picture"), "new")
_fails("raises SystemExit on its thread", SystemExit(3), "new")
_fails("raises KeyboardInterrupt on its thread", KeyboardInterrupt(), "new")
_fails("fails with a text of escapes", RuntimeError("\x1b[2J\x1b]0;owned\x07 gone"), "new")
_fails("fails with a text of 5 MB", RuntimeError("x" * 5_000_000), "new")

ONE = AUDIO_RATE // 10


def _chunk(samples: np.ndarray, at: float = STRIKES) -> list[MediaItem]:
    return [AudioChunk(at, samples)]


def _lies(
    name: str,
    items: Callable[[], list[Any]],
    *,
    told: bool = True,
    short: bool = False,
    seconds: float = 60.0,
) -> None:
    """A source that gives nonsense and goes on as before; where it is told it may be given up instead."""

    def inject(bench: Bench) -> Observation:
        return beside(bench, items, after=talk(2, at=STRIKES + 0.1), expected=1 if told else 3)

    fault("source", f"gives {name}", told=told, short=short, seconds=seconds)(inject)


_lies("samples that are not numbers", lambda: _chunk(np.full(ONE, np.nan, np.float32)), short=True)
_lies("infinite samples", lambda: _chunk(np.full(ONE, np.inf, np.float32)))
_lies("samples of 1e30", lambda: _chunk(np.full(ONE, 1e30, np.float32)), told=False)
_lies("samples of two channels", lambda: _chunk(np.zeros((ONE, 2), np.float32)))
_lies("samples of whole numbers", lambda: _chunk(np.zeros(ONE, np.int16)), told=False)
_lies("chunks without samples", lambda: _chunk(np.zeros(0, np.float32)) * 100, told=False)
_lies("twice as many samples as time passes", lambda: _chunk(np.full(2 * ONE, 1e-3, np.float32)), told=False)
_lies("a negative time", lambda: _chunk(np.full(ONE, 1e-3, np.float32), at=-5.0), told=False)
_lies("a time of 1e12 s", lambda: _chunk(np.full(ONE, 1e-3, np.float32), at=1e12))
_lies("a time that is no number", lambda: _chunk(np.full(ONE, 1e-3, np.float32), at=float("nan")))
_lies("times that go backwards", lambda: [*talk(1, at=0.2)], told=False)
_lies("a picture without colours", lambda: [*up("video"), VideoFrame(STRIKES, np.zeros((48, 64), np.uint8))])
_lies("a picture without a pixel", lambda: [*up("video"), VideoFrame(STRIKES, np.zeros((0, 0, 3), np.uint8))])
_lies("a picture of floats", lambda: [*up("video"), VideoFrame(STRIKES, np.full((48, 64, 3), np.nan))])
_lies("a picture of 100 million pixels", lambda: [*up("video"), _huge()], told=False)
_lies("None instead of media", lambda: [None])
_lies("text instead of media", lambda: ["hello"])
_lies("2,000 changes of its state", lambda: _flapping(), told=True)


def _huge() -> MediaItem:
    picture = np.zeros((10_000, 10_000, 3), np.uint8)
    picture[::2] = 200
    return VideoFrame(STRIKES, picture)


def _flapping() -> list[MediaItem]:
    states: list[Any] = ["degraded", "up"]
    return [MediumChange(STRIKES, "audio", states[number % 2], "flaps") for number in range(2_000)]


@fault("source", "never gives anything", lasting=True, told=False)
def silent(bench: Bench) -> Observation:
    """A source that has not said what it has is none that has failed; the others go on, and the end comes."""

    def nothing() -> Items:
        bench.hang()
        yield from ()

    with bench.session([Scripted("well", spoken(4)), Scripted("ill", nothing)]) as trial:
        trial.strike()
        trial.wait_for(lambda m: len(trial.finals()) == 4)
        took = trial.close()
        late = () if took <= 2.0 else (f"stopping takes {took:.1f} s",)
    return trial.observe(4, more=late)


@fault("source", "stops giving in mid utterance, without a word", limit=5.0)
def stalls(bench: Bench) -> Observation:
    def ill() -> Items:
        yield from talk(1, at=STRIKES)[:7]
        bench.hang()

    source = Ill(ill)
    with bench.session([Scripted("well", spoken(6)), source], trial=source.trial) as trial:
        trial.wait_for(ill_tells, 8.0)
        trial.wait_for(lambda m: len(trial.finals("well")) == 6)
        trial.close()
    return trial.observe(6 + 2, told=ill_tells)


@fault("source", "hangs when it is closed", told=False, short=True)
def hangs_in_close(bench: Bench) -> Observation:
    def items() -> Items:
        try:
            yield from spoken(4)
        finally:
            bench.hang()

    with bench.session([Scripted("well", spoken(4)), Scripted("ill", items)]) as trial:
        trial.wait_for(lambda m: is_final(m, "ill"))
        trial.strike()
        took = trial.close()
        late = () if took <= 2.0 else (f"stopping takes {took:.1f} s",)
    return trial.observe(2, more=late)


@fault("source", "never looks whether it is to stop", told=False)
def deaf(bench: Bench) -> Observation:
    class Deaf(Scripted):
        def items(self, clock: object, stop: threading.Event) -> Items:
            yield from spoken(2)
            while not bench.released.is_set():
                time.sleep(0.1)

    with bench.session([Scripted("well", spoken(3)), Deaf("ill", [])]) as trial:
        trial.wait_for(lambda m: is_final(m, "well"))
        trial.strike()
        took = trial.close()
        late = () if took <= 2.0 else (f"stopping takes {took:.1f} s",)
    return trial.observe(2, more=late)


@fault("source", "floods: ten minutes of sound at once", told=False, seconds=90.0)
def floods(bench: Bench) -> Observation:
    """Sound that waits is cut at a minute; what is quicker than that is heard."""

    def ill() -> Items:
        for second in range(600):
            yield AudioChunk(STRIKES + second, np.full(AUDIO_RATE, 1e-3, np.float32))

    return beside(bench, ill)


@fault("source", "floods: 20,000 pictures at once", told=False)
def floods_pictures(bench: Bench) -> Observation:
    picture = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)

    def ill() -> Items:
        yield from up("video")
        for number in range(20_000):
            yield VideoFrame(STRIKES + number / 10_000, picture)

    return beside(bench, ill, after=talk(1, at=STRIKES + 2.0), expected=2)


@fault("source", "eight of them, all with sound and pictures, all talking", HELD, told=False, seconds=90.0)
def eight(bench: Bench) -> Observation:
    def items() -> list[MediaItem]:
        return by_time(up("audio", "video"), talk(6), people(5.0))

    sources = [Scripted(f"feed{number}", items()) for number in range(8)]
    with bench.session(
        sources,
        "stream.modalities=[text,audio,face]",
        recogniser=Recogniser(0.1),
        encoders=bench.workbench.encoders,
    ) as trial:
        trial.strike()
    return trial.observe(8 * 6)


@fault("source", "one of two is absent at the start, and comes later", "11", lasting=False)
def absent(bench: Bench) -> Observation:
    quick = SourceSettings(connect_timeout=3.0, retry_first=0.1)
    port = free_tcp_port()
    began = time.monotonic()
    source, _ = open_sources(
        [f"tcp://127.0.0.1:{port}", "camera:lavfi:testsrc2=size=64x48:rate=5"], settings=quick
    )
    took = time.monotonic() - began
    source.name = "ill"
    with bench.session([Scripted("well", spoken(5)), source]) as trial:
        trial.strike()
        trial.wait_for(ill_tells, 10.0)
        sender = TcpSender(port=port, video=VideoSpec("mpeg2video"), audio=AudioSpec("mp2"), duration=10.0)
        bench.undo.callback(sender.close)
        trial.wait_for(_comes, 10.0)
        trial.wait_for(lambda m: len(trial.finals("well")) == 5)
        trial.close()
    late = () if took < 3.0 else (f"the start takes {took:.1f} s",)
    return trial.observe(5, told=ill_tells, well=_comes, more=late)


def _comes(message: Message) -> bool:
    return isinstance(message, Feed) and message.source == "ill" and message.state == "up"


@fault("source", "all are absent at the start, for longer than is waited")
def all_absent(bench: Bench) -> Observation:
    quick = SourceSettings(connect_timeout=1.0, start_seconds=0.5)
    return bench.refused(lambda: open_sources([f"tcp://127.0.0.1:{free_tcp_port()}"], settings=quick))


def _named(name: str, text: str) -> None:
    def inject(bench: Bench) -> Observation:
        settings = SourceSettings(connect_timeout=1.0, start_seconds=0.2)
        return bench.refused(partial(open_sources, [text], settings=settings))

    fault("source", f"is named {name}", "13" if "letters" in name else HELD)(inject)


_named("by a host of 64 letters", f"http://{'a' * 64}.com/clip.mp4")
_named("by nothing", "")
_named("with a zero byte", "a\0b")
_named("by a port that is none", "http://host:99999/clip.mp4")
_named("by a folder", "/tmp")


@fault("source", "a file whose name holds escapes", HELD, told=False)
def escapes(bench: Bench) -> Observation:
    path = bench.folder / "a\x1b[2Jb.wav"
    write_clip(path, audio=AudioSpec("pcm_s16le"), duration=1.0)
    process = start("run", str(path), "--fast", "--publish", "none", "--jsonl", "-", "--modalities", "audio")
    with bench.process(process=process) as trial:
        trial.strike()
    complaints = () if not any("\x1b" in line for line in trial.said) else ("stderr holds escapes",)
    if process.returncode != 0:
        complaints = (*complaints, f"exit {process.returncode}")
    return trial.observe(0, more=complaints)
