"""Where Whisper's weights are: a directory, the hub's cache on this machine or, when allowed, the hub."""

import ctypes
import importlib.util
from pathlib import Path

from faster_whisper.utils import available_models, download_model
from huggingface_hub import HfApi
from huggingface_hub.errors import HFValidationError, HTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

from emotrack.stream.transcription.unavailable import RecogniserUnavailable

FILES = ("model.bin", "config.json", "tokenizer.json")
"""Without its own tokenizer.json faster-whisper would ask the hub for one."""

ANOTHER = "--set stream.transcription.model=NAME takes another: a directory, a size (say base) or a hub id"
HUB_SECONDS = 5.0
"""How long the hub may take to answer."""
_KNOWN = "Systran/faster-whisper-base"
"""A model that the hub has, asked about to learn whether it answers."""


def find_weights(model: str, download: bool) -> Path:
    """Directory of the Whisper model `model`: a path, a size, or a hub id.

    Raises `RecogniserUnavailable` when it cannot be had.
    """
    directory = Path(model).expanduser()
    if directory.is_dir():
        return _complete(directory)
    if model.startswith((".", "/", "~")):
        raise RecogniserUnavailable(f"There is no directory {model} with Whisper's weights", ANOTHER)
    try:
        return _complete(Path(download_model(model, local_files_only=True)))
    except (LocalEntryNotFoundError, RecogniserUnavailable) as absent:
        if not download:
            raise RecogniserUnavailable(
                "Whisper's weights are not on this machine",
                f"--set stream.transcription.download=true fetches Whisper {model}",
            ) from absent
    except HFValidationError as invalid:
        raise RecogniserUnavailable(
            f"{model} is neither a directory nor the id of a Whisper model on the hub", ANOTHER
        ) from invalid
    except ValueError as unknown:
        raise RecogniserUnavailable(f"Whisper has no size {model}", f"the sizes are {', '.join(available_models())}") from unknown
    return _complete(_fetched(model))


def _fetched(model: str) -> Path:
    try:
        # The download itself would wait for a silent hub for ever.
        HfApi().model_info(model if "/" in model else _KNOWN, timeout=HUB_SECONDS)
    except RepositoryNotFoundError as unknown:
        raise RecogniserUnavailable(f"The model hub has no public model {model}", ANOTHER) from unknown
    except (OSError, HTTPError) as failure:
        raise RecogniserUnavailable(
            "Whisper's weights are not on this machine and the model hub does not answer",
            "try again with a connection, or give --set stream.transcription.model=DIRECTORY",
        ) from failure
    try:
        return Path(download_model(model))
    except (OSError, RuntimeError, HTTPError) as failure:
        raise RecogniserUnavailable(
            f"The weights of Whisper {model} could not be fetched whole from the model hub",
            "try again with a steady connection and room on the disk",
        ) from failure


def load_cublas() -> bool:
    """Load cuBLAS 12 from its package, where CTranslate2 does not look, or the system; False where there is none."""
    package = importlib.util.find_spec("nvidia.cublas") if importlib.util.find_spec("nvidia") else None
    places = list(package.submodule_search_locations or []) if package else []
    for library in [*(str(Path(place) / "lib" / "libcublas.so.12") for place in places), "libcublas.so.12"]:
        try:
            ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
        except OSError:
            continue
        return True
    return False


def _complete(directory: Path) -> Path:
    missing = [name for name in FILES if not (directory / name).is_file()]
    if missing:
        lacking = " and ".join(missing)
        raise RecogniserUnavailable(f"{directory} is no Whisper model converted to CTranslate2 (it lacks {lacking})", ANOTHER)
    return directory
