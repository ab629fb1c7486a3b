"""Media that are cut, damaged or lie about themselves: read as far as they go, and told."""

import random
import struct
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from emotrack.stream.sources.decoding.decode import Damage
from emotrack.stream.sources.media import AudioChunk, VideoFrame
from emotrack.stream.sources.open import open_source, open_sources
from faults.bench import Bench
from faults.matrix import HELD, NEW, Observation, fault
from helpers.media.clips import (
    AudioSpec,
    Reading,
    VideoSpec,
    cut_off,
    overwrite,
    read,
    without_sound_after,
    write_clip,
)
from helpers.media.senders import piped

KINDS: dict[str, tuple[VideoSpec | None, AudioSpec]] = {
    "mp4": (VideoSpec("mpeg4"), AudioSpec("aac")),
    "mkv": (VideoSpec("mpeg4"), AudioSpec("flac")),
    "ts": (VideoSpec("mpeg2video"), AudioSpec("mp2")),
    "avi": (VideoSpec("mpeg4"), AudioSpec("pcm_s16le")),
    "flac": (None, AudioSpec("flac")),
}


def clip(folder: Path, kind: str, **more: Any) -> Path:
    """Six seconds that sound from 0.5 s on."""
    video, audio = KINDS[kind]
    options = {"movflags": "faststart"} if kind == "mp4" else {}
    return write_clip(
        folder / f"clip.{kind}", video=video, audio=audio, duration=6.0, onset=0.5, options=options, **more
    )


def decoded(reading: Reading, took: float, *, until: float, told: bool, healthy: bool = True) -> Observation:
    """What came of a file; `until`: the second that its sound has to reach."""
    complaints = []
    end = reading.chunks[-1].end if reading.chunks else 0.0
    if healthy and end < until:
        complaints.append(f"it is read to {end:.1f} s only, not to {until:g} s")
    times = [item.end if isinstance(item, AudioChunk) else item.time for item in reading.items]
    if any(later < earlier - 1e-6 for earlier, later in pairwise(times)):
        complaints.append("its times go backwards")
    if reading.chunks and not np.isfinite(reading.samples).all():
        complaints.append("it gives samples that are not numbers")
    troubles = [
        c for c in reading.changes if c.state != "up" and c.reason not in ("end of file", "no audio track")
    ]
    troubles = [change for change in troubles if "has no" not in change.reason]
    sentence = f"{troubles[0].medium} {troubles[0].state}: {troubles[0].reason}" if troubles else ""
    return Observation(sentence, took if troubles else None, complaints=tuple(complaints))


def _file(
    name: str,
    make: Callable[[Path], Path],
    *,
    until: float,
    told: bool = True,
    origin: str = HELD,
    short: bool = False,
) -> None:
    def inject(bench: Bench) -> Observation:
        path = make(bench.folder)
        began = time.monotonic()
        reading = read(open_source(str(path)))
        return decoded(reading, time.monotonic() - began, until=until, told=told)

    fault("decoding", name, origin, told=told, short=short)(inject)


def _spoilt(kind: str, spoil: Callable[[Path], Path], folder: Path) -> Path:
    return spoil(clip(folder, kind))


for _kind in KINDS:
    _told = _kind in ("mp4", "mkv", "flac")
    _file(
        f"{_kind} is cut off",
        partial(_spoilt, _kind, lambda path: cut_off(path, 0.6)),
        until=2.5,
        told=_told,
    )
    _file(
        f"{_kind}: the second half is garbage",
        partial(_spoilt, _kind, lambda path: overwrite(path, 0.5, 1.0)),
        until=2.0,
    )
    _file(
        f"{_kind}: a hole in the middle",
        partial(_spoilt, _kind, lambda path: overwrite(path, 0.5, 0.6)),
        until=5.0,
        told=_kind not in ("avi", "flac"),  # whose holes the session tells as gaps
        short=_kind == "ts",
    )


