"""Whose face it is: cut out as facenet-pytorch does, and described by its network, whose weights are fetched
where somebody asks for that."""

import os
from pathlib import Path

import numpy as np
from PIL import Image

from emotrack.engines.contract.definition import Definition
from emotrack.engines.contract.engine import EngineDescription, RunnableEngine, run_in_parts
from emotrack.engines.contract.spec import Arrays, Port, Sizes, Spec, batch_axis
from emotrack.engines.running.pool import EnginePool
from emotrack.errors import UserError, first_line
from emotrack.files import file_digest
from emotrack.notify import Notify

EMBEDDING = 512
SIDE = 160
"""Pixels along a side of the crop."""
ADDRESS = "https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/20180402-114759-vggface2.pt"
"""Of the published weights (MIT; trained on VGGFace2, which is for research)."""
_BATCH = batch_axis(4)


class IdentityEncoder:
    """Describes whose face it is; safe to use from several threads."""

    name = "InceptionResnetV1"

    def __init__(self, engine: RunnableEngine, weights: str) -> None:
        """`engine`: of `identity_spec`; `weights`: what tells these from others."""
        self._engine = engine
        self.weights = weights

    @property
    def engines(self) -> tuple[EngineDescription, ...]:
        """What runs it."""
        return (self._engine.info,)

    def embed(self, image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """The faces in `boxes` float32 [k, 4] of `image` (uint8 [height, width, 3], RGB) as vectors of length
        1, float32 [k, EMBEDDING]; k may be 0."""
        if not len(boxes):
            return np.zeros((0, EMBEDDING), np.float32)
        crops = np.stack([_crop(image, box) for box in boxes])
        return run_in_parts(self._engine, "crops", crops, _BATCH.maximum)["embeddings"]


def identity_spec(weights: Path) -> Spec:
    """The network in a file of facenet-pytorch's."""
    return Spec(
        name="identity",
        inputs=(Port("crops", "uint8", (_BATCH, SIDE, SIDE, 3)),),
        outputs=(Port("embeddings", "float32", (_BATCH, EMBEDDING)),),
        definition=Definition(
            "emotrack.engines.networks.identity", {"weights": weights}, packages=("facenet-pytorch",)
        ),
        samples=_samples,
    )


def find_identity(named: Path | None, notify: Notify, *, download: bool = False) -> Path:
    """Where the weights are that know faces: the file that the user `named`, or the published ones;
    `download`: fetch these where they are not there.

    Raises `UserError` where they are not, or cannot be fetched.
    """
    path = named or _torch_home() / "checkpoints" / ADDRESS.rpartition("/")[2]
    if path.is_file():
        return path
    if named is not None:
        raise UserError(f"There are no weights at {path}; give the path of facenet-pytorch's .pt file.")
    if not download:
        raise UserError(
            f"The weights that know faces are not at {path}: `emotrack enroll NAME --face PICTURE "
            "--download` fetches them (107 MB), or engines.face_identity=FILE names others."
        )
    notify(f"fetching {ADDRESS} (107 MB) …")
    _fetch(path)
    return path


def open_identity(
    pool: EnginePool, named: Path | None, notify: Notify, *, download: bool = False
) -> IdentityEncoder:
    """Raises what `find_identity` raises, and `UserError` where the file holds something else, or an engine
    pack is to run all."""
    if pool.pack is not None:
        raise UserError(
            f"The engine pack {pool.pack.folder} has no network that knows faces: run without it."
        )
    weights = find_identity(named, notify, download=download)
    return IdentityEncoder(pool.engine(identity_spec(weights)), file_digest(weights)[:16])


def _torch_home() -> Path:
    """Where torch keeps what it has fetched, by its own rules, without importing it."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.environ.get("TORCH_HOME", f"{cache}/torch")).expanduser()


def _fetch(path: Path) -> None:
    from torch.hub import download_url_to_file

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        download_url_to_file(ADDRESS, str(path))  # whole or not at all; shows its progress on stderr
    except OSError as error:  # what urllib raises, too
        raise UserError(
            f"{ADDRESS} cannot be fetched ({first_line(error)}): try again where there is a network, or put "
            f"the file at {path}."
        ) from error


def _crop(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """What lies in the box: uint8 [SIDE, SIDE, 3]; black past the picture's borders."""
    left, top, right, bottom = (int(edge) for edge in box)
    cut = Image.fromarray(image).crop((left, top, max(right, left + 1), max(bottom, top + 1)))
    return np.asarray(cut.resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def _samples(sizes: Sizes, random: np.random.Generator) -> list[Arrays]:
    shape = (sizes["batch"], SIDE, SIDE, 3)
    noise = random.integers(0, 256, shape, dtype=np.uint8)
    patches = random.integers(0, 256, (sizes["batch"], 10, 10, 3), dtype=np.uint8)
    scene = patches.repeat(16, axis=1).repeat(16, axis=2)
    return [{"crops": crops} for crops in (scene, scene // 2 + noise // 2, np.zeros(shape, np.uint8))]
