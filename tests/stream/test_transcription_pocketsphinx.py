"""The offline recogniser in its own process: same audio same text, streams apart, and what happens when the process dies."""

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import CancelledError, wait
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest

from emotrack.demo.script import LINES
from emotrack.model.errors import UserError
from emotrack.stream.media import AUDIO_RATE
from emotrack.stream.transcription import pocketsphinx
from emotrack.stream.transcription.open import open_transcriber
from emotrack.stream.transcription.pocketsphinx import PocketSphinxTranscriber
from emotrack.stream.transcription.pocketsphinx_process import Close, Feed, Heard, Pause, Recogniser, Request
from emotrack.stream.transcription.settings import TranscriptionSettings
from emotrack.stream.transcription.transcript import Transcript, TranscriptionError, TranscriptionStream
from helpers.speech import blocks_of, demo_speech, read_sound

PATIENCE = 60
"""Seconds after which a test gives up."""


STRETCHES = (
    *((0.45, 1.41), (1.41, 4.99), (5.98, 6.97), (6.97, 10.37), (11.58, 13.24), (13.24, 14.72)),
    *((15.97, 19.36), (25.38, 27.88), (27.88, 29.34)),
)
"""The demonstration's speech between pauses, in seconds."""


def spoken(start: float, end: float) -> list[np.ndarray]:
    """Blocks at 16 kHz of what is said in the demonstration clip between two moments (seconds)."""
    return [block.samples_16k for block in blocks_of(demo_speech()[int(start * AUDIO_RATE) : int(end * AUDIO_RATE)])]


FIRST, SECOND = spoken(0.5, 1.9), spoken(5.1, 6.6)
LONG = spoken(6.0, 9.7)
"""Longer than what is held back at first."""


def children() -> set[int]:
    """Process ids of the children of this process, zombies too."""
    return {child.pid for child in psutil.Process().children()}


def feed(stream: TranscriptionStream, blocks: list[np.ndarray]) -> None:
    for samples in blocks:
        stream.feed(samples)


def text_of(transcriber: PocketSphinxTranscriber, *stretches: list[np.ndarray]) -> str:
    stream = transcriber.open()
    text = ""
    for blocks in stretches:
        feed(stream, blocks)
        text = stream.pause().result(PATIENCE).text
    stream.close()
    return text


@pytest.fixture
def transcriber() -> Iterator[PocketSphinxTranscriber]:
    opened = PocketSphinxTranscriber(decoders=2)
    yield opened
    opened.close()


def test_the_same_audio_gives_the_same_text_whatever_came_before(transcriber: PocketSphinxTranscriber) -> None:
    first = text_of(transcriber, FIRST)
    assert first
    assert text_of(transcriber, FIRST) == first
    long = text_of(transcriber, LONG)
    assert text_of(transcriber, FIRST) == first
    assert text_of(transcriber, SECOND, LONG) == f"{text_of(transcriber, SECOND)} {long}"
    other = PocketSphinxTranscriber()
    assert text_of(other, FIRST) == first
    other.close()


def test_the_chunks_of_the_audio_do_not_matter(transcriber: PocketSphinxTranscriber) -> None:
    """The stretch is of no whole number of pieces."""
    samples = np.concatenate(LONG)[:-100]
    heard = {text_of(transcriber, np.split(samples, range(size, len(samples), size))) for size in (512, 7_001, 10**6)}
    heard.add(text_of(transcriber, np.split(samples, [3, 32_767, 32_770, 50_000])))
    assert len(heard) == 1
    assert "terrible" in heard.pop()


def share_found(transcriber: PocketSphinxTranscriber, said: str, stretches: list[list[np.ndarray]]) -> float:
    """Share of the words said that are among those heard."""
    words = Counter(re.findall("[a-z]+", said.lower()))
    heard = Counter(text_of(transcriber, *stretches).split())
    return (words & heard).total() / words.total()