@fault("decoding", "the sound ends long before the picture", HELD)
def sound_ends(bench: Bench) -> Observation:
    """It is told as any end is: what counts is that it is told when it happens, not with the picture's."""
    path = without_sound_after(2.0, clip(bench.folder, "mkv"), bench.folder / "short.mkv")
    reading = read(open_source(str(path)))
    seen = decoded(reading, 0.0, until=1.9, told=True)
    ended = next((c for c in reading.changes if c.medium == "audio" and c.state == "down"), None)
    if ended is None:
        return seen
    shown = [
        item.time for item in reading.items[reading.items.index(ended) :] if isinstance(item, VideoFrame)
    ]
    complaints = (
        seen.complaints if len(shown) > 10 else (*seen.complaints, "it is told with the picture's end")
    )
    after = ended.time - reading.chunks[-1].end
    return Observation(f"audio down: {ended.reason}", after, complaints=complaints)


def _stamped(name: str, shift: Callable[[float], float], *, until: float = 11.5, origin: str = HELD) -> None:
    """A transport stream whose stamps (seconds) are shifted from its second half on."""

    def inject(bench: Bench) -> Observation:
        parts = [
            write_clip(
                bench.folder / f"{number}.ts",
                audio=AudioSpec("mp2"),
                video=VideoSpec("mpeg2video"),
                duration=6.0,
                onset=0.5,
                start=start,
            )
            for number, start in enumerate((shift(0.0), shift(6.0)))
        ]
        path = bench.folder / "both.ts"
        path.write_bytes(b"".join(part.read_bytes() for part in parts))
        began = time.monotonic()
        with piped(path.read_bytes()) as pipe:
            reading = read(open_source(pipe))
        return decoded(reading, time.monotonic() - began, until=until, told=False)

    fault("decoding", name, origin, told=False)(inject)


WRAP = 2**33 / 90_000
_stamped("the stamps jump an hour ahead", lambda at: at if at < 6 else at + 3_600)
_stamped("the stamps begin anew", lambda at: 3_600.0 if at < 6 else 0.0)
_stamped("the 33 bits of the stamps wrap", lambda at: WRAP - 6.5 + at if at < 6 else at - 6)
_stamped("the stamps jump back an hour", lambda at: 7_200.0 if at < 6 else 3_600.0)


@fault("decoding", "a track appears in the middle of a transport stream", "1", told=False, short=True)
def track_appears(bench: Bench) -> Observation:
    plain = VideoSpec("mpeg2video")
    alone = write_clip(bench.folder / "alone.ts", video=plain, duration=4.0)
    both = write_clip(bench.folder / "both.ts", video=plain, duration=4.0, audio=AudioSpec("mp2"), start=16.0)
    began = time.monotonic()
    with piped(alone.read_bytes() * 4 + both.read_bytes()) as pipe:
        reading = read(open_source(pipe))
    took = time.monotonic() - began
    reached = reading.frames[-1].time if reading.frames else 0.0
    complaints = () if reached > 18.0 else (f"its pictures are read to {reached:.1f} s only",)
    return Observation(f"read to its end in {took:.1f} s", complaints=complaints)


@fault("decoding", "a feed that loses every seventh frame for 20 s: one trouble, not 154", "13")
def lossy(bench: Bench) -> Observation:
    damage, changes = Damage("video"), []
    for number in range(500):
        time_ = number / 25
        changes.append(damage.bad(time_, 0.04, "broken") if number % 7 == 3 else damage.good(time_))
    changes += [damage.good(20.0 + number / 25) for number in range(150)]
    told = [change for change in changes if change is not None]
    complaints = () if len(told) == 2 else (f"{len(told)} events",)
    return Observation(f"{told[0].state}: {told[0].reason}", told[0].time, complaints=complaints)


