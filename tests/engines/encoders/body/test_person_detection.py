"""Persons found by our own steps around a network: the same boxes as ultralytics', from either kind of
file."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from PIL import Image

from emotrack.engines.backends.backend import ENGINE_FILE
from emotrack.engines.backends.eager import Eager
from emotrack.engines.backends.onnx_cpu import OnnxCpu
from emotrack.engines.encoders.body.bodies import PersonDetector, PersonFinder, person_network, person_spec
from emotrack.engines.networks.yolo import STRIDES, STRIP
from emotrack.errors import UserError
from helpers.networks.engines import Shelf

pytestmark = pytest.mark.xdist_group("yolo")  # one worker makes and compiles the networks for all of them
Opener = Callable[[Path], PersonFinder]


@pytest.fixture(scope="session")
def opened(engines: Path) -> Opener:
    known: dict[Path, PersonFinder] = {}

    def network(weights: Path) -> PersonFinder:
        if weights not in known:
            known[weights] = open_network(weights, engines)
        return known[weights]

    return network


def open_network(weights: Path, folder: Path) -> PersonFinder:
    return person_network(Shelf(folder).load(person_spec(weights), OnnxCpu(1)), weights)


def theirs(weights: Path, image: np.ndarray, probability: float) -> tuple[np.ndarray, np.ndarray]:
    """What ultralytics finds by itself."""
    ultralytics = pytest.importorskip("ultralytics")
    (result,) = ultralytics.YOLO(weights, task="detect", verbose=False).predict(
        np.ascontiguousarray(image[..., ::-1]),
        classes=[0],
        conf=probability,
        device="cpu",
        verbose=False,
        save=False,
    )
    return result.boxes.xyxy.numpy(), result.boxes.conf.numpy()


def assert_same(
    found: tuple[np.ndarray, np.ndarray], expected: tuple[np.ndarray, np.ndarray], pixels: float
) -> None:
    """As many boxes, each with its like, and as probable."""
    assert len(found[0]) == len(expected[0]) > 0
    away = np.abs(found[0][:, None] - expected[0]).max(-1)
    assert away.min(0).max() <= pixels and away.min(1).max() <= pixels
    np.testing.assert_allclose(found[1], expected[1], atol=0.02)


@pytest.mark.parametrize("size", [(640, 384), (640, 640)])
@pytest.mark.parametrize("kind", ["random_yolo", "exported_yolo"])
def test_the_boxes_are_those_of_ultralytics(
    kind: str, size: tuple[int, int], opened: Opener, astronaut: np.ndarray, request: pytest.FixtureRequest
) -> None:
    weights: Path = request.getfixturevalue(kind)
    image = np.asarray(Image.fromarray(astronaut).resize(size))
    found = PersonDetector(opened(weights), probability=0.3).boxes(image)
    assert_same(found, theirs(weights, image, 0.3), 0.05)


def test_both_kinds_of_file_give_the_same_answers(
    random_yolo: Path, exported_yolo: Path, opened: Opener, astronaut: np.ndarray
) -> None:
    image = np.asarray(Image.fromarray(astronaut).resize((640, 640)))
    found = [
        PersonDetector(opened(weights), probability=0.3).boxes(image)
        for weights in (random_yolo, exported_yolo)
    ]
    assert_same(found[0], found[1], 0.05)


@pytest.mark.parametrize("height", [384, 512, 640])
def test_every_anchor_answers_as_in_ultralytics_own_last_layer(
    height: int, random_yolo: Path, opened: Opener
) -> None:
    from ultralytics.models import YOLO

    patches = np.random.default_rng(0).integers(0, 256, (height // 32, 20, 3), dtype=np.uint8)
    picture = patches.repeat(32, axis=0).repeat(32, axis=1)
    network = YOLO(random_yolo, verbose=False).model
    assert isinstance(network, torch.nn.Module)
    with torch.no_grad():
        (expected,), _ = network.float().eval()(torch.from_numpy(picture).permute(2, 0, 1)[None] / 255)
    boxes, probabilities = opened(random_yolo).find(picture)
    found = np.concatenate([(boxes[:2] + boxes[2:]) / 2, boxes[2:] - boxes[:2], probabilities])
    levels = expected.split([(height // stride) * (640 // stride) for stride in STRIDES], 1)
    in_strips = torch.cat([level.unflatten(1, (height // STRIP, -1)) for level in levels], 2).flatten(1)
    np.testing.assert_allclose(found, in_strips, atol=1e-2, rtol=1e-4)


def test_the_same_picture_gives_the_same_boxes_however_often_and_wherever_it_lies(
    random_yolo: Path, opened: Opener
) -> None:
    detector = PersonDetector(opened(random_yolo), probability=0.3)
    image = (
        np.random.default_rng(0)
        .integers(0, 256, (9, 16, 3), dtype=np.uint8)
        .repeat(60, axis=0)
        .repeat(60, axis=1)
    )
    first, again = detector.boxes(image), detector.boxes(image[:, ::-1][:, ::-1])
    assert np.array_equal(first[0], again[0]) and np.array_equal(first[1], again[1])
    assert (first[0] >= 0).all() and (first[0] <= [960, 540, 960, 540]).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (640, 48)])
def test_any_picture_is_looked_at(shape: tuple[int, int], random_yolo: Path, opened: Opener) -> None:
    boxes, probabilities = PersonDetector(opened(random_yolo)).boxes(np.zeros((*shape, 3), np.uint8))
    assert boxes.shape == (len(probabilities), 4) and boxes.dtype == np.float32
    assert np.isfinite(boxes).all() and (probabilities > 0.5).all()


def test_who_is_more_likely_something_else_is_no_person() -> None:
    boxes = np.array([[10, 10, 50, 90], [200, 10, 250, 90]], np.float32).T
    classes = np.zeros((80, 2), np.float32)
    classes[0] = 0.6, 0.7
    classes[15, 1] = 0.8
    found, probabilities = PersonDetector(Given(boxes, classes)).boxes(np.zeros((640, 640, 3), np.uint8))
    assert found.tolist() == [[10, 10, 50, 90]] and probabilities == pytest.approx([0.6])


class Given:
    """A network that always gives the same."""

    heights: tuple[int, ...] = (640,)

    def __init__(self, boxes: np.ndarray, classes: np.ndarray) -> None:
        self.found = boxes, classes

    def find(self, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.found


def test_the_trained_network_finds_persons_where_ultralytics_does(
    trained_yolo: Path, reference_data: Path, opened: Opener
) -> None:
    detector = PersonDetector(opened(trained_yolo))
    with av.open(str(reference_data / "clips" / "interview_two_people.mp4")) as clip:
        frames = [frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0)][::200]
    for frame in frames:
        assert_same(detector.boxes(frame), theirs(trained_yolo, frame, 0.5), 2.0)


def test_an_onnx_file_is_run_as_it_is(exported_yolo: Path, opened: Opener, engines: Path) -> None:
    opened(exported_yolo)
    assert exported_yolo.read_bytes() in [file.read_bytes() for file in engines.glob(f"*/{ENGINE_FILE}")]


def test_only_onnx_runtime_runs_an_onnx_file(exported_yolo: Path, engines: Path) -> None:
    with pytest.raises(UserError, match="eager-cpu: the network is given as ONNX"):
        Shelf(engines).load(person_spec(exported_yolo), Eager("cpu"))


@pytest.mark.parametrize("kind", ["random_yolo", "exported_yolo"])
def test_an_engine_that_is_kept_needs_neither_torch_nor_ultralytics(
    kind: str, opened: Opener, engines: Path, request: pytest.FixtureRequest
) -> None:
    weights: Path = request.getfixturevalue(kind)
    opened(weights)
    code = f"""
