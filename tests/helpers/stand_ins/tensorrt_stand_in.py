"""An inert stand-in for the module `tensorrt`: enough of it for torch-tensorrt to be imported, and nothing
that computes.

With it torch-tensorrt's own decompositions, lowering, converter registry and partitioner run on a machine
without a GPU, and say what they would convert. What TensorRT would make of that is not known here.
"""

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any
from unittest.mock import patch

import pytest


@contextlib.contextmanager
def torch_tensorrt_imported() -> Iterator[None]:
    """`torch_tensorrt` can be imported and asked inside; skips the test where its wheel is not installed.

    Where TensorRT and a GPU are there, they are used. A stand-in is taken away again; torch-tensorrt, which
    can be imported only once in a process, keeps it.
    """
    import torch

    if find_spec("torch_tensorrt") is None or find_spec("dllist") is None:
        pytest.skip("the wheel of torch-tensorrt is not installed")
    with contextlib.ExitStack() as stack:
        if not torch.cuda.is_available():
            stack.enter_context(patch("torch.cuda.current_device", lambda: 0))
            stack.enter_context(patch("torch.cuda.get_device_capability", lambda *_: (9, 0)))
        if find_spec("tensorrt") is None:
            stack.enter_context(_stand_in())
        with _in_silence():
            import torch_tensorrt  # noqa: F401
        yield


@contextlib.contextmanager
def _stand_in() -> Iterator[None]:
    real = os.path.isfile
    for name in ("tensorrt", "tensorrt.tensorrt"):
        sys.modules[name] = _TENSORRT
    # Its own libraries are linked to those of TensorRT, and not needed for what is asked here.
    try:
        with patch("os.path.isfile", lambda path: "libtorchtrt" not in str(path) and real(path)):
            yield
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "tensorrt"]:
            del sys.modules[name]


@contextlib.contextmanager
def _in_silence() -> Iterator[None]:
    """What it says of parts that are missing when it is imported is no news here, and it redirects Python's
    warnings."""
    quiet = logging.NullHandler()
    logging.getLogger().addHandler(quiet)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.getLogger().removeHandler(quiet)
        logging.captureWarnings(False)


class _AnyAttribute(type):
    """A class has an attribute of every name: a class of that name, always the same one, which is zero as a
    number."""

    def __getattr__(cls, name: str) -> Any:
        return _made(cls, name)

    def __int__(cls) -> int:
        return 0


class _Inert(metaclass=_AnyAttribute):
    def __init__(self, *arguments: object, **more: object) -> None:
        pass


class _Module(ModuleType):
    __version__: str

    def __getattr__(self, name: str) -> Any:
        if name == "tensorrt_rtx":  # the edition for consumers' GPUs, which torch-tensorrt would prefer
            raise AttributeError(name)
        return self if name == "tensorrt" else _made(self, name)


def _made(owner: Any, name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    made = _AnyAttribute(name, (_Inert,), {})
    setattr(owner, name, made)
    return made


_TENSORRT = _Module("tensorrt")
_TENSORRT.__spec__ = ModuleSpec("tensorrt", None, is_package=True)
_TENSORRT.__path__ = []
_TENSORRT.__file__ = "inert"
_TENSORRT.__version__ = "10.15.1"