def _random(seed: int) -> None:
    def inject(bench: Bench) -> Observation:
        """Four per cent of the file, a byte here and there, are other bytes."""
        chance = random.Random(seed)
        complaints: list[str] = []
        sentences: list[str] = []
        began = time.monotonic()
        for kind in KINDS:
            path = clip(bench.folder, kind)
            data = bytearray(path.read_bytes())
            for _ in range(len(data) // 200):
                data[chance.randrange(2_000, len(data))] = chance.randrange(256)
            path.write_bytes(bytes(data))
            try:
                reading = read(open_source(str(path)))
            except Exception as failure:  # noqa: BLE001 - looked at
                from emotrack.errors import UserError

                if not isinstance(failure, UserError):
                    complaints.append(f"{kind} raises {type(failure).__name__}: {failure}")
                continue
            seen = decoded(reading, 0.0, until=0.0, told=True)
            complaints += [f"{kind}: {one}" for one in seen.complaints]
            sentences.append(seen.effect)
        told = [sentence for sentence in sentences if sentence]
        took = (time.monotonic() - began) / len(KINDS)
        return Observation(told[0] if told else "", took if told else None, complaints=tuple(complaints))

    fault("decoding", f"half a per cent of the bytes of five containers are others, seed {seed}", NEW)(inject)


for _seed in range(4):
    _random(_seed)


def _refused(name: str, write: Callable[[Path], object], origin: str = HELD) -> None:
    def inject(bench: Bench) -> Observation:
        path = bench.folder / "clip.mp4"
        write(path)
        return bench.refused(lambda: open_source(str(path)))

    fault("decoding", f"a file that is none: {name}", origin)(inject)


_refused("empty", Path.touch)
_refused("text", lambda path: path.write_text("This is no video.\n" * 200))
_refused("random bytes", lambda path: path.write_bytes(np.random.default_rng(1).bytes(50_000)))
_refused("a folder", Path.mkdir)
_refused("a gigabyte of zeros", lambda path: _sparse(path), NEW)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 30)


def _wav(rate: int, channels: int, stated: int, data: bytes) -> bytes:
    block = 2 * channels
    head = struct.pack(
        "<4sI4s4sIHHIIHH",
        b"RIFF",
        36 + stated,
        b"WAVE",
        b"fmt ",
        16,
        1,
        channels,
        rate,
        (rate * block) & 0xFFFFFFFF,
        block & 0xFFFF,
        16,
    )
    return head + struct.pack("<4sI", b"data", stated) + data


def _lying(name: str, content: Callable[[], bytes], *, until: float) -> None:
    def inject(bench: Bench) -> Observation:
        from emotrack.errors import UserError

        path = bench.folder / "clip.wav"
        path.write_bytes(content())
        began = time.monotonic()
        try:
            reading = read(open_source(str(path)))
        except UserError as refusal:
            return Observation(str(refusal), time.monotonic() - began)
        return decoded(reading, time.monotonic() - began, until=until, told=True)

    fault("decoding", f"a sound file that {name}", NEW, told=False)(inject)


SECOND = np.random.default_rng(0).integers(-9_000, 9_000, 16_000, np.int16).tobytes()
_lying("states four gigabytes and has a second", lambda: _wav(16_000, 1, 0xFFFFFF00, SECOND), until=0.9)
_lying("states nothing and has a second", lambda: _wav(16_000, 1, 0, SECOND), until=0.0)
_lying("states 0 samples a second", lambda: _wav(0, 1, len(SECOND), SECOND), until=0.0)
_lying("states 4 billion samples a second", lambda: _wav(0xFFFFFFFF, 1, len(SECOND), SECOND), until=0.0)
_lying("states 65,535 channels", lambda: _wav(16_000, 65_535, len(SECOND), SECOND), until=0.0)
_lying("ends in the middle of a sample", lambda: _wav(16_000, 1, len(SECOND), SECOND[:-1]), until=0.9)


@fault("decoding", "the size of the pictures and the rate of the sound change in mid stream", told=False)
def changing(bench: Bench) -> Observation:
    one = write_clip(
        bench.folder / "one.ts",
        video=VideoSpec("mpeg2video"),
        audio=AudioSpec("mp2"),
        duration=3.0,
        onset=0.0,
    )
    two = write_clip(
        bench.folder / "two.ts",
        video=VideoSpec("mpeg2video", width=320, height=240),
        audio=AudioSpec("mp2", rate=44_100, layout="mono"),
        duration=3.0,
        onset=0.0,
        start=3.0,
    )
    began = time.monotonic()
    with piped(one.read_bytes() + two.read_bytes()) as pipe:
        reading = read(open_source(pipe))
    return decoded(reading, time.monotonic() - began, until=5.5, told=False)


@fault("decoding", "two sources that are one pipe", HELD)
def shared(bench: Bench) -> Observation:
    import os

    path = bench.folder / "fifo"
    os.mkfifo(path)
    return bench.refused(lambda: open_sources([str(path), f"bob={path}"]))
