"""Microphones: a real one of PulseAudio where there is one, else the fake of the same shape, and every fault
by the fake."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest

from emotrack.stream.settings import SourceSettings
from emotrack.stream.sources.devices import microphone
from emotrack.stream.sources.devices.listing import list_devices
from emotrack.stream.sources.devices.microphone import Buffer, Inbox, captured_ns
from emotrack.stream.sources.media import AUDIO_RATE, AudioChunk, MediumChange
from emotrack.stream.sources.open import open_source
from emotrack.stream.sources.timing.clock import SessionClock
from helpers.media.clips import Reading, items_of, read
from helpers.media.fake_sounddevice import FakeSoundDevice
from helpers.media.virtual_microphone import virtual_microphone

QUICK = SourceSettings(retry_first=0.1)

RECORD = """
import json, sys
sys.path.insert(0, {tests!r})
from emotrack.stream.sources.open import open_source
from emotrack.stream.sources.timing.clock import SessionClock
from helpers.media.clips import read
clock = SessionClock()
reading = read(open_source("mic"), seconds=4.0, clock=clock)
chunks = [[chunk.start, chunk.samples.tolist()] for chunk in reading.chunks]
print(json.dumps({{"chunks": chunks, "states": [change.state for change in reading.changes]}}))
"""


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeSoundDevice:
    module = FakeSoundDevice()
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return module


def check_tone(starts: list[float], sounds: list[np.ndarray]) -> None:
    samples = np.concatenate(sounds)
    assert len(samples) > AUDIO_RATE // 2
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    assert np.argmax(spectrum) * AUDIO_RATE / len(samples) == pytest.approx(440.0, abs=5.0)
    ends = [start + len(sound) / AUDIO_RATE for start, sound in zip(starts, sounds, strict=True)]
    assert max(abs(start - end) for start, end in zip(starts[1:], ends, strict=False)) < 0.2
    assert starts[0] >= -0.1


def test_a_virtual_microphone_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with virtual_microphone(tmp_path) as environment:
        if environment is not None:
            script = RECORD.format(tests=str(Path(__file__).parents[2]))
            command = [sys.executable, "-c", script]
            ran = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=60, check=False
            )
            if ran.returncode == 0:
                told = msgspec.json.decode(ran.stdout)
                assert told["states"] == ["up"]
                check_tone(
                    [start for start, _ in told["chunks"]], [np.array(sound) for _, sound in told["chunks"]]
                )
                return
            assert "microphone" in ran.stderr, ran.stderr  # PortAudio or ALSA's pulse plug-in is missing
    monkeypatch.setitem(sys.modules, "sounddevice", FakeSoundDevice())
    reading = read(open_source("mic"), seconds=2.0)
    check_tone([chunk.start for chunk in reading.chunks], [chunk.samples for chunk in reading.chunks])


@pytest.mark.parametrize("adc", [True, False])
def test_sound_is_stamped_when_it_was_captured(fake: FakeSoundDevice, adc: bool) -> None:
    fake.adc = adc
    clock = SessionClock()
    reading = read(open_source("mic"), seconds=1.0, clock=clock)
    assert [change.state for change in reading.changes] == ["up"]
    check_tone([chunk.start for chunk in reading.chunks], [chunk.samples for chunk in reading.chunks])
    assert 0.0 <= reading.chunks[0].start < 0.2
    assert reading.chunks[-1].end <= clock.now() + 0.01
    assert np.abs(reading.samples).max() == pytest.approx(0.5, abs=0.02)
    assert fake.open_streams == 0


@pytest.mark.parametrize(
    "text", ["mic", "mic:", "mic:default", "mic:1", "mic:Fake microphone", "mic:fake MICRO"]
)
def test_microphones_are_found_by_number_and_name(fake: FakeSoundDevice, text: str) -> None:
    assert open_source(text).description == text


def test_devices_are_listed_under_names_that_open(fake: FakeSoundDevice) -> None:
    (device,) = [device for device in list_devices() if device.kind == "microphone"]
    assert device.detail == "Fake, 48000 Hz, 2 channels, default"
    assert open_source(device.id).name == "mic_Fake_microphone"


def test_a_microphone_that_is_unplugged_is_down_until_it_is_back(
    fake: FakeSoundDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = items_of(open_source("mic", settings=QUICK))
    changes: list[MediumChange] = []
    for item in items:
        if isinstance(item, MediumChange):
            changes.append(item)
            fake.plugged = item.state == "up"
            if item.state == "down":
                threading.Timer(0.3, setattr, (fake, "plugged", True)).start()
        elif len(changes) == 1:
            fake.plugged = False
        elif len(changes) == 3:
            break
    items.close()
    assert [change.state for change in changes] == ["up", "down", "up"]
    assert changes[1].reason == "the microphone Fake microphone gives no more sound"
    assert fake.looked_again >= 1
    assert fake.open_streams == 0


def test_lost_sound_is_counted_and_told_once_until_it_was_whole_for_a_while(
    fake: FakeSoundDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(microphone, "HEALED", 0.6)
    items = items_of(open_source("mic"))
    next(item for item in items if isinstance(item, AudioChunk))
    fake.overflow = True
    degraded = next(item for item in items if isinstance(item, MediumChange))
    assert (degraded.state, "ran over (1 times so far)" in degraded.reason) == ("degraded", True)
    threading.Timer(0.3, setattr, (fake, "overflow", True)).start()
    whole = next(item for item in items if isinstance(item, MediumChange))
    assert (whole.state, whole.reason) == ("up", "sound is whole again (2 losses so far)")
    assert whole.time - degraded.time > 0.8
    items.close()


def test_what_the_sound_system_itself_writes_to_stderr_is_not_seen(
    fake: FakeSoundDevice, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its libraries write past Python; what is meant for the user still arrives."""
    opened = fake.InputStream

    def noisy(**arguments: Any) -> Any:
        os.write(2, b"ALSA lib pcm.c:2721:(snd_pcm_open_noupdate) Unknown PCM\n")
        return opened(**arguments)

    monkeypatch.setattr(fake, "InputStream", noisy)
    open_source("mic")
    os.write(2, b"ours\n")
    assert capfd.readouterr().err == "ours\n"


