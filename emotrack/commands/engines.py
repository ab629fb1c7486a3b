"""`emotrack engines`: compile, list, time, try and remove what runs the networks."""

import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from emotrack.engines.cache import EngineCache
from emotrack.engines.catalogue import Standing, catalogue, standing
from emotrack.engines.engine import Engine, EngineInfo, EngineRefused, Skip, reasons
from emotrack.engines.loading import load, open_engine
from emotrack.engines.measuring import time_engines
from emotrack.engines.policy import policy_of
from emotrack.engines.pool import open_cache
from emotrack.engines.selftest import examine
from emotrack.engines.settings import EngineSettings
from emotrack.engines.spec import Spec
from emotrack.model.bundle import load_bundle
from emotrack.model.errors import UserError
from emotrack.say import say
from emotrack.settings import load_settings

BATCHES = (1, 4, 16)
_WIDE = 240
"""Columns of a table that goes into a file or a pipe, where nothing has to be folded."""


def list_command(profile: str, config: Path | None, overrides: Sequence[str]) -> None:
    """One row a network, and what is kept on the disk."""
    settings, specs = _networks(profile, config, overrides, [])
    policy, cache = policy_of(settings), open_cache(settings, say)
    table = _table("network", "runs on", "compiled", "difference", "memory", "not taken")
    for spec in specs:
        table.add_row(spec.name, *_row(standing(spec, policy, cache)))
    _show(table)
    entries = cache.entries()
    total = sum(entry.bytes for entry in entries)
    say(f"{len(entries)} compiled engines take {_megabytes(total)} of at most {settings.cache_gigabytes:g} GB in {cache.folder}.")


def build_command(profile: str, config: Path | None, overrides: Sequence[str]) -> None:
    """Compile what is not compiled yet, with a bar, and show what came of it."""
    settings, specs = _networks(profile, config, overrides, [])
    table = _table("network", "runs on", "built in", "difference", "memory", "not taken")
    with _progress() as progress:
        cache, policy = open_cache(settings, _above(progress)), policy_of(settings)
        task = progress.add_task("compiling", total=len(specs))
        for spec in specs:
            progress.update(task, description=spec.name)
            _add(table, load(spec, policy, cache, lambda _: None).info)
            progress.advance(task)
    _show(table)


def bench_command(profile: str, config: Path | None, overrides: Sequence[str], only: Sequence[str]) -> None:
    """Every backend that can run a network, timed in turns at several batch sizes."""
    settings, specs = _networks(profile, config, overrides, only)
    cache = open_cache(settings, say)
    table = _table(
        "network", "backend", "batch", "median ms", "p95 ms", "ms an item", "to torch", "difference", "memory", "built in"
    )
    with _progress() as progress:
        task = progress.add_task("timing", total=len(specs))
        for spec in specs:
            progress.update(task, description=spec.name)
            engines = [engine for engine, _ in _every(spec, settings, cache) if engine is not None]
            timed = list(time_engines(spec, engines, BATCHES))
            plain = {one.batch: one.median for one in timed if one.engine.info.backend == "eager-cpu"}
            for one in timed:
                info = one.engine.info
                quicker = f"{plain[one.batch] / one.median:.2f}×" if one.batch in plain else "-"
                table.add_row(
                    spec.name, _runs_on(info), str(one.batch), f"{one.median:.2f}", f"{one.slow:.2f}",
                    f"{one.median / one.batch:.3f}", quicker, _difference(info), _megabytes(info.memory_bytes),
                    f"{info.build_seconds:.1f} s",
                )  # fmt: skip
            progress.advance(task)
    _show(table)


def selftest_command(profile: str, config: Path | None, overrides: Sequence[str], only: Sequence[str]) -> None:
    """Compile into an empty cache, try every promise, and say which hold."""
    settings, specs = _networks(profile, config, overrides, only)
    failed = 0
    table = _table("network", "backend", "promise", "holds", "detail")
    with tempfile.TemporaryDirectory(prefix="emotrack-selftest-") as folder, _progress() as progress:
        cache = open_cache(settings.model_copy(update={"cache": Path(folder)}), _above(progress))
        task = progress.add_task("trying", total=len(specs))
        for spec in specs:
            progress.update(task, description=spec.name)
            for engine, skip in _every(spec, settings, cache):
                if skip is not None:
                    table.add_row(spec.name, skip.backend, "-", "skipped", skip.reason)
                if engine is None:
                    continue
                for finding in examine(spec, engine):
                    failed += not finding.holds
                    table.add_row(
                        spec.name, _runs_on(engine.info), finding.promise, "yes" if finding.holds else "NO", finding.detail
                    )
            progress.advance(task)
    _show(table)
    if failed:
        say(f"{failed} promises do not hold.")
        sys.exit(1)


def clear_command(config: Path | None, overrides: Sequence[str]) -> None:
    """Remove everything, and say what that was."""
    settings = load_settings("embedded", config, overrides).engines
    count, total = open_cache(settings, say).clear()
    say(f"removed {count} compiled engines ({_megabytes(total)}); they are compiled again when they are needed.")


def _networks(
    profile: str, config: Path | None, overrides: Sequence[str], only: Sequence[str]
) -> tuple[EngineSettings, list[Spec]]:
    settings = load_settings(profile, config, overrides)
    specs = catalogue(settings.engines, load_bundle(settings.bundle), say).networks
    names = [spec.name for spec in specs]
    if unknown := [name for name in only if name not in names]:
        raise UserError(f"There is no network {unknown[0]!r} in this profile; there are {', '.join(names)}.")
    return settings.engines, [spec for spec in specs if not only or spec.name in only]


def _every(spec: Spec, settings: EngineSettings, cache: EngineCache) -> Iterable[tuple[Engine | None, Skip | None]]:
    """An engine of each backend and precision, or why there is none."""
    for backend in policy_of(settings.model_copy(update={"backend": "auto", "device": "auto"})).backends:
        for precision in backend.precisions:
            name = f"{backend.name} {precision}"
            if (obstacle := backend.obstacle(spec)) is not None:
                yield None, Skip(name, obstacle)
                continue
            try:
                yield open_engine(spec, backend, precision, cache, lambda _: None), None
            except EngineRefused as refusal:
                yield None, Skip(name, str(refusal))


def _row(standing: Standing) -> tuple[str, ...]:
    manifest = standing.manifest
    if manifest is None or manifest.parity is None:
        compiled = "not needed" if standing.compiled else "not yet"
        return standing.backend or "nothing", compiled, "-", "-", reasons(standing.skipped) or "-"
    took = f"in {manifest.build_seconds:.1f} s"
    return (
        str(standing.backend),
        took,
        f"{manifest.parity.absolute:.0e}",
        _megabytes(manifest.memory_bytes),
        reasons(standing.skipped) or "-",
    )


def _add(table: Table, info: EngineInfo) -> None:
    table.add_row(
        info.network,
        _runs_on(info),
        f"{info.build_seconds:.1f} s",
        _difference(info),
        _megabytes(info.memory_bytes),
        reasons(info.skipped) or "-",
    )


def _runs_on(info: EngineInfo) -> str:
    return f"{info.backend} {info.precision}"


def _difference(info: EngineInfo) -> str:
    return f"{info.parity.absolute:.0e}"


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.0f} MB"


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _show(table: Table) -> None:
    Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else _WIDE).print(table)


def _progress() -> Progress:
    columns = (TextColumn("{task.description:<16}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _above(progress: Progress) -> Callable[[str], None]:
    return lambda sentence: progress.console.print(f"emotrack: {sentence}", highlight=False)
