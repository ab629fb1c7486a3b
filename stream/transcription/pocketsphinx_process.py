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

PIECE_BYTES = 2 * 512
"""What a decoder is given at a time, however the audio came: its running mean follows after whole pieces."""

HELD_BYTES = 48 * PIECE_BYTES
"""Audio from which a stretch's cepstral mean is estimated before its decoding begins: 1.536 s."""


HYPOTHESES = 6_000
"""States of words that are followed in a frame. With a fifth of the library's own 30,000 as many words are right, in two thirds
of the time."""


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
        self._estimator = _estimator()
        self._free = [_decoder()]
        self._unmade = decoders - 1
        self._lent: dict[int, Stretch] = {}
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
                self._lent[stream].feed(request.audio)
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
        self._lent[stream] = Stretch(self._free.pop(), self._estimator)
        return True

    def _give_back(self, stream: int) -> str:
        stretch = self._lent.pop(stream)
        self._free.append(stretch.decoder)
        return stretch.end()


class Stretch:
    """The decoding of the speech between two pauses: its text depends on its audio alone, not on how that was chunked.

    A decoder that works while the person speaks subtracts a cepstral mean that it cannot know yet, and with its default
    most words come out wrong. So the beginning is held back, the mean estimated from it, and the decoding, which is
    several times faster than speech, catches up.
    """

    def __init__(self, decoder: "Decoder", estimator: "Decoder") -> None:
        self.decoder = decoder
        self._estimator = estimator
        self._begun = False
        self._waiting = bytearray()

    def feed(self, audio: bytes) -> None:
        """Take the next audio, 16 bit at 16 kHz."""
        self._waiting += audio
        if not self._begun:
            if len(self._waiting) < HELD_BYTES:
                return
            self._begin()
        while len(self._waiting) >= PIECE_BYTES:
            self._decode(PIECE_BYTES)

    def end(self) -> str:
        """The words; the decoder is free afterwards."""
        if not self._begun:
            self._begin()
        while self._waiting:
            self._decode(PIECE_BYTES)
        self.decoder.end_utt()
        hypothesis = self.decoder.hyp()
        return hypothesis.hypstr if hypothesis else ""

    def _begin(self) -> None:
        """Start an utterance that owes nothing to those before it.

        A decoder's scores break ties by what scored best in the frame before, also across utterances: noise, always the
        same, washes that out.
        """
        _start(self.decoder, self.decoder.config["cmninit"])
        self.decoder.process_raw(NOISE)
        self.decoder.end_utt()
        _start(self.decoder, _cepstral_mean(self._estimator, bytes(self._waiting[:HELD_BYTES])))
        self._begun = True

    def _decode(self, count: int) -> None:
        self.decoder.process_raw(bytes(self._waiting[:count]))
        del self._waiting[:count]


def _decoder() -> "Decoder":
    """A decoder that scores all sounds in every frame: those left out would keep a memory of long ago.

    Of the further passes only the quick one, over the word lattice, is made at a pause.
    """
    from pocketsphinx import Decoder

    return Decoder(fwdflat=False, compallsen=True, maxhmmpf=HYPOTHESES, loglevel="FATAL")


def _start(decoder: "Decoder", cepstral_mean: str) -> None:
    """Begin an utterance with the noise estimate of a new decoder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # start_stream is deprecated as unnecessary, yet all else keeps the noise estimate
        decoder.start_stream()
    decoder.set_cmn(cepstral_mean)
    decoder.start_utt()


def _estimator() -> "Decoder":
    """A decoder for its front end alone, small as it knows one word.

    One that has decoded while audio came in never again takes the mean of a whole utterance, so those cannot be used.
    """
    from pocketsphinx import Decoder

    return Decoder(lm=None, keyphrase="hello", loglevel="FATAL")


def _cepstral_mean(estimator: "Decoder", audio: bytes) -> str:
    """The cepstral mean of `audio`, in the notation of `set_cmn`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as above
        estimator.start_stream()
    estimator.start_utt()
    estimator.process_raw(audio, no_search=True, full_utt=True)
    estimator.end_utt()
    mean: str = estimator.get_cmn(False)
    return mean


def main(decoders: int) -> None:
    """Serve standard input until it closes."""
    requests = msgspec.msgpack.Decoder(Request)
    recogniser = Recogniser(decoders)
    for payload in read_frames(sys.stdin.buffer):
        for reply in recogniser.handle(requests.decode(payload)):
            write_frame(sys.stdout.buffer, reply)