import sys
import numpy as np
from pathlib import Path
from emotrack.engines.encoders.body.bodies import open_body
from emotrack.engines.running.pool import EnginePool
from emotrack.engines.settings import EngineSettings
settings = EngineSettings(backend="onnx-cpu", cache=Path({str(engines)!r}))
open_body(EnginePool(settings, print), Path({str(weights)!r})).describe(np.zeros((90, 160, 3), np.uint8), [])
print(sorted({{"torch", "ultralytics", "torchvision", "cv2"}} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("name", "content"), [("a.pt", b"hello"), ("a.pt", b""), ("a.onnx", b""), ("b.onnx", bytes(range(256)))]
)
def test_a_damaged_file_is_one_sentence(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(
        UserError, match=r"^\S+ is not a YOLO detection network of COCO's classes.*: give the path of one\.$"
    ):
        open_network(tmp_path / name, tmp_path / "engines")


@pytest.mark.parametrize(
    ("taken", "given", "output"),
    [
        ([1, 3, 320, 320], [1, 3, 320, 320], "output0"),
        ([1, 3, 640, 640], [1, 3, 640, 640], "output0"),
        ([1, 3, 640, 640], [1, 3, 640, 640], "other"),
    ],
)
def test_an_onnx_file_of_another_network_is_one_sentence(
    taken: list[int], given: list[int], output: str, tmp_path: Path
) -> None:
    graph = helper.make_graph(
        [helper.make_node("Identity", ["images"], [output])],
        "other",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, taken)],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, given)],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9),
        tmp_path / "other.onnx",
    )
    with pytest.raises(
        UserError,
        match=r"other\.onnx is not a YOLO detection network of COCO's classes that takes one picture",
    ):
        open_network(tmp_path / "other.onnx", tmp_path / "engines")
    assert not any(path.is_dir() for path in (tmp_path / "engines").iterdir())


@pytest.mark.parametrize("model", ["yolov8n-cls", "yolov8n-seg", "yolov8n-p6"])
def test_a_pt_file_of_another_network_is_one_sentence(model: str, tmp_path: Path) -> None:
    pytest.importorskip("ultralytics").YOLO(f"{model}.yaml").save(tmp_path / "other.pt")
    with pytest.raises(UserError, match=r"other\.pt is not a YOLO detection network of COCO's classes"):
        open_network(tmp_path / "other.pt", tmp_path / "engines")


@pytest.mark.parametrize("name", ["missing.pt", "folder.pt", "weights.txt"])
def test_no_file_is_one_sentence(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder.pt").mkdir()
    (tmp_path / "weights.txt").touch()
    with pytest.raises(UserError, match="There are no YOLO weights at"):
        person_spec(tmp_path / name)


def test_a_pt_file_without_ultralytics_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ultralytics", None)
    (tmp_path / "a.pt").touch()
    with pytest.raises(
        UserError, match=r"pip install 'emotrack\[body\]' brings it, or give an \.onnx file\.$"
    ):
        open_network(tmp_path / "a.pt", tmp_path / "engines")
