"""Checkpoints give back what they were given, and whatever is wrong with one is refused in one sentence."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emotrack.errors import UserError
from emotrack.training.loop.loop import train
from emotrack.training.loop.task import load_checkpoint, save_checkpoint
from emotrack.training.settings import Optimisation
from helpers.learning.lesson import Lesson, Nobody, same


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "run" / "checkpoint.safetensors"
    train(Lesson(), Optimisation(epochs=1), path, Nobody())
    return path


def refused(path: Path, lesson: Lesson) -> str:
    before = path.read_bytes()
    with pytest.raises(UserError) as refusal:
        train(lesson, Optimisation(epochs=1), path, Nobody())
    sentence = str(refusal.value).replace(str(path.parents[1]), "")
    assert sentence.endswith(".") and ". " not in sentence and "\n" not in sentence
    assert path.read_bytes() == before, "what is refused is left as it is"
    return sentence


def test_a_run_of_other_data_or_settings_is_refused(checkpoint: Path) -> None:
    assert "other data or settings" in refused(checkpoint, Lesson(fingerprint="other data"))


def cut(content: bytes) -> bytes:
    return content[:-100]


def flipped(content: bytes) -> bytes:
    return content[:-40] + bytes([content[-40] ^ 4]) + content[-39:]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut": cut,
    "flipped": flipped,
    "empty": lambda content: b"",
    "text": lambda content: b"something else\n" * 100,
    "safetensors of something else": lambda content: safetensors.torch.save({"weight": torch.zeros(3)}),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_checkpoint_is_refused(checkpoint: Path, damage: str) -> None:
    checkpoint.write_bytes(DAMAGE[damage](checkpoint.read_bytes()))
    assert "delete it to train from the beginning" in refused(checkpoint, Lesson())


@settings(max_examples=60, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), cuts=st.booleans())
def test_no_flipped_bit_and_no_cut_goes_unseen(content: bytes, place: float, bit: int, cuts: bool) -> None:
    index = int(place * len(content))
    damaged = (
        content[:index]
        if cuts
        else content[:index] + bytes([content[index] ^ 1 << bit]) + content[index + 1 :]
    )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.safetensors"
        path.write_bytes(damaged)
        with pytest.raises(UserError, match="checkpoint"):
            load_checkpoint(path)


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A small checkpoint."""
    path = tmp_path_factory.mktemp("checkpoint") / "checkpoint.safetensors"
    save_checkpoint(
        path, {"network": {"weight": torch.arange(6.0), "count": torch.tensor(3)}}, {"progress": {"epoch": 2}}
    )
    return path.read_bytes()


def test_a_checkpoint_of_another_version_is_refused(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emotrack.training.loop.task.VERSION", 2)
    assert "another version" in refused(checkpoint, Lesson())


def test_a_checkpoint_gives_back_what_it_was_given(tmp_path: Path) -> None:
    shared = torch.arange(6.0).view(2, 3)
    tensors = {
        "network": {
            "weight/of one": shared,
            "the same": shared,
            "turned": shared.T,
            "count": torch.tensor(3),
        },
        "kept": {"half": torch.tensor([0.1], dtype=torch.bfloat16), "mask": torch.tensor([True, False])},
    }
    facts = {"rates": [0.1, 1e-300, float("inf")], "names": {"ä": None}}
    for _ in range(2):
        save_checkpoint(tmp_path / "deep" / "checkpoint.safetensors", tensors, facts)
    read, noted = load_checkpoint(tmp_path / "deep" / "checkpoint.safetensors")
    assert noted == facts
    assert read.keys() == tensors.keys()
    assert all(same(read[group], tensors[group]) for group in tensors)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["checkpoint.safetensors"]
