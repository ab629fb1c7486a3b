"""What was found, as a table for docs/running.md and as an exit status."""

from typing import Any

Report = dict[str, Any]


def markdown(report: Report) -> str:
    """A line on the machine, the networks by backend, and what a label takes."""
    machine: Report = next(
        (row for section in report["sections"] if section["section"] == "machine" for row in section["rows"]),
        {},
    )
    lines = [
        " · ".join(f"{name} {value}" for name, value in machine.items() if value is not None),
        "",
        "| network | backend | difference | p50 / p99, ms | 16 together, ms | graphs | ready in, s | "
        "memory, MB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    rows = [row for section in report["sections"] for row in section["rows"]]
    lines += [_network(row) for row in rows if "network" in row]
    lines += ["", "| label | backend | p50 / p95 / p99, ms |", "|---|---|---|"]
    lines += [_label(row) for row in rows if "what" in row]
    held = [row["streams"] for row in rows if row.get("holds")]
    if any("streams" in row for row in rows):
        lines.append(
            f"| streams within 100 ms (p95), each an utterance a second | | {max(held, default=0)} |"
        )
    lines += [
        f"| memory after {section['section']} | {row['backend']} | {_listed(row['memory'])} |"
        for section, row in _memories(report)
    ]
    unfinished = [
        f"{one['section']} {one['backend']}: {one['ended']}"
        for one in report["sections"]
        if "done" not in one["ended"]
    ]
    return "\n".join([*lines, *(["", "Not finished: " + "; ".join(unfinished)] if unfinished else [])])


def verdict(report: Report) -> int:
    """0 where every promise held and every section ended; 1 where not. What a machine lacks is no fault of
    the engines."""
    broken = any(row.get("broken") for section in report["sections"] for row in section["rows"])
    return int(broken or not all("done" in section["ended"] for section in report["sections"]))


def _network(row: Report) -> str:
    if "refused" in row:
        return f"| {row['network']} | {row['backend']} | {row['refused']} | | | | | |"
    alone, many = row["batch_1"], row.get("batch_16")
    broken = " **" + "; ".join(row["broken"]) + "**" if row["broken"] else ""
    graphs = row["of"] if row["graphs"] == row["of"] else f"{row['graphs']} of {row['of']}"
    return (
        f"| {row['network']} | {row['backend']} | {row['difference']:.1e}{broken} | {alone['p50_ms']} / "
        f"{alone['p99_ms']} | {many['p50_ms'] if many else ''} | {graphs} | {row['build_s']} | "
        f"{row['memory_mb']} |"
    )


def _label(row: Report) -> str:
    pace = row.get("pace", {})
    told = row.get("refused") or (
        f"{pace['p50_ms']} / {pace['p95_ms']} / {pace['p99_ms']}" if pace.get("runs") else "nothing timed"
    )
    without = f" (without words: {row['without_text']})" if row.get("without_text") else ""
    return f"| {row['what']}{without} | {row['backend']} | {told} |"


def _memories(report: Report) -> list[tuple[Report, Report]]:
    return [(section, row) for section in report["sections"] for row in section["rows"] if "memory" in row]


def _listed(found: Report) -> str:
    return ", ".join(
        f"{name.removesuffix('_mb').replace('_', ' ')} {value} MB" for name, value in found.items()
    )
