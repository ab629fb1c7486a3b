"""What the documents for contributors name is there: files, tests, targets of make, options."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("CONTRIBUTING.md", "SECURITY.md", "examples/README.md")
TOPS = "configs|deploy|docs|emotrack|engines|examples|model|requirements|stream|tests|training"
PATH = re.compile(rf"(?:{TOPS})/(?!1)[\w./-]*")
"""`emotrack/1`, the protocol, is none."""


def named(document: str) -> list[str]:
    """What stands in a document as code."""
    return re.findall(r"`([^`\n]+)`", (ROOT / document).read_text("utf-8"))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_a_document_names_is_there(document: str) -> None:
    paths = [one for one in named(document) if PATH.fullmatch(one)]
    assert paths
    assert not [path for path in paths if not (ROOT / path).exists()]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_test_and_target_that_a_document_names_is_there(document: str) -> None:
    tests = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for name in named(document):
        if re.fullmatch(r"test_\w+", name):
            assert f"def {name}(" in tests, name
        if target := re.fullmatch(r"make ([\w-]+)", name):
            assert re.search(rf"^{target[1]}:", makefile, re.MULTILINE), name


def test_every_step_of_a_label_is_a_part_of_the_code() -> None:
    contributing = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    steps = re.findall(r"^ ?\d+\. .*(?:\n    .*)*", contributing, re.MULTILINE)
    assert len(steps) == 20
    paths = [path for top in ("stream", "engines", "model") for path in (ROOT / top).rglob("*.py")]
    code = "\n".join(path.read_text("utf-8") for path in paths)
    for name in re.findall(r"`(\w+)`", "\n".join(steps)):
        assert re.search(rf"(?:def|class) {name}\b", code), name
    for file in re.findall(r"`([\w/]+\.py)`", "\n".join(steps)):
        assert any(path.match(file) for path in paths), file
