"""Where Whisper's weights are: a directory, the hub's cache on this machine or, when allowed, the hub."""

import ctypes
import importlib.util
from pathlib import Path

from faster_whisper.utils import available_models, download_model
from huggingface_hub.errors import HFValidationError, HTTPError, LocalEntryNotFoundError

from emotrack.model.errors import UserError

FILES = ("model.bin", "config.json", "tokenizer.json")
"""Without its own tokenizer.json faster-whisper would ask the hub for one."""


def find_weights(model: str, download: bool) -> Path:
    """Directory of the Whisper model `model`: a path, a size, or a hub id. Raises `UserError` when it cannot be had."""
    directory = Path(model).expanduser()
    if directory.is_dir():
        return _complete(directory)
    if model.startswith((".", "/", "~")):
        raise UserError(f"There is no directory {model}; give a directory, a size (say base) or a hub id.")
    try:
        return _complete(Path(download_model(model, local_files_only=True)))
    except (LocalEntryNotFoundError, UserError) as absent:
        if not download:
            raise UserError(
                f"The weights of Whisper {model} are not on this machine; --set transcription.download=true gets them."
            ) from absent
    except HFValidationError as invalid:
        raise UserError(f"{model} is neither a directory nor the id of a model on the hub.") from invalid
    except ValueError as unknown:
        sizes = ", ".join(available_models())
        raise UserError(f"Whisper has no size {model}; it has {sizes}.") from unknown
    try:
        return _complete(Path(download_model(model)))
    except (OSError, RuntimeError, HTTPError) as failure:
        reason = str(failure).partition("\n")[0]
        raise UserError(f"The weights of Whisper {model} cannot be fetched: {reason}") from failure


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
        raise UserError(f"{directory} is not a Whisper model converted to CTranslate2: it lacks {' and '.join(missing)}.")
    return directory
