"""Whisper through faster-whisper: one model, one worker thread that transcribes what is asked for in order."""

import math
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel

from emotrack.stream.transcription.settings import TranscriptionSettings
from emotrack.stream.transcription.transcript import Transcript, TranscriptionError
from emotrack.stream.transcription.unavailable import RecogniserUnavailable
from emotrack.stream.transcription.whisper_weights import ANOTHER, find_weights, load_cublas

RATE = 16_000
ON_PROCESSOR = "--set stream.transcription.device=cpu runs it on the processor"


class WhisperTranscriber:
    """Owns the model and its worker thread."""

    def __init__(self, settings: TranscriptionSettings, say: Callable[[str], None]) -> None:
        """Load the model and run it once. Raises `RecogniserUnavailable` when the weights or the device cannot be had.

        `say` is told in one sentence when the processor stands in for a GPU that could not be used.
        """
        weights = find_weights(settings.model, settings.download)
        self.name = f"whisper-{weights.name if Path(settings.model).is_dir() else settings.model.rpartition('/')[2]}"
        self._language = settings.language
        self._model = _load(weights, settings, say)
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="whisper")

    def open(self) -> "WhisperStream":
        """A stream for one utterance."""
        return WhisperStream(self)

    def close(self) -> None:
        """Cancel what has not started and wait for what has: a running transcription cannot be stopped."""
        self._worker.shutdown(cancel_futures=True)

    def submit(self, samples_16k: np.ndarray) -> "Future[Transcript]":
        """Transcribe one utterance, float32 [n] at 16 kHz, when its turn comes."""
        return self._worker.submit(self._transcribe, samples_16k)

    def _transcribe(self, samples_16k: np.ndarray) -> Transcript:
        try:
            return transcribe(self._model, samples_16k, self._language, self.name)
        except RuntimeError as failure:  # CTranslate2 knows no other kind
            raise TranscriptionError(f"Whisper failed: {failure}") from failure


class WhisperStream:
    """One utterance; see `TranscriptionStream`."""

    def __init__(self, transcriber: WhisperTranscriber) -> None:
        self._transcriber = transcriber
        self._samples: list[np.ndarray] = []
        self._latest: Future[Transcript] | None = None
        self._transcribed = 0  # parts in the latest

    def feed(self, samples_16k: np.ndarray) -> None:
        """Take the next audio."""
        self._samples.append(samples_16k)

    def pause(self) -> "Future[Transcript]":
        """The transcript of what was fed so far, in the place of an earlier pause that has not started."""
        if self._latest is None or self._transcribed < len(self._samples):
            self.close()
            self._transcribed = len(self._samples)
            self._latest = self._transcriber.submit(np.concatenate([np.empty(0, np.float32), *self._samples]))
        return self._latest

    def close(self) -> None:
        """Cancel what has not started."""
        if self._latest is not None:
            self._latest.cancel()


def transcribe(model: WhisperModel, samples_16k: np.ndarray, language: str | None, name: str) -> Transcript:
    """Transcribe one utterance, float32 [n] at 16 kHz.

    Greedy, without the retries at higher temperatures, which draw random numbers: the same audio gives the same text.
    """
    if not samples_16k.size:
        return Transcript("", language, name, None)
    segments, info = model.transcribe(
        samples_16k,
        language=language,
        beam_size=1,
        temperature=0.0,
        condition_on_previous_text=False,
        without_timestamps=True,
    )
    heard = [segment for segment in segments if segment.text.strip()]
    text = " ".join(segment.text.strip() for segment in heard)
    confidence = math.exp(sum(segment.avg_logprob for segment in heard) / len(heard)) if heard else None
    return Transcript(text, info.language, name, confidence)


def _load(weights: Path, settings: TranscriptionSettings, say: Callable[[str], None]) -> WhisperModel:
    if settings.device != "cpu" and load_cublas() and ctranslate2.get_cuda_device_count():
        try:
            return _warm(weights, "cuda", "float16", settings)
        except (RuntimeError, ValueError) as failure:
            if settings.device == "cuda":
                raise RecogniserUnavailable(f"Whisper cannot run on the GPU: {_words(failure)}", ON_PROCESSOR) from failure
            say(f"Whisper runs on the processor, as it cannot run on the GPU: {_words(failure)}.")
    elif settings.device == "cuda":
        raise RecogniserUnavailable(
            "Whisper finds no GPU, or not cuBLAS 12", f"pip install 'emotrack[gpu]' brings that; {ON_PROCESSOR}"
        )
    try:
        return _warm(weights, "cpu", "int8", settings)
    except (RuntimeError, ValueError) as failure:
        raise RecogniserUnavailable(f"The Whisper model in {weights} cannot be run: {_words(failure)}", ANOTHER) from failure


def _warm(weights: Path, device: str, compute_type: str, settings: TranscriptionSettings) -> WhisperModel:
    """Load the model and run it once: CTranslate2 finds only then that a library is missing."""
    chosen = compute_type if settings.compute_type == "auto" else settings.compute_type
    model = WhisperModel(str(weights), device=device, compute_type=chosen, cpu_threads=settings.threads)
    transcribe(model, np.zeros(RATE, np.float32), settings.language, "warm-up")
    return model


def _words(failure: Exception) -> str:
    """The first line of what CTranslate2 says, without its full stop."""
    return str(failure).partition("\n")[0].rstrip(".")
