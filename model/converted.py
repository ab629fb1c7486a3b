"""Models in CTranslate2's files: Whisper's weights as faster-whisper and its packages carry them, read
without that library."""

import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from emotrack.errors import UserError

_VERSION = 6
_KINDS: dict[int, "np.dtype[Any]"] = {
    0: np.dtype(np.float32),
    1: np.dtype(np.int8),
    2: np.dtype(np.int16),
    3: np.dtype(np.int32),
    4: np.dtype(np.float16),
}
"""Numbers by their code in the file (CTranslate2's `DataType`), little-endian as everything in it."""


def read_converted(path: Path, prefix: str) -> dict[str, np.ndarray]:
    """The variables of a model.bin whose names begin with `prefix`, by the rest of their names.

    Floating-point ones are float32, the others as they are; weights in eight bits are not scaled. Raises
    `UserError` where the file cannot be read or is none of CTranslate2's.
    """
    try:
        with path.open("rb") as file:
            version = _number(file, "<I")
            if version != _VERSION:
                raise ValueError(f"its version is {version}")
            _text(file)
            _number(file, "<I")
            return {
                name.removeprefix(prefix): _values(file, *place)
                for name, place in _places(file).items()
                if name.startswith(prefix)
            }
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}): install the package that carries it again."
        ) from None
    except (ValueError, KeyError, struct.error) as error:
        raise UserError(
            f"{path} is no model of CTranslate2's version {_VERSION} ({error}): install its package again."
        ) from None


def _places(file: BinaryIO) -> dict[str, tuple[list[int], np.dtype, int, int]]:
    """Shape, kind, first byte and bytes of every variable; of those that are alike only one is in the
    file."""
    found: dict[str, tuple[list[int], np.dtype, int, int]] = {}
    for _ in range(_number(file, "<I")):
        name = _text(file)
        shape = [_number(file, "<I") for _ in range(_number(file, "<B"))]
        kind, size = _KINDS[_number(file, "<B")], _number(file, "<I")
        found[name] = shape, kind, file.tell(), size
        file.seek(size, 1)
    for _ in range(_number(file, "<I")):
        alias = _text(file)
        found[alias] = found[_text(file)]
    return found


def _values(file: BinaryIO, shape: list[int], kind: np.dtype, first: int, size: int) -> np.ndarray:
    file.seek(first)
    values = np.frombuffer(file.read(size), kind).reshape(shape)
    return values.astype(np.float32) if values.dtype.kind == "f" else values


def _number(file: BinaryIO, form: str) -> int:
    return int(struct.unpack(form, file.read(struct.calcsize(form)))[0])


def _text(file: BinaryIO) -> str:
    """A name: its length with the closing zero, then its bytes."""
    return file.read(_number(file, "<H"))[:-1].decode()
