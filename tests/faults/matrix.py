"""What a row of the fault matrix is, and when it counts as held."""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from faults.bench import Bench

Stage = Literal[
    "source",
    "network",
    "decoding",
    "vision",
    "sound",
    "recogniser",
    "engine",
    "dialogue",
    "publisher",
    "record",
    "clock",
    "interface",
]
STAGES: tuple[Stage, ...] = get_args(Stage)

DETECTION = 2.0
SILENCE = 5.0
"""Seconds within which a fault is told, and the silence of a network, which has to last to be one."""
HELD = "held"
"""Origin of a fault that was known, and held."""
NEW = "new"
"""Origin of one that was not tried before."""


@dataclass(frozen=True)
class Observation:
    """What came of a fault."""

    effect: str
    """What was told, or what happened."""
    detected: float | None = None
    """Seconds until it was told; None where it was not."""
    masked: tuple[str, ...] = ()
    """What labels then lack, each with its reason."""
    recovered: float | None = None
    """Seconds until all was well again; None where that was not so."""
    lost: int = 0
    """Utterances that have no final label and should."""
    complaints: tuple[str, ...] = ()
    """What is wrong beyond that: a crash, another part that did not go on."""


class Skipped(Exception):
    """A fault cannot be injected on this machine; the text says why."""


@dataclass(frozen=True)
class Fault:
    """One row. `inject` does it, to a real session or a real part of one."""

    stage: Stage
    name: str
    origin: str
    """Row of the list of faults that broke it once (`1` to `13`), `HELD` or `NEW`."""
    inject: "Callable[[Bench], Observation]"
    short: bool = False
    """Whether CI tries it."""
    limit: float = DETECTION
    """Seconds within which it has to be told."""
    told: bool = True
    """Whether there is anything to tell; else it is to be withstood."""
    lasting: bool = True
    """Whether it is not to be recovered from while the session lasts."""
    seconds: float = 60.0
    """Until the row counts as hung."""

    @property
    def identifier(self) -> str:
        """Its name without what a shell or a test's name would trip over."""
        plain = "".join(letter if letter.isalnum() else "-" for letter in self.name.lower())
        return f"{self.stage}-{'-'.join(part for part in plain.split('-') if part)}"

    def complaints(self, seen: Observation) -> list[str]:
        """Why it does not count as held; empty where it does."""
        found = list(seen.complaints)
        if seen.lost:
            found.append(f"{seen.lost} finals lost")
        if self.told and seen.detected is None:
            found.append("not told")
        if self.told and seen.detected is not None and seen.detected > self.limit:
            found.append(f"told after {seen.detected:.1f} s, not within {self.limit:g} s")
        if not self.lasting and seen.recovered is None:
            found.append("no recovery")
        return found


_FAULTS: list[Fault] = []

Injection = Callable[["Bench"], Observation]


def fault(
    stage: Stage,
    name: str,
    origin: str = NEW,
    *,
    short: bool = False,
    limit: float = DETECTION,
    told: bool = True,
    lasting: bool = True,
    seconds: float = 60.0,
) -> Callable[[Injection], Injection]:
    """Makes a row of the function that injects it; see `Fault`. Several make several rows of one function,
    which is given the bench alone: see `each`."""

    def add(inject: Injection) -> Injection:
        _FAULTS.append(
            Fault(
                stage,
                name,
                origin,
                inject,
                short=short,
                limit=limit,
                told=told,
                lasting=lasting,
                seconds=seconds,
            )
        )
        return inject

    return add


@cache
def faults() -> tuple[Fault, ...]:
    """All rows, stage by stage; a row's number is its place, from 1."""
    for stage in STAGES:
        importlib.import_module(f"faults.stages.{stage}")
    found = sorted(_FAULTS, key=lambda one: STAGES.index(one.stage))
    names = [one.identifier for one in found]
    assert len(set(names)) == len(names), {name for name in names if names.count(name) > 1}
    return tuple(found)


def numbered() -> Iterator[tuple[int, Fault]]:
    """All rows with their numbers."""
    return enumerate(faults(), 1)