def test_the_callback_never_waits_and_says_what_it_had_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(microphone, "QUEUE_BUFFERS", 2)
    inbox = Inbox()
    times, fine = (
        SimpleNamespace(currentTime=1.0, inputBufferAdcTime=0.0),
        SimpleNamespace(input_overflow=False),
    )
    data = np.zeros((4, 1), np.float32)
    for _ in range(3):
        inbox.callback(data, 4, times, fine)
    taken = [inbox.get(0.0), inbox.get(0.0)]
    inbox.callback(data, 4, times, fine)
    after = inbox.get(0.0)
    assert [buffer is not None and buffer.overflowed for buffer in [*taken, after]] == [False, False, True]
    assert taken[0] is not None and taken[0].samples is not data
    assert inbox.get(0.0) is None


@pytest.mark.parametrize(("age", "expected"), [(0.12, 0.12), (float("inf"), 0.1), (-0.5, 0.1), (0.9, 0.1)])
def test_adc_times_that_cannot_be_fall_back_to_arrival(age: float, expected: float) -> None:
    buffer = Buffer(np.zeros((4_800, 1), np.float32), 10**10, age, False)
    assert captured_ns(buffer, 48_000.0, 0.01) == 10**10 - round(expected * 1e9)


def test_closing_takes_less_than_half_a_second(fake: FakeSoundDevice) -> None:
    stop = threading.Event()
    items = open_source("mic").items(SessionClock(), stop)
    next(items)
    stop.set()
    begun = time.monotonic()
    Reading(list(items))
    assert time.monotonic() - begun < 0.5
    assert fake.open_streams == 0
