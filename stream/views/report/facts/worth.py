"""What labels of a bundle are worth: read from the figures that it keeps of itself, which are those of its
model card."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import msgspec


class _OfClass(msgspec.Struct):
    f1: float
    precision: float
    recall: float


class _Live(msgspec.Struct):
    weighted_f1: float
    accuracy: float
    calibration_error: float
    utterances: int
    by_class: dict[str, _OfClass]


class _Dialogues(msgspec.Struct):
    corpus: str
    streams: list[str]
    live: _Live


class _Way(msgspec.Struct):
    weighted_f1: float


class _Words(msgspec.Struct):
    ways: dict[str, _Way]


class _Seed(msgspec.Struct):
    dialogues: _Dialogues
    words: _Words | None = None


class _Figures(msgspec.Struct):
    seeds: list[_Seed]
    matching: Any = None


@dataclass(frozen=True, kw_only=True)
class OfLabel:
    """How one label did in the test, in percent."""

    label: str
    right: float
    """Of the lines that were given this label, those that people had given it (precision)."""
    found: float
    """Of the lines that people had given this label, those that were given it (recall)."""


@dataclass(frozen=True, kw_only=True)
class Worth:
    """What was measured of a bundle, means over its training seeds, in percent."""

    bundle: str
    """The bundle's identifier."""
    corpus: str
    """The test's dialogues."""
    lines: int
    """Lines in it."""
    seeds: int
    accuracy: float
    """Lines that were labelled as people had labelled them."""
    weighted_f1: float
    heard: float | None
    """Weighted F1 by the words as this session's recogniser writes them; None where that was not measured."""
    calibration_error: float
    """By how much the confidence is off what is right, on average."""
    labels: tuple[OfLabel, ...]
    artificial: bool
    """Whether it has never learnt from people who were filmed or recorded in conversation."""


def worth_of(metrics: Mapping[str, Any], bundle: str, recogniser: str | None = None) -> Worth | None:
    """What a bundle keeps of its worth; None where it keeps no figures, or others than are read here."""
    try:
        figures = msgspec.convert(metrics, _Figures)
    except msgspec.ValidationError:
        return None
    if not figures.seeds:
        return None
    live = [seed.dialogues.live for seed in figures.seeds]
    first = figures.seeds[0].dialogues
    return Worth(
        bundle=bundle,
        corpus=first.corpus,
        lines=first.live.utterances,
        seeds=len(live),
        accuracy=fmean(one.accuracy for one in live),
        weighted_f1=fmean(one.weighted_f1 for one in live),
        heard=_heard(figures.seeds, recogniser),
        calibration_error=100 * fmean(one.calibration_error for one in live),
        labels=tuple(
            OfLabel(
                label=name,
                right=fmean(one.by_class[name].precision for one in live if name in one.by_class),
                found=fmean(one.by_class[name].recall for one in live if name in one.by_class),
            )
            for name in first.live.by_class
        ),
        artificial=figures.matching is not None,
    )


def _heard(seeds: Sequence[_Seed], recogniser: str | None) -> float | None:
    found = [seed.words.ways.get(recogniser or "") for seed in seeds if seed.words is not None]
    known = [way.weighted_f1 for way in found if way is not None]
    return fmean(known) if known and len(known) == len(seeds) else None
