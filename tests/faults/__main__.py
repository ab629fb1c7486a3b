"""Inject every fault, or those that are asked for, and print what came of each: `python -m tests.faults`."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # for `faults` and `helpers`, however this is run

from rich.console import Console
from rich.live import Live

from faults.matrix import STAGES, Fault, numbered
from faults.report import counts, page, table, total
from faults.worker import Result, Worker


def main() -> int:
    options = _options()
    console = Console(width=None if sys.stdout.isatty() else 200)
    chosen = [
        (number, fault)
        for number, fault in numbered()
        if (not options.short or fault.short)
        and (not options.stage or fault.stage in options.stage)
        and (not options.row or str(number) in options.row or fault.identifier in options.row)
    ]
    done: list[tuple[int, Fault, Result]] = []
    progress = Console(stderr=True)
    with Worker() as worker, Live(console=progress, transient=True) as live:
        for number, fault in chosen:
            live.update(f"{len(done) + 1} of {len(chosen)}: {fault.stage}: {fault.name}")
            done.append((number, fault, worker.run(fault)))
            if not progress.is_terminal:
                result = done[-1][2]
                why = f": {'; '.join(result.why)}" if result.why else ""
                line = f"{number} {fault.identifier} {result.verdict} {result.took:.1f} s{why}\n"
                sys.stderr.write(line)
    console.print(table(done))
    console.print(total(done))
    if options.page is not None:
        options.page.write_text(page(done), "utf-8")
    return int(counts(done).get("failed", 0) > 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--short", action="store_true", help="only the rows that CI tries")
    parser.add_argument("--stage", action="append", choices=STAGES, help="only this stage's rows")
    parser.add_argument("--row", action="append", help="only this row, by number or name")
    parser.add_argument("--page", type=Path, help="also write the table to this Markdown file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
