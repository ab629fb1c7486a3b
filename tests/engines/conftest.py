"""Encoders and pictures that several tests share; each network is loaded once a process."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from torch import nn

from emotrack.engines.catalogue import catalogue
from emotrack.engines.contract.spec import Spec
from emotrack.engines.encoders.face.detection import FaceDetector, open_face_detector
from emotrack.engines.encoders.text.encoder import TextEncoder
from emotrack.engines.running.pool import EnginePool
from emotrack.engines.settings import EngineSettings
from emotrack.model.bundle import load_bundle
from helpers.networks import tiny_network
from helpers.networks.engines import Shelf, pool


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """A portrait, uint8 [512, 512, 3]; the face lies around x 175 to 275, y 70 to 200."""
    return np.asarray(skimage.data.astronaut())


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the small network."""
    return tiny_network.save(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


@pytest.fixture(scope="session")
def spec(weights: Path) -> Spec:
    """A network that compiles in a second."""
    return tiny_network.spec(weights)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "engines")


@pytest.fixture(scope="session")
def live() -> dict[str, Spec]:
    """Every network of the profile that works everywhere, by name."""
    found = catalogue(EngineSettings(device="cpu"), load_bundle(), lambda _: None)
    return {one.name: one for one in found.networks}


@pytest.fixture(scope="session")
def face_engines() -> EnginePool:
    """Compiled engines, as the live path has them."""
    return pool("onnx-cpu")


@pytest.fixture(scope="session")
def detector(face_engines: EnginePool) -> FaceDetector:
    return open_face_detector(face_engines)


@pytest.fixture(scope="session")
def text_encoder() -> TextEncoder:
    return TextEncoder(pool())


@pytest.fixture(scope="session")
def random_yolo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained YOLO network in the format of the trained ones, which sees several persons in any
    picture."""
    folder = tmp_path_factory.mktemp("yolo")
    os.environ.setdefault("YOLO_CONFIG_DIR", str(folder))
    os.environ.setdefault("YOLO_OFFLINE", "true")
    ultralytics = pytest.importorskip("ultralytics")
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        yolo = ultralytics.YOLO("yolov8n.yaml", task="detect")
        network = yolo.model.train()
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.momentum = 1.0
        # One look at patches of colour, so that what each layer gives is normalised as in a trained one.
        network(torch.rand(1, 3, 20, 20).repeat_interleave(32, 2).repeat_interleave(32, 3))
        head = network.model[-1]
        for branch in (*head.cv2, *head.cv3):
            nn.init.normal_(branch[-1].weight, std=0.02)
            nn.init.zeros_(branch[-1].bias)
    yolo.save(folder / "random.pt")
    return folder / "random.pt"


@pytest.fixture(scope="session")
def engines(random_yolo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of engines in which that network is compiled, beside the home and work folders of the process
    that did it."""
    folder = tmp_path_factory.mktemp("built")
    for name in ("home", "work"):
        (folder / name).mkdir()
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from emotrack.engines.encoders.body.bodies import open_body\n"
        "from helpers.networks.engines import pool\n"
        "open_body(pool('onnx-cpu', Path(sys.argv[1])), Path(sys.argv[2]))\n"
    )
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("YOLO_", "XDG_"))
    }
    environment |= {"HOME": str(folder / "home"), "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder / "engines"), str(random_yolo)],
        cwd=folder / "work",
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == ""
    return folder / "engines"


@pytest.fixture(scope="session")
def exported_yolo(random_yolo: Path) -> Path:
    """The same network as ultralytics exports it."""
    from ultralytics.models import YOLO

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Path(YOLO(random_yolo, verbose=False).export(format="onnx", simplify=False, verbose=False))


@pytest.fixture(scope="session")
def trained_yolo(reference_data: Path) -> Path:
    return reference_data.parent / "weights" / "yolov8n_dynq_int8.onnx"
