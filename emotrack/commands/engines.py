"""`emotrack engines list`, `build`, `pack` and `clear`: what runs the networks, and what is kept of it on the disk."""

from collections.abc import Sequence
from pathlib import Path

from emotrack.commands.engine_tables import above, choose, described, megabytes, new_progress, new_table, show
from emotrack.engines.catalogue import Standing, standing
from emotrack.engines.engine import reasons
from emotrack.engines.loading import load
from emotrack.engines.policy import policy_of
from emotrack.engines.pool import open_cache
from emotrack.model.bundle import load_bundle
from emotrack.say import say
from emotrack.settings import load_settings
from emotrack.stream.hearing.vad import packaged_network


def list_command(profile: str, config: Path | None, overrides: Sequence[str]) -> None:
    """One row a network, and what is kept on the disk."""
    settings, specs = choose(profile, config, overrides)
    policy, cache = policy_of(settings), open_cache(settings, say)
    table = new_table("network", "runs on", "difference", "memory", "compiled", "not taken")
    for spec in specs:
        table.add_row(spec.name, *_row(standing(spec, policy, cache)))
    show(table)
    entries = cache.entries()
    total = sum(entry.bytes for entry in entries)
    say(f"{len(entries)} compiled engines take {megabytes(total)} of at most {settings.cache_gigabytes:g} GB in {cache.folder}.")


def build_command(profile: str, config: Path | None, overrides: Sequence[str]) -> None:
    """Compile what is not compiled yet, with a bar, and show what came of it."""
    settings, specs = choose(profile, config, overrides)
    table = new_table("network", "runs on", "difference", "memory", "compiled", "not taken")
    with new_progress() as progress:
        cache, policy = open_cache(settings, above(progress)), policy_of(settings)
        task = progress.add_task("compiling", total=len(specs))
        for spec in specs:
            progress.update(task, description=spec.name)
            info = load(spec, policy, cache, lambda _: None).info
            table.add_row(info.network, *described(info), _took(info.build_seconds), reasons(info.skipped) or "-")
            progress.advance(task)
    show(table)


def pack_command(target: Path, profile: str, config: Path | None, overrides: Sequence[str]) -> None:
    """Write all that the profile needs into a folder, and say how large that is."""
    from emotrack.engines.packing import pack

    settings = load_settings(profile, config, overrides)
    detector = settings.stream.speech_detector or packaged_network()
    contents = pack(target, settings.engines, load_bundle(settings.bundle), detector, open_cache(settings.engines, say), say)
    total = sum((target / name).stat().st_size for name in contents.files)
    say(f"{target} takes {megabytes(total)}; `emotrack run --engines {target}` tracks with it, also without torch.")


def clear_command(config: Path | None, overrides: Sequence[str]) -> None:
    """Remove everything, and say what that was."""
    settings = load_settings("embedded", config, overrides).engines
    count, total = open_cache(settings, say).clear()
    say(f"removed {count} compiled engines ({megabytes(total)}); they are compiled again when they are needed.")


def _row(standing: Standing) -> tuple[str, ...]:
    manifest, skipped = standing.manifest, reasons(standing.skipped) or "-"
    if manifest is None or manifest.parity is None:
        return standing.backend or "nothing", "-", "-", "not needed" if standing.compiled else "not yet", skipped
    compiled = _took(manifest.build_seconds) if manifest.given is None else "ships with emotrack"
    figures = f"{manifest.parity.absolute:.0e}", megabytes(manifest.memory_bytes), compiled
    return str(standing.backend), *figures, skipped


def _took(seconds: float) -> str:
    return f"in {seconds:.1f} s"
