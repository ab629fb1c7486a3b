"""What the commands about compiled networks have in common: which networks they are about, and how they show
what they found."""

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from emotrack.engines.cache.cache import EngineCache
from emotrack.engines.catalogue import catalogue
from emotrack.engines.contract.engine import Engine, EngineDescription, EngineRefused, Skip
from emotrack.engines.contract.spec import Spec
from emotrack.engines.running.loading import open_engine
from emotrack.engines.running.policy import policy_of
from emotrack.engines.settings import EngineSettings
from emotrack.errors import UserError
from emotrack.model.bundle import load_bundle
from emotrack.notify import notify
from emotrack.settings import load_settings

_WIDE = 240
"""Columns of a table that goes into a file or a pipe, where nothing has to be folded."""


def choose(
    profile: str, config: Path | None, overrides: Sequence[str], only: Sequence[str] = ()
) -> tuple[EngineSettings, list[Spec]]:
    """The settings and their networks, or `only` some of those; raises `UserError` where there is none of
    such a name."""
    settings = load_settings(profile, config, overrides)
    if settings.engines.pack is not None:
        raise UserError("What is in an engine pack is compiled already: leave out engines.pack.")
    voices = settings.stream.speakers.by_voice
    specs = catalogue(
        settings.engines, load_bundle(settings.bundle, settings.makers, notify), notify, voices=voices
    ).networks
    names = [spec.name for spec in specs]
    if unknown := [name for name in only if name not in names]:
        raise UserError(f"There is no network {unknown[0]!r} in this profile; there are {', '.join(names)}.")
    return settings.engines, [spec for spec in specs if not only or spec.name in only]


def open_all(spec: Spec, settings: EngineSettings, cache: EngineCache) -> Iterator[Engine | Skip]:
    """An engine of each backend and precision, or why there is none."""
    for backend in policy_of(settings.model_copy(update={"backend": "auto", "device": "auto"})).backends:
        for precision in backend.precisions:
            name = f"{backend.name} {precision}"
            if (obstacle := backend.obstacle(spec)) is not None:
                yield Skip(name, obstacle)
                continue
            try:
                yield open_engine(spec, backend, precision, cache, lambda _: None)
            except EngineRefused as refusal:
                yield Skip(name, str(refusal))


def described(info: EngineDescription) -> tuple[str, str, str]:
    """Its backend with the precision, how far it is from the network as written, and the memory it takes."""
    return f"{info.backend} {info.precision}", f"{info.parity.absolute:.0e}", megabytes(info.memory_bytes)


def megabytes(count: int) -> str:
    """Bytes for people."""
    return f"{count / 1e6:.0f} MB"


def new_table(*columns: str) -> Table:
    """A table without lines."""
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def show(table: Table) -> None:
    """On stdout."""
    Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else _WIDE).print(table)


def new_progress() -> Progress:
    """A bar on stderr with the time left."""
    columns = (
        TextColumn("{task.description:<16}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)


def above(progress: Progress) -> Callable[[str], None]:
    """`notify`, while a bar is shown."""
    return lambda sentence: progress.console.print(f"emotrack: {sentence}", highlight=False, soft_wrap=True)
