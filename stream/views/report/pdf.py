"""A page as PDF: by WeasyPrint where it is installed, else by Chromium or Chrome."""

import logging
import os
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

from emotrack.errors import UserError, first_line
from emotrack.notify import plain

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
PATIENCE = 120
"""Seconds for a browser to print a page."""
ADVICE = (
    "pip install weasyprint (it needs Pango), install Chromium, or take --out FILE.html and print that from "
    "a browser"
)


def renderer() -> str:
    """`weasyprint`, or the path of a browser; raises `UserError` where there is neither."""
    if find_spec("weasyprint") is not None:
        return "weasyprint"
    browser = next((found for name in BROWSERS if (found := shutil.which(name)) is not None), None)
    if browser is None:
        raise UserError(f"Nothing here makes a PDF: {ADVICE}.")
    return browser


def as_pdf(page: str, by: str) -> bytes:
    """The page, on A4; `by` is what `renderer` gave. Raises `UserError` where it cannot be made."""
    return _by_weasyprint(page) if by == "weasyprint" else _by_browser(page, by)


def _by_weasyprint(page: str) -> bytes:
    for name in ("weasyprint", "fontTools"):  # which tell of each property of SVG that is none of a page
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        from weasyprint import HTML  # type: ignore[import-untyped, unused-ignore]
    except OSError as error:  # Pango is not there
        raise UserError(f"WeasyPrint does not load ({first_line(error)}): {ADVICE}.") from None
    made = HTML(string=page, url_fetcher=_nothing_is_fetched).write_pdf()
    assert isinstance(made, bytes)
    return made


def _nothing_is_fetched(url: str, *_: object, **__: object) -> dict[str, object]:
    raise ValueError(f"a report fetches nothing, and so not {url}")


def _by_browser(page: str, browser: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="emotrack-") as folder:  # for its owner only
        source, made = Path(folder) / "report.html", Path(folder) / "report.pdf"
        source.write_text(page, "utf-8")
        command = [
            *(browser, "--headless", "--disable-gpu", "--disable-extensions", "--no-first-run"),
            *("--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND"),
            *("--no-pdf-header-footer", f"--user-data-dir={folder}/profile", f"--print-to-pdf={made}"),
            source.as_uri(),
        ]
        if os.geteuid() == 0:  # its sandbox refuses root; the page is ours and has no script
            command.insert(1, "--no-sandbox")
        try:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=PATIENCE)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UserError(f"{browser} made no PDF ({first_line(error)}): {ADVICE}.") from None
        if done.returncode or not made.is_file():
            why = plain((done.stderr.strip() or "it says nothing").splitlines()[-1])
            raise UserError(f"{browser} made no PDF ({why}): {ADVICE}.")
        return made.read_bytes()
