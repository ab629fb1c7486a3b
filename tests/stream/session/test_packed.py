"""What is saved is read back as it was, or refused in one sentence."""

import hashlib
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from emotrack.errors import UserError
from emotrack.stream.session.packed import before, pack, read, unpack, write


@dataclass(frozen=True, slots=True)
class Part:
    """Something with all that may be saved."""

    count: int
    array: np.ndarray
    blocks: range
    by_place: dict[tuple[str, int], float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Whole:
    parts: list[Part]
    plain: dict[str, Any]


KINDS = st.sampled_from([np.float32, np.float64, np.int64, np.bool_, np.uint8])
PARTS = st.builds(
    Part,
    st.integers(-(2**63), 2**63 - 1),
    arrays.arrays(KINDS, arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)),
    st.builds(range, st.integers(0, 99), st.integers(0, 99)),
    st.dictionaries(st.tuples(st.text(), st.integers(0, 99)), st.floats(allow_nan=False)),
)


def same(one: Part, other: Part) -> bool:
    assert one.array.dtype == other.array.dtype and one.array.shape == other.array.shape
    assert one.array.tobytes() == other.array.tobytes() and other.array.flags.writeable
    return (one.count, one.blocks.start, one.blocks.stop, one.by_place) == (
        other.count,
        other.blocks.start,
        other.blocks.stop,
        other.by_place,
    )


@given(parts=st.lists(PARTS, max_size=3))
def test_what_is_packed_is_unpacked_as_it_was(parts: list[Part]) -> None:
    plain = {"array": np.arange(3.0), "none": None, "more": {"values": [1, "two"]}}
    found = unpack(pack("session", 1, Whole(parts, plain)), "session", 1, Whole)
    assert all(same(one, other) for one, other in zip(parts, found.parts, strict=True))
    assert found.plain["array"].tolist() == [0, 1, 2] and found.plain["more"] == plain["more"]


def test_a_queue_is_a_list() -> None:
    assert unpack(pack("session", 1, deque([1, 2])), "session", 1, list[int]) == [1, 2]


def refused(packed: bytes, version: int = 1) -> str:
    with pytest.raises(UserError, match=r"^The saved session .*: begin a new one\.$") as refusal:
        unpack(packed, "session", version, Whole)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_refused(place: float, bit: int) -> None:
    packed = bytearray(pack("session", 1, Whole([Part(1, np.ones(2), range(2))], {})))
    packed[int(place * len(packed))] ^= 1 << bit
    refused(bytes(packed))


@given(st.binary(max_size=200))
def test_whatever_else_it_is_it_is_refused(data: bytes) -> None:
    refused(data)


@given(st.binary(max_size=200))
def test_what_vouches_for_nonsense_is_refused(data: bytes) -> None:
    refused(b"session 1 %s\n%s" % (hashlib.sha256(data).hexdigest().encode(), data))


@pytest.mark.parametrize(
    "value",
    [
        {"parts": [], "plain": {"array": np.array(["x"])}},
        {"parts": [{"count": "one", "array": np.ones(1), "blocks": range(1)}], "plain": {}},
        {"parts": [{"count": 1, "array": [1.0], "blocks": range(1)}], "plain": {}},
        {"parts": [{"count": 1, "array": np.ones(1), "blocks": [1, 2, 3]}], "plain": {}},
        {"parts": [{"count": 1, "array": np.ones(1)}], "plain": {}},
        {"plain": {}},
    ],
)
def test_what_is_of_another_type_is_refused(value: object) -> None:
    assert "does not hold what it should" in refused(pack("session", 1, value))


def test_another_version_is_named() -> None:
    assert "of another version" in refused(pack("session", 1, Whole([], {})), version=2)
    assert "something else" in refused(pack("bundle", 1, Whole([], {})))


def test_a_file_holds_the_newest_whole_or_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "session.state"
    assert read(path, "session", 1, list[int]) is None
    for number in range(3):
        write(path, pack("session", 1, [number]))
        assert read(path, "session", 1, list[int]) == [number]
    assert path.stat().st_mode & 0o077 == 0
    path.write_bytes(path.read_bytes()[:-1])  # power was lost
    assert read(path, "session", 1, list[int]) == [1]
    path.unlink()  # in between
    assert read(path, "session", 1, list[int]) == [1]
    path.write_bytes(b"")
    before(path).write_bytes(b"")
    with pytest.raises(UserError, match="saved session is something else"):
        read(path, "session", 1, list[int])
