"""The gate: how far an engine's answers are from those of the network as it is written, and whether that is
close enough."""

from collections.abc import Callable, Iterator, Sequence

import msgspec
import numpy as np

from emotrack.engines.contract.spec import Arrays, Precision, Spec

Run = Callable[[Arrays], Arrays]

_SEED = 20


class Parity(msgspec.Struct, frozen=True):
    """The worst of what was compared: difference (see `Tolerance.absolute`), cosine, share of equal labels (1
    where none)."""

    absolute: float
    cosine: float
    agreement: float

    def refusal(self, spec: Spec, precision: Precision) -> str | None:
        """Why an engine this far off must not be used, in plain words; None where it may."""
        tolerance = spec.tolerance
        if not self.absolute <= tolerance.absolute[precision]:
            return (
                f"its answers differ by {self.absolute:.1e} from the network's, more than "
                f"{tolerance.absolute[precision]:.0e}"
            )
        if not self.cosine >= tolerance.cosine:
            return (
                f"its answers have a cosine of {self.cosine:.4f} to the network's, less than "
                f"{tolerance.cosine}"
            )
        if self.agreement < 1:
            share = max(1, round(1000 * (1 - self.agreement))) / 10
            return f"it gives another label for {share:g} % of the samples"
        return None


def samples(spec: Spec) -> Iterator[Arrays]:
    """The inputs on which engines are compared, always the same: least, usual and greatest sizes, each as the
    spec tries it."""
    random = np.random.default_rng(_SEED)
    for which in ("minimum", "typical", "maximum"):
        yield from spec.samples(spec.sizes(which), random)


def answers(spec: Spec, run: Run) -> list[tuple[Arrays, Arrays]]:
    """All samples, and what `run` makes of each."""
    return [(inputs, run(inputs)) for inputs in samples(spec)]


def compare(spec: Spec, expected: Sequence[tuple[Arrays, Arrays]], candidate: Run) -> Parity:
    """How far what `candidate` makes of the same inputs is from what was expected, at worst."""
    return worst([compare_outputs(spec, outputs, candidate(inputs)) for inputs, outputs in expected])


def worst(found: Sequence[Parity]) -> Parity:
    """The greatest difference, the least cosine, the mean agreement."""
    return Parity(
        max(one.absolute for one in found),
        min(one.cosine for one in found),
        sum(one.agreement for one in found) / len(found),
    )


def compare_outputs(spec: Spec, expected: Arrays, given: Arrays) -> Parity:
    """How far `given` is from `expected`; a number that is not finite, or an output of another shape, is
    infinitely far."""
    absolute, cosine, agreement = 0.0, 1.0, 1.0
    for port in spec.outputs:
        one, other = expected[port.name], given[port.name]
        if one.shape != other.shape or not np.isfinite(other).all():
            return Parity(float("inf"), -1.0, 0.0)
        first, second = one.astype(np.float64), other.astype(np.float64)
        absolute = max(
            absolute,
            float(np.abs(first - second).max(initial=0.0) / max(1.0, np.abs(first).max(initial=0.0))),
        )
        if port.dtype == "float32":
            cosine = min(cosine, _least_cosine(first, second))
        if port.name == spec.decides:
            agreement = float(np.mean(first.argmax(-1) == second.argmax(-1)))
    return Parity(absolute, cosine, agreement)


def _least_cosine(one: np.ndarray, other: np.ndarray) -> float:
    """Over the items of the batch; an item whose numbers are all about zero has no direction and does not
    count."""
    first, second = one.reshape(len(one), -1), other.reshape(len(other), -1)
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    told = lengths > 1e-12
    return float(((first * second).sum(1)[told] / lengths[told]).min(initial=1.0))
