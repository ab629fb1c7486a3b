"""What a reader of others' bytes is to the fuzzer: a function that takes an input or refuses it in one
sentence, in a room that does not depend on what the input says of itself."""

import atexit
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from emotrack.errors import UserError

Read = Callable[[bytes], None]
MIB = 1 << 20


@dataclass(frozen=True)
class Target:
    """One reader."""

    read: Read
    refusals: tuple[type[Exception], ...]
    """What it may raise; a `UserError` is one short sentence."""
    room: int
    """Bytes that it may take at once beside sixteen times those of its input."""
    examples: int
    """Inputs that the test tries, beside the corpus."""
    largest: int
    """Bytes of an input in long runs."""


TARGETS: dict[str, Target] = {}
"""All of them by name, which is that of their folder in the corpus."""


def target(
    *refusals: type[Exception], room: int = 4 * MIB, examples: int = 300, largest: int = 4_096
) -> Callable[[Read], Read]:
    """Enter a reader into `TARGETS`; see `Target`."""

    def entered(read: Read) -> Read:
        name = read.__name__.replace("_", "-")
        TARGETS[name] = Target(read, refusals or (UserError,), room, examples, largest)
        return read

    return entered


def attempt(one: Target, data: bytes) -> bool:
    """Whether the reader took the input, which it may refuse; raises what it must not."""
    try:
        one.read(data)
    except one.refusals as refusal:
        sentence = str(refusal)
        if isinstance(refusal, UserError):
            assert "\n" not in sentence and len(sentence) < 2_000, sentence
        return False
    return True


@cache
def folder() -> Path:
    """For inputs that are read from files: in memory where that can be."""
    memory = Path("/dev/shm")
    made = tempfile.mkdtemp(prefix="emotrack-fuzzing-", dir=memory if memory.is_dir() else None)
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return Path(made)


def file_of(data: bytes, name: str) -> Path:
    """A file with these bytes, its owner's alone, as secrets must be."""
    path = folder() / name
    path.touch(0o600)
    path.write_bytes(data)
    return path
