"""What a network is to those who run it: its name, what goes in and comes out, where it is defined, how exact
an engine must be.

Nothing here imports torch: a network is only built where an engine of it is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from emotrack.engines.contract.definition import Definition, OnnxFile

Arrays = dict[str, np.ndarray]
"""Inputs or outputs of a network by name."""
Sizes = Mapping[str, int]
"""How long each axis is, by its name."""
Precision = Literal["fp32", "fp16", "bf16", "int8"]


@dataclass(frozen=True, slots=True)
class Axis:
    """A side of an input whose length varies, from `minimum` to the last of `buckets`."""

    name: str
    buckets: tuple[int, ...]
    """Rising lengths to which backends of fixed shapes pad."""
    typical: int
    """The length to tune for."""
    minimum: int = 1

    @property
    def maximum(self) -> int:
        """The greatest length."""
        return self.buckets[-1]

    def bucket(self, length: int) -> int:
        """The smallest bucket that holds `length`, which is at most the maximum."""
        return next(bucket for bucket in self.buckets if bucket >= length)


@dataclass(frozen=True, slots=True)
class Shorter:
    """A side of an output that is `by` shorter than an axis of the inputs: windows slid along it do not reach
    past its end."""

    axis: Axis
    by: int


@dataclass(frozen=True, slots=True)
class Port:
    """One input or output: its name, the kind of its numbers, its shape."""

    name: str
    dtype: Literal["float32", "int64", "uint8", "bool"]
    shape: tuple[int | Axis | Shorter, ...]
    padding: int = 0
    """What stands behind items that are shorter than others, or than their bucket; the network must make
    nothing of it."""

    def padded(self, array: np.ndarray, sizes: Sizes) -> np.ndarray:
        """`array` with `padding` behind it along each varying axis, up to `sizes`."""
        missing = [
            (0, sizes[side.name] - length) if isinstance(side, Axis) else (0, 0)
            for side, length in self._sides(array)
        ]
        return (
            np.pad(array, missing, constant_values=self.padding)
            if any(after for _, after in missing)
            else array
        )

    def cut(self, array: np.ndarray, sizes: Sizes) -> np.ndarray:
        """The part of `array` that is no padding, which is what lies within `sizes`."""
        return array[tuple(slice(length) for length in self.lengths(sizes))]

    def lengths(self, sizes: Sizes) -> tuple[int, ...]:
        """How long each side is where the axes are `sizes` long."""
        return tuple(_length(side, sizes) for side in self.shape)

    def _sides(self, array: np.ndarray) -> list[tuple[int | Axis | Shorter, int]]:
        return list(zip(self.shape, array.shape, strict=True))


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far an engine's answers may be from those of the network in fp32, run by torch as it is written."""

    absolute: Mapping[Precision, float]
    """Largest difference, relative to the largest of the network's own numbers where that is above 1."""
    cosine: float
    """Least cosine between the two answers, row by row."""


EXACT = Tolerance({"fp32": 1e-4, "fp16": 5e-3, "bf16": 2e-2, "int8": 2e-2}, 0.999)


@dataclass(frozen=True, slots=True)
class Spec:
    """A network that can be compiled. The first axis of every input and output is its batch."""

    name: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    definition: Definition | OnnxFile
    samples: Callable[[Sizes, np.random.Generator], Sequence[Arrays]]
    """Inputs of these sizes as they come in practice, and such as try it: padded, silent, extreme."""
    tolerance: Tolerance = EXACT
    decides: str | None = None
    """The output whose greatest number is a label: an engine must choose the same."""
    gains_from_batching: bool = False
    """Whether a batch is cheaper than its items one by one even on a processor."""

    @property
    def axes(self) -> dict[str, Axis]:
        """The axes that vary, by name."""
        return {side.name: side for port in self.inputs for side in port.shape if isinstance(side, Axis)}

    @property
    def shapes(self) -> str:
        """What goes in and comes out, and what an engine has to be held to."""
        return f"{self.inputs} {self.outputs} {self.tolerance} {self.decides}"

    def sizes(self, which: Literal["minimum", "typical", "maximum"]) -> dict[str, int]:
        """The length of every axis in the least, the usual and the greatest case."""
        return {name: getattr(axis, which) for name, axis in self.axes.items()}

    def buckets(self, sizes: Sizes) -> dict[str, int]:
        """The lengths to which backends of fixed shapes pad inputs of these sizes."""
        return {name: axis.bucket(sizes[name]) for name, axis in self.axes.items()}

    def measure(self, inputs: Mapping[str, np.ndarray]) -> dict[str, int]:
        """How long each axis of `inputs` is; raises `ValueError` for inputs that the network was not made
        for."""
        if inputs.keys() != {port.name for port in self.inputs}:
            wanted = ", ".join(port.name for port in self.inputs)
            raise ValueError(f"{self.name} takes {wanted}, not {', '.join(inputs)}")
        sizes: dict[str, int] = {}
        for port in self.inputs:
            array = inputs[port.name]
            if array.ndim != len(port.shape) or array.dtype != port.dtype:
                raise ValueError(
                    f"{self.name} takes {port.name} as {port.dtype} of {len(port.shape)} axes, not "
                    f"{_told(array)}"
                )
            for side, length in zip(port.shape, array.shape, strict=True):
                wanted_length = sizes.setdefault(side.name, length) if isinstance(side, Axis) else side
                if length != wanted_length:
                    raise ValueError(
                        f"{self.name} was given {port.name} of shape {array.shape}, which does not go with "
                        "the rest"
                    )
        for name, axis in self.axes.items():
            if not axis.minimum <= sizes[name] <= axis.maximum:
                raise ValueError(
                    f"{self.name} takes {axis.minimum} to {axis.maximum} along {name}, not {sizes[name]}"
                )
        return sizes


def _length(side: int | Axis | Shorter, sizes: Sizes) -> int:
    if isinstance(side, Shorter):
        return sizes[side.axis.name] - side.by
    return sizes[side.name] if isinstance(side, Axis) else side


def _told(array: np.ndarray) -> str:
    return f"{array.dtype} of shape {array.shape}"


def batch_axis(maximum: int = 16) -> Axis:
    """The axis of independent items, in powers of two."""
    buckets = tuple(2**power for power in range(maximum.bit_length()) if 2**power <= maximum)
    return Axis("batch", buckets, typical=1)