def test_most_words_of_the_demonstration_are_recognised(transcriber: PocketSphinxTranscriber) -> None:
    said = " ".join(line.words for line in LINES)
    assert share_found(transcriber, said, [spoken(start, end) for start, end in STRETCHES]) > 0.65


def test_most_words_of_a_recorded_speech_are_recognised(transcriber: PocketSphinxTranscriber, reference_data: Path) -> None:
    """With a decoder's default cepstral mean fewer than a fifth are."""
    said = "And so my fellow Americans ask not what your country can do for you ask what you can do for your country"
    sound = read_sound(reference_data / "clips" / "jfk.flac")
    times = [(0.1, 2.4), (3.07, 4.58), (5.18, 7.78), (7.97, 10.75)]
    stretches = [sound[int(start * AUDIO_RATE) : int(end * AUDIO_RATE)] for start, end in times]
    heard = [[block.samples_16k for block in blocks_of(samples)] for samples in stretches]
    assert share_found(transcriber, said, heard) > 0.6


def test_transcripts_name_their_recogniser(transcriber: PocketSphinxTranscriber) -> None:
    stream = transcriber.open()
    feed(stream, FIRST)
    heard = stream.pause().result(PATIENCE)
    assert (heard.asr, heard.language, heard.confidence) == ("pocketsphinx", "en", None)


def test_silence_has_no_words(transcriber: PocketSphinxTranscriber) -> None:
    assert transcriber.open().pause().result(PATIENCE) == Transcript("", "en", "pocketsphinx", None)
    assert text_of(transcriber, [np.zeros(512, np.float32)] * 30) == ""


def test_a_resumed_utterance_joins_its_stretches(transcriber: PocketSphinxTranscriber) -> None:
    assert text_of(transcriber, FIRST, SECOND) == f"{text_of(transcriber, FIRST)} {text_of(transcriber, SECOND)}"


def test_a_pause_without_new_audio_is_the_same_pause(transcriber: PocketSphinxTranscriber) -> None:
    stream = transcriber.open()
    feed(stream, SECOND)
    first = stream.pause()
    assert stream.pause() is first
    stream.feed(SECOND[0])
    assert stream.pause() is not first


def test_interleaved_streams_hear_what_each_hears_alone(transcriber: PocketSphinxTranscriber) -> None:
    """Three streams and two decoders: the third waits for its turn and loses nothing."""
    alone = [text_of(transcriber, SECOND), text_of(transcriber, FIRST), text_of(transcriber, SECOND)]
    streams = [transcriber.open() for _ in alone]
    for index in range(max(len(FIRST), len(SECOND))):
        for stream, blocks in zip(streams, (SECOND, FIRST, SECOND), strict=True):
            feed(stream, blocks[index : index + 1])
    pauses = [stream.pause() for stream in reversed(streams)]
    assert [pause.result(PATIENCE).text for pause in reversed(pauses)] == alone


def test_a_killed_process_fails_what_was_asked_and_the_next_utterance_gets_a_new_one() -> None:
    others = children()
    with closing(PocketSphinxTranscriber()) as transcriber:
        expected = text_of(transcriber, SECOND)
        stream = transcriber.open()
        feed(stream, FIRST)
        (child,) = children() - others
        os.kill(child, signal.SIGKILL)
        with pytest.raises(TranscriptionError, match=r"PocketSphinx process ended \(status -9\)"):
            stream.pause().result(PATIENCE)
        feed(stream, FIRST)
        with pytest.raises(TranscriptionError):
            stream.pause().result(PATIENCE)
        stream.close()
        assert text_of(transcriber, SECOND) == expected
        assert child not in children()


def test_a_killed_process_fails_what_is_under_way() -> None:
    others = children()
    with closing(PocketSphinxTranscriber()) as transcriber:
        stream = transcriber.open()
        for _ in range(5):
            feed(stream, FIRST)
        pause = stream.pause()
        (child,) = children() - others
        os.kill(child, signal.SIGKILL)
        with pytest.raises(TranscriptionError):
            pause.result(PATIENCE)


