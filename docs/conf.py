"""How Sphinx builds these pages (`make docs`): Markdown by MyST, in the theme furo."""

from sphinx.application import Sphinx

project = "emotrack"
html_title = "emotrack"
html_theme = "furo"
extensions = ["myst_parser"]
myst_heading_anchors = 4  # so that links to headings, `page.md#heading`, lead where they do on a code host


def setup(app: Sphinx) -> None:
    """Links out of this folder lead to pages on a code host, and to copies of the files here."""
    app.connect("source-read", _name_files_outside)


def _name_files_outside(_app: Sphinx, _page: str, source: list[str]) -> None:
    source[0] = source[0].replace("](../", "](path:../")
