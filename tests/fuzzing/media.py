"""Readers of sound, pictures and their names."""

import threading

from emotrack.stream.settings import SourceSettings
from emotrack.stream.sources.decoding.riff import WavReader, is_wav, wav_options
from emotrack.stream.sources.files.file import probe_file
from emotrack.stream.sources.names import feed_name, participant, without_credentials
from emotrack.stream.sources.timing.clock import SessionClock
from fuzzing.target import MIB, file_of, target


class _Pipe:
    """Bytes that come once."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, size: int) -> bytes:
        given, self._data = self._data[:size], self._data[size:]
        return given

    def ahead(self, size: int) -> bytes:
        return self._data[:size]


@target(largest=16_384)
def wav(data: bytes) -> None:
    """Chunks of any names and lengths: what is given of a pipe is its beginning, in order."""
    options = wav_options(file_of(data, "sound.wav"))
    assert not options or is_wav(data[:12])
    reader, given = WavReader(_Pipe(data)), b""
    while block := reader.read(997):
        given += block
    assert data.startswith(given)


@target(room=64 * MIB, examples=60, largest=8_192)
def media(data: bytes) -> None:
    """A file that may be of any container and codec, opened and read to its end."""
    path = file_of(data, "media")
    source = probe_file(
        f"file:{path}", name="x", description="x", settings=SourceSettings(), options=wav_options(path)
    )
    for number, _ in enumerate(source.items(SessionClock(), threading.Event())):
        if number > 1_000:
            break


@target()
def source_name(data: bytes) -> None:
    """`alice=rtsp://…` and its like: no password is shown."""
    name, source = participant(data.decode("utf-8", "replace"))
    assert name is None or feed_name(name)
    assert 0 < len(feed_name(source)) <= 40
    if "://" in source:
        without_credentials(source)
