"""Pictures as SVG that is part of the page: text stays text, colours follow the page's, the same session
gives the same bytes, and nothing of it is fetched."""

import io
import re
import warnings
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

WIDTH = 7.2
"""Inches across, which is what fits on an A4 page; on a screen the picture is as wide as the text."""
INK, FAINT, LINE, GROUND, STRONG = "#1d2a35", "#5b6873", "#d5dbe1", "#eef1f4", "#2f5d8a"
THEMED = {INK: "--ink", FAINT: "--faint", LINE: "--line", GROUND: "--ground", STRONG: "--strong"}
"""Colours that are the page's own, dark or light: no label may have one of these."""
TYPE, SMALL = 8.0, 7.0
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "emotrack",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": TYPE,
    "text.parse_math": False,
    "text.usetex": False,
    "path.simplify": True,
}
_COLOUR = re.compile("|".join(THEMED), re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A picture and what it says to those who do not see it."""

    svg: str
    """Markup, safe to put into a page."""
    told: str
    """What it shows, in words."""
    caption: str
    """How to read it."""


def drawn(
    name: str, height: float, draw: Callable[[Figure], None], *, told: str, caption: str, themed: bool
) -> Chart:
    """What `draw` puts into a figure of `height` inches. `name` is unique on the page; `themed`: colours are
    variables of the page's style, which not every renderer of PDF knows."""
    with mpl.rc_context(_STYLE), warnings.catch_warnings():  # type: ignore[arg-type]
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # the reader's own fonts are used
        figure = Figure(figsize=(WIDTH, height))
        FigureCanvasSVG(figure)
        draw(figure)
        written = io.BytesIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(written, format="svg", transparent=True, metadata=nothing)
    return Chart(svg=_inlined(written.getvalue(), name, told, themed), told=told, caption=caption)


def _inlined(svg: bytes, name: str, told: str, themed: bool) -> str:
    """The picture as an element of a page: names that no other picture has, and nothing that reaches out of
    it."""
    root = ElementTree.fromstring(svg)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.rpartition("}")[2] in ("metadata", "style"):  # a style here would be the page's
                parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.attrib = {
            key.rpartition("}")[2]: _attribute(key.rpartition("}")[2], value, name, themed)
            for key, value in element.attrib.items()
        }
    for size in ("width", "height", "version"):
        root.attrib.pop(size, None)
    root.attrib |= {"role": "img", "aria-label": told, "class": "chart", "id": name}
    return ElementTree.tostring(root, encoding="unicode")


def _attribute(key: str, value: str, name: str, themed: bool) -> str:
    if key == "id":
        return f"{name}-{value}"
    value = value.replace("url(#", f"url(#{name}-")
    if key == "href":
        return value.replace("#", f"#{name}-", 1)
    if themed and key in ("style", "fill", "stroke"):
        return _COLOUR.sub(lambda found: f"var({THEMED[found.group().lower()]})", value)
    return value