def test_close_cancels_and_leaves_no_process() -> None:
    before = children()
    transcriber = PocketSphinxTranscriber()
    stream = transcriber.open()
    for _ in range(5):
        feed(stream, FIRST)
    pause = stream.pause()
    started = time.monotonic()
    transcriber.close()
    assert time.monotonic() - started < 2
    with pytest.raises(CancelledError):
        pause.result(0)
    assert children() == before
    transcriber.close()


def test_an_unclosed_transcriber_holds_up_no_exit_and_its_process_ends() -> None:
    code = (
        "import psutil; from emotrack.stream.transcription.pocketsphinx import PocketSphinxTranscriber as P; "
        "p = P(); p.open().pause().result(); print(psutil.Process().children()[0].pid)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert ended.stderr == ""
    orphan = int(ended.stdout)
    deadline = time.monotonic() + PATIENCE
    while psutil.pid_exists(orphan) and psutil.Process(orphan).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_utterance_too_far_behind_is_given_up(transcriber: PocketSphinxTranscriber, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pocketsphinx, "MOST_WAITING", 0)
    stream = transcriber.open()
    feed(stream, FIRST)
    with pytest.raises(TranscriptionError, match="behind"):
        stream.pause().result(PATIENCE)


def test_closing_a_stream_answers_what_it_waited_for(transcriber: PocketSphinxTranscriber) -> None:
    speaking = [transcriber.open(), transcriber.open()]
    for stream in speaking:
        feed(stream, SECOND)
    waiting = transcriber.open()
    feed(waiting, FIRST)
    pause = waiting.pause()
    waiting.close()
    assert pause.cancelled()
    assert not wait([stream.pause() for stream in speaking], PATIENCE).not_done


def test_a_held_stream_is_served_when_a_decoder_is_free() -> None:
    """The child's own rules, without a child."""
    recogniser = Recogniser(decoders=1)
    silence = bytes(3_200)
    requests: list[Request] = [Feed(0, silence), Feed(1, silence), Pause(1, 10), Feed(2, silence), Pause(2, 20)]
    assert [reply for request in requests for reply in recogniser.handle(request)] == []
    assert recogniser.handle(Close(2)) == [Heard(20, "")]
    assert recogniser.handle(Pause(0, 0)) == [Heard(0, ""), Heard(10, "")]


def test_requests_survive_the_pipe() -> None:
    requests: list[Request] = [Feed(1, b"\x00\xff"), Pause(2, 3), Close(4)]
    decoder = msgspec.msgpack.Decoder(Request)
    assert [decoder.decode(msgspec.msgpack.encode(request)) for request in requests] == requests


def test_auto_falls_back_and_says_why() -> None:
    said: list[str] = []
    transcriber = open_transcriber(TranscriptionSettings(model="./nowhere"), said.append)
    assert transcriber is not None
    transcriber.close()
    assert transcriber.name == "pocketsphinx"
    assert said == [
        "There is no directory ./nowhere with Whisper's weights, so PocketSphinx transcribes, with many errors; "
        "--set stream.transcription.model=NAME takes another: a directory, a size (say base) or a hub id."
    ]


def test_without_any_recogniser_text_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    said: list[str] = []
    assert open_transcriber(TranscriptionSettings(model="./nowhere"), said.append) is None
    (sentence,) = said
    assert "and PocketSphinx is not installed, so text is left out; " in sentence
    assert "pip install 'emotrack[offline]'" in sentence
    with pytest.raises(UserError, match="PocketSphinx is not installed"):
        open_transcriber(TranscriptionSettings(recogniser="pocketsphinx"), said.append)
    assert open_transcriber(TranscriptionSettings(recogniser="none"), said.append) is None
