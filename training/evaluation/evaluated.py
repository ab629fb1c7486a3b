"""What the tables are made from: bundles measured now, and the figures that the bundle keeps of its training
run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from emotrack.training.evaluation.records import EncoderFigures, Measured, Metrics, MosiFigures
from emotrack.training.evaluation.tables.render import Cell, Spread, TableRow, Unfilled

NOT_MEASURED = Unfilled("not measured")
"""Measurable with this data, but no bundle or store with it was given."""
SUBSETS = ("T", "A", "V", "T+A", "T+V", "A+V", "T+A+V")
"""The non-empty subsets of the modes, by the papers' names."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """`now`: the bundles given, measured (several are several seeds of one run); `kept`: what the first of
    them keeps."""

    now: tuple[Measured, ...]
    kept: Metrics | None = None
    mosi: MosiFigures | None = None
    encoders: EncoderFigures = field(default_factory=EncoderFigures)

    @property
    def seeds(self) -> Sequence[Measured]:
        """The seeds that our figures are means of."""
        return self.kept.seeds if self.kept is not None and len(self.now) < 2 else self.now

    @property
    def newest(self) -> Measured:
        """The first bundle measured now, or else of those kept."""
        return (self.now or self.seeds)[0]

    @property
    def corpus(self) -> str:
        """What the dialogues are from, as people write it."""
        return self.newest.dialogues.corpus.upper()

    @property
    def modalities(self) -> str:
        """The modalities that dialogues were labelled from, as people write it."""
        *first, last = self.newest.dialogues.modalities
        return f"{', '.join(first)} and {last}" if first else f"{last} only"

    @property
    def views(self) -> tuple["Evaluated", ...]:
        """Itself, and where dialogues have more than text of their own, the same with labels from everything
        that is there."""
        measured = (*self.now, *self.seeds)
        if any(one.everything is None for one in measured):
            return (self,)
        now = tuple(map(_from_everything, self.now))
        kept = self.kept and self.kept.model_copy(
            update={"seeds": list(map(_from_everything, self.kept.seeds))}
        )
        return self, replace(self, now=now, kept=kept)

    @property
    def both(self) -> bool:
        """Whether one bundle stands beside the mean of its run."""
        return len(self.now) == 1 and self.kept is not None

    def columns(self, name: str) -> tuple[str, ...]:
        """Heads of the columns with our figures."""
        count = len(self.seeds)
        run = "fold" if len({one.held_out for one in self.seeds}) > 1 else "seed"
        ours = f"{name} ({count} {run}{'s' * (count > 1)})"
        return (ours, "this bundle, measured now") if self.both else (ours,)

    def cells(self, read: Callable[[Measured], float | None], places: int = 2) -> tuple[Cell, ...]:
        """The cells of those columns."""
        values = [value for value in map(read, self.seeds) if value is not None]
        ours: Cell = Spread(tuple(values), places) if values else NOT_MEASURED
        if not self.both:
            return (ours,)
        value = read(self.now[0])
        return ours, NOT_MEASURED if value is None else Spread((value,), places)

    def row(
        self,
        name: str,
        read: Callable[[Measured], float | None],
        places: int = 2,
        extra: tuple[Cell, ...] = (),
    ) -> TableRow:
        """A row of our figures and whatever follows them."""
        return TableRow(name, (*self.cells(read, places), *extra))


def _from_everything(measured: Measured) -> Measured:
    return measured.model_copy(update={"dialogues": measured.everything})


def goal(reached: float, least: float) -> str:
    """Whether a goal was met, with the goal."""
    return f"≥ {least:g}: {'met' if round(reached, 2) >= least else 'missed'}"


def ceiling(reached: float, most: float) -> str:
    """The same for a goal not to exceed."""
    return f"≤ {most:,}: {'met' if reached <= most else 'missed'}"
