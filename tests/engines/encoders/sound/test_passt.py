"""PaSST with random weights: its front end against the package's own, shapes, silence, and missing parts."""

import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import torch

from emotrack.engines.encoders.sound.passt import PasstEncoder, log_mel
from emotrack.engines.encoders.sound.segments import SegmentRule
from emotrack.engines.networks.passt import network
from emotrack.errors import UserError
from helpers.networks.engines import pool

SEGMENT = 64_000


@pytest.fixture(scope="module")
def passt() -> PasstEncoder:
    pytest.importorskip("hear21passt")
    torch.manual_seed(0)
    with redirect_stdout(StringIO()) as printed:
        encoder = PasstEncoder(pool(), None)
    assert printed.getvalue() == "", "standard output belongs to data"
    return encoder


def test_front_end_equals_the_packages_in_evaluation_mode() -> None:
    preprocess = pytest.importorskip("hear21passt.models.preprocess")
    theirs = preprocess.AugmentMelSTFT(
        n_mels=128,
        sr=32_000,
        win_length=800,
        hopsize=320,
        n_fft=1024,
        fmin=0.0,
        fmax=15_000,
        fmin_aug_range=10,
        fmax_aug_range=2000,
    ).eval()
    sound = torch.from_numpy(np.random.default_rng(0).normal(0, 0.1, (2, SEGMENT)).astype(np.float32))
    np.testing.assert_allclose(log_mel(sound.numpy()), theirs(sound).numpy(), atol=1e-4, rtol=1e-4)


def test_a_batch_equals_its_rows_and_repeats(passt: PasstEncoder) -> None:
    sound = np.random.default_rng(1).normal(0, 0.1, (2, SEGMENT)).astype(np.float32)
    together = passt.encode(sound)
    assert together.shape == (2, passt.dim) and together.dtype == np.float32
    assert np.array_equal(together, passt.encode(sound))
    np.testing.assert_allclose(together[1:], passt.encode(sound[1:]), atol=1e-4)


def test_silence_is_finite_and_no_segments_give_none(passt: PasstEncoder) -> None:
    assert np.isfinite(passt.encode(np.zeros((1, SEGMENT), np.float32))).all()
    assert passt.encode(np.zeros((0, SEGMENT), np.float32)).shape == (0, passt.dim)
    assert SegmentRule.of(passt).window == SEGMENT


def test_a_checkpoint_is_read(tmp_path: Path) -> None:
    pytest.importorskip("hear21passt")
    random = network(None, 200).passt.state_dict()
    state = {name: torch.full((), 0.01).expand(tensor.shape) for name, tensor in random.items()}
    torch.save(state, tmp_path / "passt.pt")
    read = network(tmp_path / "passt.pt", 200).passt.state_dict()
    assert read.keys() == state.keys()
    assert all(bool((tensor == 0.01).all()) for tensor in read.values())


def test_missing_or_wrong_weights_are_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("hear21passt")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(UserError, match="curl -L"):
        PasstEncoder(pool())
    with pytest.raises(UserError, match="no PaSST weights at"):
        PasstEncoder(pool(), tmp_path / "none.pt")
    (tmp_path / "text.pt").write_text("hello")
    (tmp_path / "empty.pt").touch()
    torch.save({"other": torch.zeros(1)}, tmp_path / "other.pt")
    for name in ("text.pt", "empty.pt", "other.pt"):
        with pytest.raises(UserError, match="does not hold PaSST's weights"):
            PasstEncoder(pool(), tmp_path / name)


def test_without_the_package_the_fix_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hear21passt.models.passt", None)
    with pytest.raises(UserError, match=r"pip install 'emotrack\[passt\]'"):
        PasstEncoder(pool(cache=tmp_path), None)
