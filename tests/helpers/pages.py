"""The pages for people, taken apart: blocks of code, code in sentences, links, headings and tables."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
"""Those that are kept free of what is stale."""
BESIDE = [ROOT / "deploy/README.md", ROOT / "requirements/README.md", ROOT / "model/weights/MODEL_CARD.md"]
"""Those that they lead to."""

_BLOCK = re.compile(r"^```(?P<language>[\w{}]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


def name_of(page: Path) -> str:
    """The page as the project's own paths have it."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, *languages: str) -> list[str]:
    """The blocks of code in these languages; `""` for those without one."""
    found = _BLOCK.finditer(page.read_text("utf-8"))
    return [block["body"] for block in found if block["language"] in languages]


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return _BLOCK.sub("", page.read_text("utf-8"))


def code(text: str) -> list[str]:
    """What a text sets as code, each on one line."""
    return [" ".join(found.split()) for found in re.findall(r"`([^`]+)`", text)]


def links(page: Path) -> list[str]:
    """Where a page leads, pictures included; addresses elsewhere left out."""
    found = re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", prose(page))
    return [target for target in found if "://" not in target]


def anchors(page: Path) -> set[str]:
    """What can stand behind `#` in a link to a page: its headings, as code hosts and MyST name them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def section(page: Path, heading: str) -> str:
    """What stands under a heading, up to the next one of its depth or above."""
    text = page.read_text("utf-8")
    (mark,) = re.findall(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    rest = re.split(rf"^#+ {re.escape(heading)}$", text, flags=re.MULTILINE)[1]
    return re.split(rf"^#{{1,{len(mark)}}} ", rest, flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """The rows of the tables in a text, without their heads, a cell a column."""
    lines = re.findall(r"^\|(.+)\|$", text, re.MULTILINE)
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)] for line in lines]
    heads = {place - 1 for place, row in enumerate(cells) if set("".join(row)) <= set("-: ")}
    return [row for place, row in enumerate(cells) if place not in heads and place - 1 not in heads]
