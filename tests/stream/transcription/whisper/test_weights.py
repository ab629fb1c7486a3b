"""Where Whisper's weights are looked for, what is said when there are none, and what is not imported to see
that."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import faster_whisper.utils
import huggingface_hub
import pytest
from huggingface_hub import HfApi, constants

from emotrack.errors import UserError
from emotrack.stream.settings import TranscriptionSettings
from emotrack.stream.transcription.open import open_transcriber
from emotrack.stream.transcription.transcript import RecogniserUnavailable
from emotrack.stream.transcription.whisper import weights as whisper_weights
from emotrack.stream.transcription.whisper.weights import FILES, SIZES, find_weights


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The hub's cache, empty."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def broken_hub(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A hub that breaks every download off; lists what it was asked for."""
    asked: list[str] = []

    def download(repository: str) -> str:
        asked.append(repository)
        raise ConnectionError("Got: ConnectError: [Errno 111]")

    monkeypatch.setattr(faster_whisper.utils, "download_model", download)
    monkeypatch.setattr(HfApi, "model_info", lambda *_, **__: None)
    return asked


@pytest.fixture
def silent_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A hub that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(huggingface_hub, "HfApi", lambda: HfApi(endpoint=endpoint))
        monkeypatch.setattr(whisper_weights, "HUB_SECONDS", 0.2)
        yield


def keep(cache: Path, repository: str, *names: str) -> Path:
    """Lay files into the cache as the hub's client does; returns their directory."""
    folder = cache / f"models--{repository.replace('/', '--')}"
    directory = folder / "snapshots" / "0123abcd"
    directory.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("0123abcd")
    for name in names:
        (directory / name).write_bytes(b"")
    return directory


@pytest.mark.parametrize("model", ["small", "large", "somebody/whisper-of-theirs"])
def test_weights_in_the_hubs_cache_are_found_where_its_client_finds_them(cache: Path, model: str) -> None:
    directory = keep(cache, SIZES.get(model, model), *FILES)
    assert find_weights(model, download=False) == directory
    assert faster_whisper.utils.download_model(model, local_files_only=True, cache_dir=str(cache)) == str(
        directory
    )


def test_sizes_are_those_of_faster_whisper() -> None:
    assert SIZES.items() <= faster_whisper.utils._MODELS.items()
    assert {"tiny", "base", "small", "medium", "large-v3", "turbo"} < set(SIZES)


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ("./nowhere", r"There is no directory \./nowhere"),
        ("enormous", "Whisper has no size enormous; the sizes are tiny"),
        ("a/b/c", "a/b/c is neither a directory nor the id of a Whisper model"),
    ],
)
@pytest.mark.parametrize("download", [False, True])
def test_a_wrong_model_is_refused_in_a_sentence(model: str, sentence: str, download: bool) -> None:
    with pytest.raises(UserError, match=sentence):
        find_weights(model, download)


def test_weights_that_are_not_here_are_not_fetched_unasked(cache: Path, broken_hub: list[str]) -> None:
    said: list[str] = []
    assert open_transcriber(TranscriptionSettings(model="small"), said.append) is None
    fetch = "--set stream.transcription.download=true fetches Whisper small."
    assert said == [f"Whisper's weights are not on this machine, so text is left out; {fetch}"]
    assert broken_hub == []


def test_a_download_that_broke_off_is_no_weights(cache: Path) -> None:
    keep(cache, SIZES["small"], "config.json")
    with pytest.raises(RecogniserUnavailable, match="not on this machine"):
        find_weights("small", download=False)


@pytest.mark.usefixtures("silent_hub")
def test_a_hub_that_never_answers_is_not_waited_for(cache: Path) -> None:
    started = time.monotonic()
    with pytest.raises(UserError, match="not on this machine and the model hub does not answer; try again"):
        find_weights("small", download=True)
    assert time.monotonic() - started < 10


def test_weights_that_cannot_be_fetched_are_said_so(cache: Path, broken_hub: list[str]) -> None:
    with pytest.raises(
        UserError, match=f"The weights of {SIZES['small']} could not be fetched whole.*; try again"
    ) as absent:
        find_weights("small", download=True)
    assert "Errno" not in str(absent.value)
    assert broken_hub == [SIZES["small"]]


def test_a_directory_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match=r"it lacks model\.bin and tokenizer\.json"):
        find_weights(str(tmp_path), download=False)


IMPORTED = """
import sys
from emotrack.stream.transcription.open import open_transcriber
from emotrack.stream.settings import TranscriptionSettings
assert open_transcriber(TranscriptionSettings(model="small"), lambda sentence: None) is None
print(*sys.modules)
"""


def test_without_weights_neither_whisper_nor_the_hubs_client_is_imported(tmp_path: Path) -> None:
    environment = {**os.environ, "HF_HOME": str(tmp_path)}
    environment.pop("HF_HUB_CACHE", None)
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=True, env=environment
    )
    costly = {"ctranslate2", "faster_whisper", "torch", "huggingface_hub.hf_api", "httpx", "av"}
    assert costly.isdisjoint(done.stdout.split())
