"""The process in which PocketSphinx works: its decoder holds the interpreter for long, so it gets one of its own.

Requests come on standard input and replies go to standard output, each a frame: length (4 bytes, little-endian), then
MessagePack. The process ends when its input closes.
"""

import random
import struct
import sys
import warnings
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from pocketsphinx import Decoder

NOISE = random.Random(0).randbytes(2 * 1_600)
"""0.1 s of white noise, 16 bit at 16 kHz."""


class Feed(msgspec.Struct, tag=True):
    """The next audio of a stream: 16-bit little-endian samples at 16 kHz."""

    stream: int
    audio: bytes


class Pause(msgspec.Struct, tag=True):
    """Asks for the words heard on a stream so far; answered by `Heard` with the same job."""

    stream: int
    job: int


class Close(msgspec.Struct, tag=True):
    """A stream is over; what it still waits for is answered with nothing."""

    stream: int


class Heard(msgspec.Struct):
    """Reply to a `Pause`."""

    job: int
    text: str


Request = Feed | Pause | Close


def write_frame(pipe: IO[bytes], message: msgspec.Struct) -> None:
    """Write one message whole, also to an unbuffered pipe; raises OSError when the other side is gone."""
    payload = msgspec.msgpack.encode(message)
    rest = memoryview(struct.pack("<I", len(payload)) + payload)
    while rest:
        rest = rest[pipe.write(rest) :]
    pipe.flush()


def read_frames(pipe: IO[bytes]) -> Iterator[bytes]:
    """Payloads until the other side closes the pipe or dies, be it in the middle of a frame."""
    while len(header := _read(pipe, 4)) == 4:
        (length,) = struct.unpack("<I", header)
        payload = _read(pipe, length)
        if len(payload) < length:
            return
        yield payload


def _read(pipe: IO[bytes], length: int) -> bytes:
    parts = []
    while length and (part := pipe.read(length)):
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


class Recogniser:
    """Decoders for the streams of one session.

    A decoder is lent to a stream from the first audio of a stretch of speech to the next pause, so that it works while
    the person speaks. When all are lent the requests of a further stream are held until one is free.
    """

    def __init__(self, decoders: int) -> None:
        self._free = [_decoder()]
        self._unmade = decoders - 1
        self._lent: dict[int, Decoder] = {}
        self._words: dict[int, list[str]] = {}  # of each stream, a text a stretch
        self._held: list[Feed | Pause] = []

    def handle(self, request: Request) -> list[Heard]:
        """Do what is asked, and what was held and can now be done; returns the replies."""
        replies: list[Heard] = []
        if isinstance(request, Close):
            forgotten = [held for held in self._held if held.stream == request.stream]
            replies += [Heard(held.job, "") for held in forgotten if isinstance(held, Pause)]
            self._held = [held for held in self._held if held.stream != request.stream]
            if request.stream in self._lent:
                self._give_back(request.stream)
            self._words.pop(request.stream, None)
        else:
            self._held.append(request)
        while self._held:
            before = len(self._held)
            replies += self._do_held()
            if len(self._held) == before:
                break
        return replies

    def _do_held(self) -> list[Heard]:
        requests, self._held = self._held, []
        waiting = set()  # streams
        replies = []
        for request in requests:
            stream = request.stream
            if stream in waiting or (isinstance(request, Feed) and not self._lend(stream)):
                waiting.add(stream)
                self._held.append(request)
            elif isinstance(request, Feed):
                self._lent[stream].process_raw(request.audio)
            else:
                words = self._words.setdefault(stream, [])
                if stream in self._lent and (text := self._give_back(stream)):
                    words.append(text)
                replies.append(Heard(request.job, " ".join(words)))
        return replies

    def _lend(self, stream: int) -> bool:
        if stream in self._lent:
            return True
        if not self._free and self._unmade:
            self._unmade -= 1
            self._free.append(_decoder())
        if not self._free:
            return False
        self._lent[stream] = self._free.pop()
        _start(self._lent[stream])
        return True

    def _give_back(self, stream: int) -> str:
        decoder = self._lent.pop(stream)
        self._free.append(decoder)
        decoder.end_utt()
        hypothesis = decoder.hyp()
        return hypothesis.hypstr if hypothesis else ""


def _decoder() -> "Decoder":
    """A decoder without second passes that scores all sounds in every frame: those left out would keep a memory of long ago."""
    from pocketsphinx import Decoder

    return Decoder(fwdflat=False, bestpath=False, compallsen=True, loglevel="FATAL")


def _start(decoder: "Decoder") -> None:
    """Begin a stretch that owes nothing to those before it.

    A decoder's scores break ties by what scored best in the frame before, also across stretches: noise, always the same,
    washes that out.
    """
    _reset(decoder)
    decoder.process_raw(NOISE)
    decoder.end_utt()
    _reset(decoder)


def _reset(decoder: "Decoder") -> None:
    """Begin with the noise estimate and the cepstral mean of a new decoder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # start_stream is deprecated as unnecessary, yet all else keeps the noise estimate
        decoder.start_stream()
    decoder.set_cmn(decoder.config["cmninit"])
    decoder.start_utt()


def main(decoders: int) -> None:
    """Serve standard input until it closes."""
    requests = msgspec.msgpack.Decoder(Request)
    recogniser = Recogniser(decoders)
    for payload in read_frames(sys.stdin.buffer):
        for reply in recogniser.handle(requests.decode(payload)):
            write_frame(sys.stdout.buffer, reply)
