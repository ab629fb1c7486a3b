"""The matrix as a table: on the terminal, and as a page of the documentation."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from rich.table import Table
from rich.text import Text

from faults.matrix import HELD, NEW, Fault
from faults.worker import Result

COLUMNS = ("", "stage", "fault", "told after", "effect", "recovery", "verdict")
WIDEST = 110
"""Letters of an effect that the page repeats."""


def cells(number: int, fault: Fault, result: Result) -> tuple[str, ...]:
    """One row of the table."""
    seen = result.observation
    if result.verdict == "skipped":
        return (str(number), fault.stage, fault.name, "", result.why[0], "", "skipped")
    after = "not to be told" if not fault.told else "—" if seen.detected is None else f"{seen.detected:.1f} s"
    back = "not to be" if seen.recovered is None else f"{seen.recovered:.1f} s"
    if not fault.lasting and seen.recovered is None:
        back = "—"
    effect = "; ".join(filter(None, (_shortened(seen.effect), *_masks(seen.masked))))
    verdict = result.verdict if not result.why else f"{result.verdict}: {'; '.join(result.why)}"
    return (str(number), fault.stage, fault.name, after, effect, back, verdict)


def _masks(masked: Sequence[str]) -> list[str]:
    return [f"labels lack {', '.join(masked)}"] if masked else []


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"


def table(rows: Sequence[tuple[int, Fault, Result]]) -> Table:
    """For the terminal."""
    drawn = Table(*COLUMNS, title="Faults", title_justify="left")
    colours = {"held": "green", "failed": "red", "skipped": "yellow"}
    for number, fault, result in rows:
        *said, verdict = cells(number, fault, result)
        drawn.add_row(*map(Text, said), Text(verdict, style=colours[result.verdict]))
    return drawn


def counts(rows: Sequence[tuple[int, Fault, Result]]) -> Mapping[str, int]:
    """How many rows have each verdict."""
    return Counter(result.verdict for _, _, result in rows)


def total(rows: Sequence[tuple[int, Fault, Result]]) -> str:
    """The whole of it in one sentence."""
    found = counts(rows)
    parts = [f"{found[verdict]} {verdict}" for verdict in ("held", "failed", "skipped") if found.get(verdict)]
    seconds = sum(result.took for _, _, result in rows)
    return f"{len(rows)} faults in {seconds:.0f} s: {', '.join(parts)}."


PAGE = """# What befalls a session, and what comes of it

<!-- Made by `make faults`; do not edit. -->

Every row is a fault that is injected for real: into real sockets, processes, files, signals and media where
the fault is there, into a session with cheap stand-ins for its networks where it is not. A row is held where
no utterance lost its final label, nothing crashed or hung, every other part went on, and the fault was told
(as a `feed` or an `error` message, or as one sentence at the start) within two seconds, or five where a
network falls silent, which takes a while to be a fault. What is to be withstood without a word says so.

`make faults` runs all of it, `make faults SHORT=--short` what every change is tried with.

"""


def page(rows: Sequence[tuple[int, Fault, Result]]) -> str:
    """For docs/: what was found without how fast this machine was."""
    lines = ["| | stage | fault | told within | effect | recovery | verdict |", "|-:|" + "---|" * 6]
    for number, fault, result in rows:
        _, stage, name, _, effect, back, verdict = cells(number, fault, result)
        within = f"{fault.limit:g} s" if fault.told else "not to be told"
        comes = "yes" if back.endswith(" s") else back
        plain = (str(number), stage, name, within, _timeless(effect), comes, verdict)
        lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in plain)} |")
    origins = Counter("new" if fault.origin == NEW else "known" for _, fault, _ in rows)
    known = sum(1 for _, fault, _ in rows if fault.origin == HELD)
    head = f"{len(rows)} faults, {origins['new']} of them new; of the others {known} had held before.\n\n"
    return PAGE + head + "\n".join(lines) + "\n"


def _timeless(text: str) -> str:
    """Without names that differ from run to run (temporary folders and ports), as plain text."""
    text = re.sub(r"/tmp/[\w./-]*/", "…/", text)
    text = re.sub(r"/tmp/[\w.-]+", "…", text).replace("`", "'")  # of which one may be cut off
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)
