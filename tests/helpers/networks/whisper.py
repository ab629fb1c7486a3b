"""A tiny Whisper of random weights in the files that faster-whisper reads: the real code path without the
real weights."""

import json
from concurrent.futures import Future
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ctranslate2.converters import TransformersConverter
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    GenerationConfig,
    PreTrainedTokenizerFast,
    WhisperConfig,
    WhisperForConditionalGeneration,
)
from transformers.models.whisper.tokenization_whisper import LANGUAGES

from emotrack.notify import Notify
from emotrack.stream.settings import TranscriptionSettings
from emotrack.stream.transcription.transcript import Transcript
from emotrack.stream.transcription.whisper.recogniser import WhisperTranscriber

WORDS = 1_000
"""Text tokens; the last is empty, as in the multilingual Whisper: that is how CTranslate2 knows one."""

TIMESTAMPS = 1_501


@cache
def build_tiny_whisper(directory: Path) -> Path:
    """Write the model to a folder under `directory`, once a process; returns that folder. It speaks, but only
    gibberish."""
    original, converted = directory / "original", directory / "tiny-random"
    tokenizer = _tokenizer()
    ids = {token: index for token, index in tokenizer.get_vocab().items() if token in _special_tokens()}
    torch.manual_seed(0)
    model = WhisperForConditionalGeneration(
        WhisperConfig(
            vocab_size=tokenizer.get_vocab_size(),
            d_model=16,
            encoder_layers=1,
            decoder_layers=1,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=32,
            decoder_ffn_dim=32,
            decoder_start_token_id=ids["<|startoftranscript|>"],
            bos_token_id=ids["<|endoftext|>"],
            eos_token_id=ids["<|endoftext|>"],
            pad_token_id=ids["<|endoftext|>"],
            init_std=0.5,
        )
    )
    model.generation_config = GenerationConfig(
        decoder_start_token_id=ids["<|startoftranscript|>"],
        eos_token_id=ids["<|endoftext|>"],
        lang_to_id={f"<|{code}|>": ids[f"<|{code}|>"] for code in _languages()},
        task_to_id={task: ids[f"<|{task}|>"] for task in ("translate", "transcribe")},
        no_timestamps_token_id=ids["<|notimestamps|>"],
        suppress_tokens=[],
        begin_suppress_tokens=[],
        alignment_heads=[[0, 0]],
        is_multilingual=True,
    )
    model.save_pretrained(original)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<|endoftext|>").save_pretrained(original)
    tokenizer.save(str(original / "tokenizer.json"))
    (original / "preprocessor_config.json").write_text(
        json.dumps({"feature_size": 80, "feature_extractor_type": "WhisperFeatureExtractor"})
    )
    TransformersConverter(str(original), copy_files=["tokenizer.json", "preprocessor_config.json"]).convert(
        str(converted)
    )
    return converted


def whisper_session(weights: Path, notify: Notify = print, **settings: Any) -> WhisperTranscriber:
    """A session's share in the model in `weights`, on one thread of the processor unless set otherwise."""
    chosen = {"model": str(weights), "device": "cpu", "threads": 1, **settings}
    return WhisperTranscriber(weights, TranscriptionSettings(**chosen), notify)


def ask(transcriber: WhisperTranscriber, samples_16k: np.ndarray) -> Future[Transcript]:
    """Ask for the words of an utterance that has ended."""
    stream = transcriber.open()
    stream.feed(samples_16k)
    pause = stream.pause()
    stream.conclude()
    return pause


def _tokenizer() -> Tokenizer:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = {word: index for index, word in enumerate(letters)}
    words |= {f"Ġw{index}": index for index in range(len(words), WORDS - 1)}
    words[""] = WORDS - 1
    tokenizer = Tokenizer(models.BPE(vocab=words, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in _special_tokens()])
    return tokenizer


def _languages() -> list[str]:
    return list(LANGUAGES)[:99]


def _special_tokens() -> list[str]:
    """In the order of the multilingual Whisper, which its readers rely on."""
    tasks = ["translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps"]
    names = ["endoftext", "startoftranscript", *_languages(), *tasks]
    return [f"<|{name}|>" for name in names] + [f"<|{index * 0.02:.2f}|>" for index in range(TIMESTAMPS)]
