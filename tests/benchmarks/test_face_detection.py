"""Faces found and followed with our engines, against facenet-pytorch's own code on the same picture; a
processor thread each."""

from collections.abc import Iterator

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture

from emotrack.engines.encoders.face.detection import DetectedFace, FaceDetector, open_face_detector
from emotrack.engines.running.selftest import in_turns
from helpers.networks.engines import pool
from helpers.networks.facenet import Facenet


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> FaceDetector:
    return open_face_detector(pool("onnx-cpu", tmp_path_factory.mktemp("engines")))


@pytest.fixture(scope="module")
def facenet() -> Iterator[Facenet]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield Facenet()
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """640 x 480 pixels of a portrait, continued at both sides by what it mirrors."""
    portrait = Image.fromarray(skimage.data.astronaut()).resize((480, 480))
    return np.pad(np.asarray(portrait), ((0, 0), (80, 80), (0, 0)), mode="reflect")


def furthest(found: list[DetectedFace], expected: list[DetectedFace]) -> float:
    """The greatest distance between edges of the same faces, in pixels."""
    return max(float(np.abs(one.box - other.box).max()) for one, other in zip(found, expected, strict=True))


def test_faces_found(
    benchmark: BenchmarkFixture, detector: FaceDetector, facenet: Facenet, picture: np.ndarray
) -> None:
    """Goal: at least twice as quick as facenet-pytorch, the same boxes within a pixel."""
    found = benchmark.pedantic(detector.detect, (picture,), rounds=10, warmup_rounds=2)
    expected = facenet.detect(picture)
    ours, theirs = (
        pace.median for pace in in_turns([lambda: detector.detect(picture), lambda: facenet.detect(picture)])
    )
    assert furthest(found, expected) < 1
    benchmark.extra_info["faces"] = len(found)
    benchmark.extra_info["boxes apart, pixels"] = round(furthest(found, expected), 5)
    benchmark.extra_info["facenet-pytorch, ms"] = round(theirs, 1)
    benchmark.extra_info["our engines, ms"] = round(ours, 1)
    benchmark.extra_info["times as quick"] = round(theirs / ours, 2)


def test_faces_followed(
    benchmark: BenchmarkFixture, detector: FaceDetector, facenet: Facenet, picture: np.ndarray
) -> None:
    """What is done with most pictures: O-net alone, where the face was."""
    faces = facenet.detect(picture)
    later = np.roll(picture, 3, axis=1)
    found = benchmark.pedantic(detector.follow, (later, faces), rounds=10, warmup_rounds=2)
    ours, theirs = (
        pace.median
        for pace in in_turns([lambda: detector.follow(later, faces), lambda: facenet.follow(later, faces)])
    )
    assert furthest(found, facenet.follow(later, faces)) < 1
    benchmark.extra_info["by torch, ms"] = round(theirs, 2)
    benchmark.extra_info["our engine, ms"] = round(ours, 2)
    benchmark.extra_info["times as quick"] = round(theirs / ours, 2)
