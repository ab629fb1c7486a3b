"""Where a network comes from: the function that builds it, the files of its weights, and a digest of all that
decides its answers.

The digest is taken from source text, weights and versions, which together determine the graph and its
arguments. So a compiled engine can be recognised without building the network, and without importing torch.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotrack.errors import UserError, first_line
from emotrack.files import file_digest

if TYPE_CHECKING:
    from torch import nn

_OURS = "emotrack."


@dataclass(frozen=True)
class Definition:
    """`function` of the module `module`, called with `arguments`, gives the network in evaluation mode on the
    processor."""

    module: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Plain values that `repr` tells apart, or paths of files."""
    function: str = "network"
    packages: tuple[str, ...] = ()
    """Distributions, beside torch, whose code is part of the network."""

    def build(self) -> "nn.Module":
        """The network, fp32.

        Raises `UserError` where its weights cannot be had, and `NetworkFailed` where a library that it is
        made of fails.
        """
        try:
            network: nn.Module = getattr(import_module(self.module), self.function)(**self.arguments)
        except (UserError, MemoryError):
            raise
        except Exception as error:
            # A library that does not go with the others fails as it likes: it does not load, or lacks what it
            # is asked for.
            raise NetworkFailed(first_line(error)) from error
        return network

    def digest(self) -> str:
        """SHA-256 of everything that decides what the network answers; what is missing counts as empty,
        `build` says more of it."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        parts: list[tuple[str, bytes]] = [("function", self.function.encode())]
        parts += [(name, _source(name)) for name in sorted(sources(self.module))]
        parts += [(package, _version(package).encode()) for package in self.packages]
        return _digest_of([*parts, *self._given])

    def given(self) -> str:
        """SHA-256 of the function's name and of what it is called with: its weights and settings, whichever
        source reads them."""
        return _digest_of(
            [("module", self.module.encode()), ("function", self.function.encode()), *self._given]
        )

    @cached_property
    def _given(self) -> list[tuple[str, bytes]]:
        return [
            (name, content) for name, value in sorted(self.arguments.items()) for content in _contents(value)
        ]


class NetworkFailed(Exception):
    """A network that cannot be built here, whatever runs it: its libraries fail, in their own words."""


@dataclass(frozen=True)
class OnnxFile:
    """A network that is given as a graph: the file is run as it is, and there is no torch module of it."""

    path: Path
    kind: str
    """What it has to be, for those who gave another file."""

    def build(self) -> "nn.Module":
        """There is no torch module: raises `NotImplementedError`."""
        raise NotImplementedError("a network that is given as ONNX is no torch module")

    def digest(self) -> str:
        """SHA-256 of the file; raises `UserError` where it cannot be read."""
        try:
            return file_digest(self.path)
        except OSError as error:
            raise UserError(
                f"{self.path} cannot be read ({error.strerror}): give the path of {self.kind}."
            ) from None

    def given(self) -> str:
        """The same: the file is all there is."""
        return self.digest()


@cache
def sources(module: str) -> frozenset[str]:
    """`module` and every module of ours that it imports, directly or not."""
    known: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in known:
            known.add(name)
            waiting += _imports(name)
    return frozenset(known)


@cache
def source_digest(module: str) -> str:
    """SHA-256 of the source text of a module of ours and of all that it imports of ours."""
    found = hashlib.sha256()
    for name in sorted(sources(module)):
        found.update(name.encode() + b"\0" + _source(name))
    return found.hexdigest()


def _digest_of(parts: Iterable[tuple[str, bytes]]) -> str:
    """SHA-256 of contents with labels, each told from the next."""
    found = hashlib.sha256()
    for label, content in parts:
        found.update(label.encode() + b"\0" + len(content).to_bytes(8, "big") + content)
    return found.hexdigest()


def _imports(module: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(_source(module))):
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.startswith(_OURS):
            yield node.module
            yield from (
                f"{node.module}.{alias.name}" for alias in node.names if _module_of(node.module, alias.name)
            )


def _module_of(package: str, name: str) -> bool:
    """Whether `name` is a module of `package`, which is looked up without importing either."""
    spec = find_spec(package)
    places = (spec.submodule_search_locations if spec is not None else None) or []
    return any((Path(place) / f"{name}.py").is_file() for place in places)


@cache
def _source(module: str) -> bytes:
    spec = find_spec(module)
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).read_bytes()


def _version(package: str) -> str:
    """Of one that is missing, nothing: `build` says so better."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _contents(value: Any) -> Iterator[bytes]:
    """What an argument means for the network: of a file its bytes, else the value itself."""
    if not isinstance(value, Path):
        yield repr(value).encode()
        return
    try:
        yield file_digest(value).encode()
    except OSError:
        yield b""
