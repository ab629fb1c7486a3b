"""`emotrack engines selftest`: whether every backend that works here keeps what is promised of it."""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from emotrack.commands.engine_tables import above, choose, described, new_progress, new_table, open_all, show
from emotrack.engines.engine import Skip
from emotrack.engines.pool import open_cache
from emotrack.engines.selftest import examine
from emotrack.say import say


def selftest_command(profile: str, config: Path | None, overrides: Sequence[str], only: Sequence[str]) -> None:
    """Compile into an empty cache, try every promise, and say which hold; exit code 1 where one does not."""
    settings, specs = choose(profile, config, overrides, only)
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
                    table.add_row(spec.name, backend, finding.promise, "yes" if finding.holds else "NO", finding.detail)
            progress.advance(task)
    show(table)
    if failed:
        say(f"{failed} promises do not hold.")
        sys.exit(1)
