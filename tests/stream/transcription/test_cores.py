"""Processor threads of the recogniser: what tracking leaves, shared by its workers."""

from pathlib import Path

import pytest

from emotrack.stream.settings import TranscriptionSettings
from emotrack.stream.transcription.whisper import recogniser
from emotrack.stream.transcription.whisper.model import WhisperOptions
from emotrack.stream.transcription.whisper.recogniser import WhisperTranscriber, recogniser_threads


@pytest.mark.parametrize(
    ("machine", "workers", "threads"),
    [(1, 1, 1), (2, 1, 1), (4, 1, 2), (16, 1, 4), (16, 3, 4), (8, 3, 2), (8, 9, 1)],
)
def test_workers_share_what_the_loop_and_vision_leave(
    machine: int, workers: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recogniser, "cores", lambda: machine)
    assert recogniser_threads(workers) == threads


@pytest.mark.parametrize(("asked", "threads"), [(None, 2), (5, 5)])
def test_whisper_takes_as_many_unless_told_otherwise(
    asked: int | None, threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Asked(Exception):
        pass

    def borrow(options: WhisperOptions) -> None:
        assert (options.threads, options.workers) == (threads, 3)
        raise Asked

    monkeypatch.setattr(recogniser, "cores", lambda: 8)
    monkeypatch.setattr(recogniser._SHARED, "borrow", borrow)
    with pytest.raises(Asked):
        WhisperTranscriber(tmp_path, TranscriptionSettings(threads=asked, workers=3), print)
