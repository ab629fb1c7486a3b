"""`emotrack compare`: two recorded sessions beside each other."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from emotrack.errors import UserError
from emotrack.files import check_new, write_new
from emotrack.notify import notify, plain

PLAIN_WIDTH = 110
"""Columns where stdout is no terminal."""


def compare(
    first: Annotated[
        Path,
        typer.Argument(
            metavar="RECORDING", help="A file or folder that `run --jsonl` or `run --record` has written."
        ),
    ],
    second: Annotated[Path, typer.Argument(metavar="RECORDING", help="Another one.")],
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--out", "-o", metavar="FILE", help="Also write a page for people to read, FILE.html."),
    ] = None,
    as_json: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--json", metavar="FILE", help="Write JSON to this file, or - for stdout in place of the text."
        ),
    ] = None,
    session: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            "--session",
            metavar="NAME",
            help="Which one, where recordings hold several; given twice, of the first and of the second.",
        ),
    ] = None,
) -> None:
    """Compare two recorded sessions.

    Of the same media, tracked twice: how far the labels agree, and what changed. Of two occasions: how
    people were in each.
    """
    names = session or []
    if len(names) > 2:
        raise UserError("Two recordings are compared: give --session at most twice.")
    if out is not None:
        if out.suffix.lower() not in (".html", ".htm"):
            raise UserError(f"A comparison is a page: give --out FILE.html, not {plain(str(out))}.")
        check_new([out])
    if as_json not in (None, "-"):
        check_new([Path(str(as_json))], "--json")
    from rich.console import Console

    from emotrack.stream.views.report.compared import as_data, as_page, as_text
    from emotrack.stream.views.report.facts.comparison import compared
    from emotrack.stream.wire.recordings.conversation import read_conversation

    found = compared(
        read_conversation(first, names[0] if names else None),
        read_conversation(second, names[-1] if names else None),
    )
    if as_json != "-":
        width = None if sys.stdout.isatty() else PLAIN_WIDTH
        Console(file=sys.stdout, width=width, highlight=False).print(as_text(found))
    if as_json is not None:
        text = json.dumps(as_data(found), indent=2, ensure_ascii=False) + "\n"
        if as_json == "-":
            sys.stdout.write(text)
        else:
            write_new({Path(as_json): text.encode()}, "--json")
    if out is not None:
        write_new({out: as_page(found).encode()})
        notify(f"wrote {out}.")
