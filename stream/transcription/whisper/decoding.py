"""The words of one short stretch of sound: encoded with no more context than it needs, decoded greedily, and
doubted.

faster-whisper's own pipeline pads every stretch to the 30 s that Whisper was trained on, and most of the
encoder's time goes into silence. A window of 10 s gives nearly the same words in a fifth of that time; under
6 s short turns begin to loop.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.audio import pad_or_trim
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_suppressed_tokens

from emotrack.stream.transcription.transcript import is_loop

RATE = 16_000
LONGEST_SECONDS = 6.0
"""Of a stretch: what is left of the window is the silence that Whisper needs to find the end."""
WINDOW_SECONDS = 10
WHOLE_WINDOW_SECONDS = 30
"""What Whisper was trained on, for stretches that the short window leaves in doubt."""

NO_SPEECH = 0.6
"""Whisper's own probability that nobody speaks, above which there are no words. Speech stays under 0.35,
sounds and silence lie over 0.6 whatever words Whisper then makes up."""
LEAST_LOG_PROBABILITY = -1.0
"""Mean of a token, under which words are no words but guesses; Whisper's own threshold."""
REPEATED_TOKENS = 5
"""So many tokens that were there before do not come again: a loop is broken, “no, no, no” is not."""
TOKENS_AT_ONCE = 8
TOKENS_A_SECOND = {True: 12, False: 30}
"""What nobody speaks faster than, in English (True) and in scripts of which every letter takes a token or
two."""


class Unwanted(Exception):
    """Nobody waits for these words any more."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What was heard in a stretch; no words are an empty text."""

    text: str
    language: str | None
    """ISO 639-1 code, as given or detected; None where nothing was heard."""
    log_probability: float
    """Summed over the tokens, the one that ends the text included."""
    tokens: int


NOTHING = Decoded("", None, 0.0, 0)


def decode(
    model: WhisperModel, samples_16k: np.ndarray, language: str | None, wanted: Callable[[], bool]
) -> Decoded:
    """The words of float32 [n] at 16 kHz, at most `LONGEST_SECONDS` long; `language` None has it detected.

    Greedy, without retries at higher temperatures, which draw random numbers: the same sound gives the same
    words. Words that are improbable or loop are looked for once more in the whole window. Raises `Unwanted`
    between two steps once `wanted` says so, and RuntimeError where CTranslate2 fails.
    """
    if not samples_16k.any():  # digital silence, or nothing at all
        return NOTHING
    features = model.feature_extractor(samples_16k)
    found = _decode(model, features, WINDOW_SECONDS, samples_16k.size / RATE, language, wanted)
    if found is not None and _doubtful(found):
        again = _decode(model, features, WHOLE_WINDOW_SECONDS, samples_16k.size / RATE, language, wanted)
        found = None if again is None or _doubtful(again) else again
    return found or NOTHING


def _decode(
    model: WhisperModel,
    features: np.ndarray,
    window: int,
    seconds: float,
    language: str | None,
    wanted: Callable[[], bool],
) -> Decoded | None:
    """The words in a window of `window` seconds; None where nobody speaks."""
    if not wanted():
        raise Unwanted
    encoded = model.encode(pad_or_trim(features, window * model.frames_per_second))
    if not wanted():
        raise Unwanted
    language = language or _language(model, encoded)
    tokenizer = Tokenizer(
        model.hf_tokenizer, model.model.is_multilingual, task="transcribe", language=language
    )
    prompt = model.get_prompt(tokenizer, [], without_timestamps=True)
    most = TOKENS_AT_ONCE + math.ceil(TOKENS_A_SECOND[language == "en"] * seconds)
    (result,) = model.model.generate(
        encoded,
        [prompt],
        beam_size=1,
        max_length=min(model.max_length, len(prompt) + most),
        no_repeat_ngram_size=REPEATED_TOKENS,
        suppress_tokens=list(get_suppressed_tokens(tokenizer, [-1])),
        return_scores=True,
        return_no_speech_prob=True,
    )
    tokens = result.sequences_ids[0]
    text = tokenizer.decode(tokens).strip()
    if result.no_speech_prob > NO_SPEECH or not any(map(str.isalnum, text)):
        return None
    return Decoded(text, language, result.scores[0] * len(tokens), len(tokens) + 1)


def _doubtful(found: Decoded) -> bool:
    improbable = found.log_probability < LEAST_LOG_PROBABILITY * found.tokens
    return improbable or is_loop(found.text)


def _language(model: WhisperModel, encoded: ctranslate2.StorageView) -> str:
    if not model.model.is_multilingual:
        return "en"
    (ranked,) = model.model.detect_language(encoded)
    return str(ranked[0][0][2:-2])  # <|en|>
