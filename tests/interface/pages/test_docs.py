"""The pages for people: what they restate is as the code has it, what they name is there, and they build."""

import ast
import importlib.util
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from emotrack.stream.wire.protocol.encoding import decode
from helpers.pages import (
    BESIDE,
    PAGES,
    README,
    ROOT,
    anchors,
    blocks,
    code,
    links,
    name_of,
    prose,
    rows,
    section,
)

DOCS = ROOT / "docs"
ARCHITECTURE = DOCS / "architecture.md"
TOPS = ("stream", "engines", "model", "training", "configs", "emotrack")
FOLDERS = sorted(path.parent for top in TOPS for path in (ROOT / top).rglob("__init__.py"))


@cache
def loaded(path: str) -> ModuleType:
    """A file of the project that is in no package."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def generate() -> ModuleType:
    return loaded("docs/generate.py")


def architecture() -> ModuleType:
    return loaded("tests/interface/test_architecture.py")


def test_what_pages_restate_is_as_the_code_has_it() -> None:
    pages = generate().pages()
    assert {page.stem for page in pages} == {"architecture", "exports", "protocol", "settings"}
    stale = [name_of(page) for page, text in pages.items() if page.read_text("utf-8") != text]
    assert not stale, f"the code says something else than {', '.join(stale)}: `{generate().RENEW}` renews it"


def test_every_setting_says_what_it_means() -> None:
    silent = [row[0] for row in rows((DOCS / "settings.md").read_text("utf-8")) if not row[-1]]
    assert not silent, "settings without a docstring"


def test_the_pages_build_without_a_dead_link(tmp_path: Path) -> None:
    built = tmp_path / "html"
    options = ("-W", "--keep-going", "-q", "-b", "html", "-d", str(tmp_path / "trees"))
    command = [sys.executable, "-m", "sphinx", *options, str(DOCS), str(built)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {page.stem for page in DOCS.glob("*.md")} <= {page.stem for page in built.glob("*.html")}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_row_of_a_table_is_one_line(page: Path) -> None:
    broken = [
        line for line in page.read_text("utf-8").splitlines() if line.startswith("| ") and line[-1] != "|"
    ]
    assert not broken


@pytest.mark.parametrize("page", [*PAGES, *BESIDE], ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in links(page):
        path, _, heading = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        assert not heading or heading in anchors(there), target


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_message_that_is_shown_is_one(page: Path) -> None:
    for block in blocks(page, "json"):
        if "type" in json.loads(block):
            decode(block.encode())


def test_the_readme_is_short() -> None:
    assert len(README.read_text("utf-8").splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_path_that_a_page_names_is_there(page: Path) -> None:
    """Paths of the checkout, that is; `runs/` and the like are made."""
    made = ("runs/", "stores/", "build/", "emotrack/1")  # and topics
    tops = {entry.name for entry in ROOT.iterdir()}
    paths = [word for word in code(prose(page)) if re.fullmatch(r"[\w.-]+/[\w./*-]*", word)]
    ours = [path for path in paths if path.split("/")[0] in tops and not path.startswith(made)]
    assert not [path for path in ours if not any(ROOT.glob(path))]


def test_the_picture_of_the_data_flow_names_what_is_there() -> None:
    picture = ElementTree.parse(DOCS / "dataflow.svg")
    texts = picture.iter("{http://www.w3.org/2000/svg}text")
    named = [text.text or "" for text in texts if text.get("class") == "path"]
    assert len(named) > 10
    homes = (ROOT, ROOT / "stream/session", ROOT / "stream/sources/timing")
    assert not [path for path in named if not any((home / path).exists() for home in homes)]


@cache
def defined() -> dict[str, set[str]]:
    """Every class of ours with what it defines, and every other name at the top of a module, with nothing."""
    found: dict[str, set[str]] = {}
    for path in architecture().modules().values():
        for node in ast.parse(path.read_text("utf-8")).body:
            match node:
                case ast.ClassDef(name=name, body=body):
                    methods = {one.name for one in body if isinstance(one, ast.FunctionDef)}
                    found[name] = found.get(name, set()) | methods
                case ast.FunctionDef(name=name) | ast.Assign(targets=[ast.Name(id=name)]):
                    found.setdefault(name, set())
    return found


def test_every_class_and_method_that_the_architecture_names_is_there() -> None:
    named = [word for word in code(prose(ARCHITECTURE)) if re.fullmatch(r"[A-Z][a-z]\w+(\.[a-z_]+)?", word)]
    assert len(named) > 20
    for word in named:
        owner, _, method = word.partition(".")
        assert owner in defined() and (not method or method in defined()[owner]), word


def test_where_something_new_goes_it_may_import_what_is_said() -> None:
    told = rows(section(ARCHITECTURE, "Where something new goes"))
    for new, where, imports, shown in told:
        paths = [word for word in code(where) + code(shown) if re.fullmatch(r"[\w.-]+(/[\w.-]*)+", word)]
        assert code(shown) and not [path for path in paths if not (ROOT / path).exists()], new
        home = paths[0].removesuffix(".py").strip("/").removeprefix("emotrack/")
        room = architecture().room(f"emotrack.{home.replace('/', '.')}")
        if imports == "–" or code(imports):
            assert set(code(imports)) == architecture().MAY_IMPORT[room], new
    assert len(told) == 12


@pytest.mark.parametrize("folder", FOLDERS, ids=name_of)
def test_a_folder_lists_what_is_in_it(folder: Path) -> None:
    listed = generate().listing(folder)
    held = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    held |= {f"{path.name}/" for path in folder.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert len(listed) == len(set(listed))
    assert set(listed) == held


def named_in(page: str, heading: str) -> list[str]:
    """What the tables of a section have in their first column, sorted."""
    return sorted(word for row in rows(section(DOCS / page, heading)) for word in code(row[0]))


def test_tables_name_all_that_there_is() -> None:
    from emotrack.training.corpora.open import CORPORA
    from emotrack.training.evaluation.tables import NAMES

    recipes = (ROOT / "configs/training").glob("*.yaml")
    assert named_in("training.md", "What is trained") == sorted(recipe.stem for recipe in recipes)
    assert named_in("training.md", "Data") == sorted(CORPORA)
    assert named_in("training.md", "Figures") == sorted(NAMES)


def test_every_reason_for_masking_is_one() -> None:
    folders = [*(ROOT / "stream").rglob("*.py"), ROOT / "engines/open.py"]
    source = "\n".join(path.read_text("utf-8") for path in folders)
    reasons = named_in("protocol.md", "Reasons")
    assert len(reasons) > 20
    assert not [reason for reason in reasons if f'"{reason}' not in source]


@pytest.mark.parametrize("page", [README, DOCS / "responsible-use.md"], ids=name_of)
def test_what_labels_are_worth_is_what_the_model_card_says(page: Path) -> None:
    card = (ROOT / "model/weights/MODEL_CARD.md").read_text("utf-8")
    cells = [cell for row in rows(page.read_text("utf-8")) for cell in row]
    figures = [figure for cell in cells for figure in re.findall(_FIGURE, cell)]
    assert figures
    stated = [re.compile(rf"(?<![\d.]){re.escape(figure)}(?![\d.])") for figure in figures]
    assert not [figure.pattern for figure in stated if not figure.search(card)]


_FIGURE = r"(?<![\d.])\d+\.\d+(?: ± \d+\.\d+)?(?![\d.])"
