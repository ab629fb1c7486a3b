"""Whose a face is: by facenet-pytorch's own network, in the format of its weights, wherever these are."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from facenet_pytorch.models.inception_resnet_v1 import InceptionResnetV1
from PIL import Image

from emotrack.engines.encoders.face import identity
from emotrack.engines.encoders.face.identity import EMBEDDING, SIDE, find_identity, open_identity
from emotrack.engines.networks.identity import network
from emotrack.errors import UserError
from helpers.networks.engines import pool
from helpers.stand_ins.identities import write_identity

pytestmark = pytest.mark.xdist_group("identity")  # one worker makes and compiles the network for all of them
BOX = np.array([160, 60, 290, 220], np.float32)


def unheard(sentence: str) -> None:
    """Nobody listens."""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_identity(tmp_path_factory.mktemp("identity") / "random.pt")


@pytest.fixture(scope="module")
def faces(weights: Path) -> identity.IdentityEncoder:
    return open_identity(pool("onnx-cpu"), weights, unheard)


def test_it_describes_as_facenet_pytorch_does(
    faces: identity.IdentityEncoder, weights: Path, astronaut: np.ndarray
) -> None:
    theirs = InceptionResnetV1().eval()
    theirs.load_state_dict(
        {name: value for name, value in torch.load(weights).items() if not name.startswith("logits.")}
    )
    crop = (
        Image.fromarray(astronaut)
        .crop(tuple(BOX.astype(int)))
        .resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    )
    pixels = (torch.from_numpy(np.array(crop)).permute(2, 0, 1)[None].float() - 127.5) / 128
    with torch.inference_mode():
        expected = theirs(pixels).numpy()
    found = faces.embed(astronaut, BOX[None])
    assert np.abs(found - expected).max() < 1e-4
    assert np.linalg.norm(found, axis=1) == pytest.approx([1.0], abs=1e-4)


def test_each_face_is_described_alone(faces: identity.IdentityEncoder, astronaut: np.ndarray) -> None:
    boxes = np.stack([BOX, BOX + 30, BOX - 200, BOX + 400, np.array([5, 5, 5, 5], np.float32)])
    together = faces.embed(astronaut, boxes)
    alone = np.concatenate([faces.embed(astronaut, box[None]) for box in boxes])
    assert np.isfinite(together).all() and np.abs(together - alone).max() < 1e-4
    assert faces.embed(astronaut, boxes[:0]).shape == (0, EMBEDDING)


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04"])
def test_a_file_of_something_else_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "faces.pt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"faces\.pt is not facenet-pytorch's network that knows faces: "):
        network(path)


def test_other_weights_are_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "faces.pt"
    torch.save({"conv.weight": torch.zeros(3)}, path)
    with pytest.raises(UserError, match="is not facenet-pytorch's network that knows faces"):
        network(path)


def test_missing_weights_are_told_with_what_fetches_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(
        UserError, match=r"are not at .*vggface2\.pt: `emotrack enroll .* --download` fetches them"
    ):
        find_identity(None, unheard)
    with pytest.raises(UserError, match=r"no weights at .*gone\.pt; give the path"):
        find_identity(tmp_path / "gone.pt", unheard, download=True)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of a folder's files, on this machine."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_weights_are_fetched_once_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "faces.pt").write_bytes(b"weights")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    told: list[str] = []
    with serving(tmp_path / "hub") as address:
        monkeypatch.setattr(identity, "ADDRESS", f"{address}/faces.pt")
        path = find_identity(None, told.append, download=True)
    assert path == tmp_path / "torch" / "checkpoints" / "faces.pt" and path.read_bytes() == b"weights"
    assert told == [f"fetching {identity.ADDRESS} (107 MB) …"]
    assert find_identity(None, told.append, download=True) == path and len(told) == 1


def test_weights_that_cannot_be_fetched_are_one_sentence_and_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    (tmp_path / "hub").mkdir()
    with serving(tmp_path / "hub") as address:
        monkeypatch.setattr(identity, "ADDRESS", f"{address}/faces.pt")
        with pytest.raises(
            UserError, match=r"cannot be fetched \(HTTP Error 404.*\): try again .* put the file at "
        ):
            find_identity(None, unheard, download=True)
    assert not [*(tmp_path / "torch" / "checkpoints").iterdir()]


def test_what_an_engine_pack_lacks_is_told(weights: Path) -> None:
    packed: Any = SimpleNamespace(pack=SimpleNamespace(folder="packed"))
    with pytest.raises(
        UserError, match=r"^The engine pack packed has no network that knows faces: run without it"
    ):
        open_identity(packed, weights, unheard)
