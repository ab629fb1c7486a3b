"""Encoders and pictures that several tests share; each network is loaded once a process."""

import os
from pathlib import Path

import numpy as np
import pytest
import skimage.data

from emotrack.engines.face_detection import FaceDetector
from emotrack.engines.text import TextEncoder


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """A portrait, uint8 [512, 512, 3]; the face lies around x 175 to 275, y 70 to 200."""
    return np.asarray(skimage.data.astronaut())


@pytest.fixture(scope="session")
def detector() -> FaceDetector:
    return FaceDetector()


@pytest.fixture(scope="session")
def text_encoder() -> TextEncoder:
    return TextEncoder()


@pytest.fixture(scope="session")
def random_yolo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained YOLO network in the format of the trained ones."""
    folder = tmp_path_factory.mktemp("yolo")
    os.environ.setdefault("YOLO_CONFIG_DIR", str(folder))
    os.environ.setdefault("YOLO_OFFLINE", "true")
    from ultralytics import YOLO

    YOLO("yolov8n.yaml", task="detect").save(folder / "random.pt")
    return folder / "random.pt"


@pytest.fixture(scope="session")
def trained_yolo(reference_data: Path) -> Path:
    return reference_data.parent / "weights" / "yolov8n_dynq_int8.onnx"
