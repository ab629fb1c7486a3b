"""`emotrack engines selftest`: whether every backend that works here keeps what is promised of it."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from emotrack.cli.options import (
    ConfigOption,
    OnlyOption,
    ProfileOption,
    SetOption,
)
from emotrack.notify import notify


def selftest(
    profile: ProfileOption = "embedded",
    config: ConfigOption = None,
    overrides: SetOption = None,
    only: OnlyOption = None,
) -> None:
    """Try what is promised of compiled networks.

    Each is compiled anew by every backend that works here; exit code 1 if a promise does not hold.
    """
    from emotrack.cli.engines.shown import above, choose, described, new_progress, new_table, open_all, show
    from emotrack.engines.contract.engine import Skip
    from emotrack.engines.running.pool import open_cache
    from emotrack.engines.running.selftest import examine

    settings, specs = choose(profile, config, overrides or (), only or ())
    failed = 0
    table = new_table("network", "backend", "promise", "holds", "detail")
    with tempfile.TemporaryDirectory(prefix="emotrack-selftest-") as folder, new_progress() as progress:
        cache = open_cache(settings.model_copy(update={"cache": Path(folder)}), above(progress))
        task = progress.add_task("trying", total=len(specs))
        for spec in specs:
            progress.update(task, description=spec.name)
            for opened in open_all(spec, settings, cache):
                if isinstance(opened, Skip):
                    table.add_row(spec.name, opened.backend, "-", "skipped", opened.reason)
                    continue
                for finding in examine(spec, opened):
                    failed += not finding.holds
                    backend, *_ = described(opened.info)
                    table.add_row(
                        spec.name, backend, finding.promise, "yes" if finding.holds else "NO", finding.detail
                    )
            progress.advance(task)
    show(table)
    if failed:
        notify(f"{failed} promises do not hold.")
        sys.exit(1)
