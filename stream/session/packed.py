"""Values of declared types as bytes that vouch for themselves: what is saved to be gone on with is read back
as just those types, or refused in one sentence.

msgspec checks every field against its type while it decodes, and builds nothing but those types; arrays
travel as their kind, shape and bytes. In front stand a name, a version and a digest of all that follows."""

import hashlib
import os
from collections import deque
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from emotrack.errors import UserError
from emotrack.files import open_regular, owner_only

T = TypeVar("T")
LARGEST = 64 << 20
"""Bytes of a whole that is read."""
_ARRAY = 1
_KINDS = frozenset(["<f4", "<f8", "<i8", "|b1", "|u1"])
"""Of arrays."""


def pack(name: str, version: int, value: object) -> bytes:
    """The value, called `name`, as bytes."""
    data = msgspec.msgpack.encode(value, enc_hook=_encoded)
    return b"%s %d %s\n%s" % (name.encode(), version, hashlib.sha256(data).hexdigest().encode(), data)


def unpack(packed: bytes, name: str, version: int, kind: type[T]) -> T:
    """What was packed under this name and version; raises `UserError`, a sentence about “the saved `name`”,
    for anything else."""
    head, _, data = packed.partition(b"\n")
    given = head.decode(errors="replace").rpartition(" ")
    if given[0] != f"{name} {version}":
        known = given[0].startswith(f"{name} ")
        raise UserError(
            f"The saved {name} is {'of another version' if known else 'something else'}: begin a new one."
        )
    if given[2] != hashlib.sha256(data).hexdigest():
        raise UserError(f"The saved {name} is damaged: begin a new one.")
    decoder = msgspec.msgpack.Decoder(kind, dec_hook=_decoded, ext_hook=_array)
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise UserError(
            f"The saved {name} does not hold what it should ({_brief(error)}): begin a new one."
        ) from None


def write(path: Path, packed: bytes) -> None:
    """Let the file hold this, or what it held before, however this process ends; the content before stays
    beside it, for a disk that loses its power. Raises OSError."""
    fresh = path.with_name(path.name + ".new")
    with open(fresh, "wb", opener=owner_only) as file:
        file.write(packed)
    if path.exists():
        os.replace(path, before(path))
    os.replace(fresh, path)


def before(path: Path) -> Path:
    """Where the content before the newest is."""
    return path.with_name(path.name + ".before")


def read(path: Path, name: str, version: int, kind: type[T]) -> T | None:
    """The newest whole content of a file that `write` wrote; None where there is none at all. Raises
    `UserError` where there is none that can be read."""
    failure: UserError | None = None
    for each in (path, before(path)):
        try:
            with open_regular(each) as file:
                return unpack(file.read(LARGEST), name, version, kind)
        except FileNotFoundError:
            continue
        except OSError as error:
            failure = failure or UserError(f"The saved {name} in {path} cannot be read ({error.strerror}).")
        except UserError as error:
            failure = failure or error
    if failure is not None:
        raise failure
    return None


def _encoded(value: object) -> Any:
    match value:
        case np.ndarray():
            content = (value.dtype.str, value.shape, value.tobytes())
            return msgspec.msgpack.Ext(_ARRAY, msgspec.msgpack.encode(content))
        case np.generic():
            return value.item()
        case range():
            return [value.start, value.stop]
        case deque():
            return list(value)
    raise NotImplementedError(f"{type(value).__name__} cannot be packed")


def _decoded(kind: type, value: object) -> Any:
    if kind is np.ndarray and isinstance(value, msgspec.msgpack.Ext | np.ndarray):
        return value if isinstance(value, np.ndarray) else _array(value.code, memoryview(value.data))
    if kind is range:
        start, stop = msgspec.convert(value, tuple[int, int])
        return range(start, stop)
    raise ValueError(f"expected {kind.__name__}")


def _array(code: int, data: memoryview) -> Any:
    if code != _ARRAY:
        raise ValueError("it has data of an unknown kind")
    kind, shape, values = msgspec.msgpack.decode(data, type=tuple[str, tuple[int, ...], bytes])
    if kind not in _KINDS or min(shape, default=0) < 0:
        raise ValueError("it has an array of an unknown kind")
    return np.frombuffer(values, kind).reshape(shape).copy()


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:200].rstrip(".")
