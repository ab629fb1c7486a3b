"""`emotrack report`: a recorded session as a page to read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from emotrack.cli.options import SessionOption
from emotrack.errors import UserError
from emotrack.files import check_new, write_new
from emotrack.notify import notify, plain

if TYPE_CHECKING:
    from emotrack.stream.views.report.facts.worth import Worth
    from emotrack.stream.wire.recordings.conversation import Conversation

SUFFIXES = (".html", ".htm", ".pdf")


def report(
    recording: Annotated[
        Path,
        typer.Argument(
            metavar="RECORDING", help="A file or folder that `run --jsonl` or `run --record` has written."
        ),
    ],
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="Where to: FILE.html, or FILE.pdf where WeasyPrint or Chromium is installed. Without it, "
            "SESSION.html in this folder.",
        ),
    ] = None,
    session: SessionOption = None,
) -> None:
    """Write a page about a recorded session, for people to read.

    Who spoke how long, how they were, what turned, how sure that is, what was missing, and what it is worth.
    """
    if out is not None:
        if out.suffix.lower() not in SUFFIXES:
            raise UserError(
                f"A report is a page or a PDF: give --out FILE.html or FILE.pdf, not {plain(str(out))}."
            )
        check_new([out])
    from emotrack.stream.wire.recordings.conversation import read_conversation

    conversation = read_conversation(recording, session)
    target = out if out is not None else Path(f"{conversation.session}.html")
    check_new([target])
    if target.suffix.lower() == ".pdf":
        from emotrack.stream.views.report.pdf import as_pdf, renderer

        by = renderer()  # what is missing is said before anything is drawn
        from emotrack.stream.views.report.page import report as rendered

        data = as_pdf(rendered(conversation, worth(conversation), themed=False), by)
    else:
        from emotrack.stream.views.report.page import report as rendered

        data = rendered(conversation, worth(conversation)).encode()
    write_new({target: data})
    notify(f"wrote {target}.")


def worth(conversation: Conversation) -> Worth | None:
    """What is known of the worth of a session's labels: the figures of the bundle that made them, where that
    is the one that is installed here."""
    from emotrack.model.bundle import default_directory
    from emotrack.model.manifest import parse_manifest
    from emotrack.stream.views.report.facts.worth import worth_of

    path = default_directory() / "bundle.json"
    if conversation.opened is None or not path.is_file():
        return None
    manifest = parse_manifest(path.read_bytes(), path)
    if conversation.opened.model.hash not in (manifest.identifier, manifest.seal):
        return None
    recogniser = next((one.model for one in conversation.opened.engines if one.part == "transcription"), None)
    return worth_of(manifest.metrics, manifest.identifier, recogniser)
