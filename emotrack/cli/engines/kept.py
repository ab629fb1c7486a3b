"""`emotrack engines list`, `build`, `pack` and `clear`: what runs the networks, and what is kept of it on the
disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from emotrack.cli.options import (
    ConfigOption,
    ProfileOption,
    SetOption,
)
from emotrack.notify import notify

if TYPE_CHECKING:
    from emotrack.engines.catalogue import Standing


def list_(
    profile: ProfileOption = "embedded", config: ConfigOption = None, overrides: SetOption = None
) -> None:
    """What runs each network.

    Or what will run it once it is compiled; why other backends are not taken; how much is kept on the disk.
    """
    from emotrack.cli.engines.shown import choose, megabytes, new_table, show
    from emotrack.engines.catalogue import standing
    from emotrack.engines.running.policy import policy_of
    from emotrack.engines.running.pool import open_cache

    settings, specs = choose(profile, config, overrides or ())
    policy, cache = policy_of(settings), open_cache(settings, notify)
    table = new_table("network", "runs on", "difference", "memory", "compiled", "not taken")
    for spec in specs:
        table.add_row(spec.name, *_row(standing(spec, policy, cache)))
    show(table)
    entries = cache.entries()
    total = sum(entry.bytes for entry in entries)
    notify(
        f"{len(entries)} compiled engines take {megabytes(total)} of at most {settings.cache_gigabytes:g} "
        f"GB in {cache.folder}."
    )


def build(
    profile: ProfileOption = "embedded", config: ConfigOption = None, overrides: SetOption = None
) -> None:
    """Compile every network that tracking needs.

    Only what is not compiled yet; tracking with the same settings then starts at once.
    """
    from emotrack.cli.engines.shown import above, choose, described, new_progress, new_table, show
    from emotrack.engines.contract.engine import reasons
    from emotrack.engines.running.loading import load
    from emotrack.engines.running.policy import policy_of
    from emotrack.engines.running.pool import open_cache

    settings, specs = choose(profile, config, overrides or ())
    table = new_table("network", "runs on", "difference", "memory", "compiled", "not taken")
    with new_progress() as progress:
        cache, policy = open_cache(settings, above(progress)), policy_of(settings)
        task = progress.add_task("compiling", total=len(specs))
        for spec in specs:
            progress.update(task, description=spec.name)
            info = load(spec, policy, cache, lambda _: None).info
            table.add_row(
                info.network, *described(info), _took(info.build_seconds), reasons(info.skipped) or "-"
            )
            progress.advance(task)
    show(table)


def pack(
    target: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    profile: ProfileOption = "embedded",
    config: ConfigOption = None,
    overrides: SetOption = None,
) -> None:
    """Write everything that tracking needs into a folder.

    `emotrack run --engines DIR` tracks with it on machines that have only the extra `edge`, without torch.
    """
    from emotrack.cli.engines.shown import megabytes
    from emotrack.engines.packs.packing import pack
    from emotrack.engines.running.pool import open_cache
    from emotrack.model.bundle import load_bundle
    from emotrack.settings import load_settings
    from emotrack.stream.hearing.vad import packaged_network

    settings = load_settings(profile, config, overrides or ())
    detector = settings.stream.speech_detector or packaged_network()
    contents = pack(
        target,
        settings.engines,
        load_bundle(settings.bundle, settings.makers, notify),
        detector,
        open_cache(settings.engines, notify),
        notify,
        voices=settings.stream.speakers.by_voice,
    )
    total = sum((target / name).stat().st_size for name in contents.files)
    notify(
        f"{target} takes {megabytes(total)}; `emotrack run --engines {target}` tracks with it, also "
        "without torch."
    )


def clear(config: ConfigOption = None, overrides: SetOption = None) -> None:
    """Remove all compiled networks from the disk."""
    from emotrack.cli.engines.shown import megabytes
    from emotrack.engines.running.pool import open_cache
    from emotrack.settings import load_settings

    settings = load_settings("embedded", config, overrides or ()).engines
    count, total = open_cache(settings, notify).clear()
    notify(
        f"removed {count} compiled engines ({megabytes(total)}); they are compiled again when they are "
        "needed."
    )


def _row(standing: Standing) -> tuple[str, ...]:
    from emotrack.cli.engines.shown import megabytes
    from emotrack.engines.contract.engine import reasons

    manifest, skipped = standing.manifest, reasons(standing.skipped) or "-"
    if manifest is None or manifest.parity is None:
        return (
            standing.backend or "nothing",
            "-",
            "-",
            "not needed" if standing.compiled else "not yet",
            skipped,
        )
    compiled = _took(manifest.build_seconds) if manifest.given is None else "ships with emotrack"
    figures = f"{manifest.parity.absolute:.0e}", megabytes(manifest.memory_bytes), compiled
    return str(standing.backend), *figures, skipped


def _took(seconds: float) -> str:
    return f"in {seconds:.1f} s"
