"""The page for everybody: by keys alone, on a phone, in dark and light, with little motion, read aloud."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.browsing.browser import Page
from helpers.browsing.serving import dashboard, recorded
from helpers.browsing.talk import talk

PAGE = Path(__file__).parents[5] / "stream/views/dashboard/page"
READY = "document.querySelectorAll('#transcript li.final').length === 10 && document.querySelector('.card')"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path = recorded(
        tmp_path_factory.mktemp("recording") / "talk.jsonl", talk(60, ("anna", "bert-with-a-long-name"))
    )
    with dashboard(str(path)) as served:
        yield served


def axe() -> Path | None:
    """The npm package axe-core, where node would find it."""
    probe = ["node", "-p", "require.resolve('axe-core/axe.min.js')"]
    try:
        done = subprocess.run(probe, capture_output=True, text=True, cwd=PAGE)
    except FileNotFoundError:
        return None
    return Path(done.stdout.strip()) if done.returncode == 0 else None


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("width", [1400, 360])
def test_axe_finds_nothing(page: Page, address: str, theme: str, width: int) -> None:
    script = axe()
    if script is None:
        pytest.skip("node does not find the npm package axe-core (see NODE_PATH)")
    page.size(width, 800)
    page.prefer(color_scheme=theme)
    page.open(address)
    page.wait(READY)
    page.run("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    page.run("document.querySelector('#timeline canvas').focus()")
    page.press("Home")
    page.wait("document.querySelector('.inspector strong')")
    page.run(script.read_text("utf-8") + "; 1")
    run_axe = "axe.run().then(({violations, passes}) => ({violations, passes: passes.length}))"
    for key in ("", "?"):  # the page, and the overlay over it
        if key:
            page.press(key)
        found = page.run(run_axe)
        told = [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found["violations"]]
        assert not told and found["passes"] > 20
    page.problems = []  # axe has the browser warn of what it tries


@pytest.mark.parametrize("width", [360, 412, 800, 1240, 1920])
def test_nothing_is_wider_than_the_screen(page: Page, address: str, width: int) -> None:
    page.size(width, 800)
    page.open(address)
    page.wait(READY)
    page.run("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    assert page.run("document.documentElement.scrollWidth") == width
    assert page.run("document.querySelector('#help').getBoundingClientRect().right") <= width


def test_tab_reaches_everything_and_shows_where_it_is(page: Page, address: str) -> None:
    page.open(address)
    page.wait(READY)
    all_of_them = "[...document.querySelectorAll('button, select, input, canvas[tabindex], summary, a')]"
    seen = f"{all_of_them}.filter((each) => each.checkVisibility())"
    unvisited = page.run(f"window.unvisited = new Set({seen}); window.unvisited.size")
    assert unvisited > 20
    for _ in range(2 * unvisited):
        page.press("Tab")
        outlined = page.run(
            "(() => { const focused = document.activeElement; window.unvisited.delete(focused);"
            "return focused === document.body || getComputedStyle(focused).outlineStyle !== 'none' })()"
        )
        assert outlined, page.run("document.activeElement.outerHTML")
    assert page.run("[...window.unvisited].map((each) => each.outerHTML)") == []


def test_keys_do_what_the_overlay_says(page: Page, address: str) -> None:
    page.open(address)
    page.wait(READY)
    page.press("?")
    assert "the utterance before, after" in page.text("dialog[open]")
    page.press("Escape")
    page.wait("!document.querySelector('dialog[open]')")
    for key, place in zip("12345", ("people", "timeline", "transcript", "plane", "picture"), strict=True):
        page.press(key)
        assert page.run("document.activeElement.id") == place
    window = "document.querySelector('#timeline .window').innerText"
    before = page.run(window)
    page.press("+")
    page.wait(f"{window} !== {before!r}")
    page.press("-")
    page.wait(f"{window} === {before!r}")
    follow = "document.querySelector('#timeline [aria-pressed]').getAttribute('aria-pressed')"
    page.press("f")
    page.wait(f"{follow} === 'false'")
    theme = "getComputedStyle(document.body).backgroundColor"
    dark = page.run(theme)
    page.press("t")
    page.wait(f"{theme} !== {dark!r}")
    page.press("p")
    page.wait("document.querySelector('#picture [aria-pressed]').ariaPressed === 'true'")
    page.press("p")
    page.problems = [said for said in page.problems if "/api/v1/picture/" not in said]


def test_the_timeline_is_gone_through_by_keys(page: Page, address: str) -> None:
    page.open(address)
    page.wait(READY)
    page.run("document.querySelector('#timeline canvas').focus()")
    told = "document.querySelector('.inspector').innerText"
    page.press("Home")
    page.wait(f"{told}.includes('anna, 0:00')")
    page.press("ArrowRight")
    page.wait(f"{told}.includes('anna, 0:12')")
    page.press("ArrowDown")
    page.wait(f"{told}.includes('bert-with-a-long-name, 0:')")
    page.press("End")
    page.wait(f"{told}.includes('bert-with-a-long-name, 0:54')")
    page.press("ArrowLeft")
    page.wait(f"{told}.includes('bert-with-a-long-name, 0:42')")
    window = page.run("document.querySelector('#timeline .window').innerText")
    page.press("ArrowLeft", shift=True)
    page.wait(f"document.querySelector('#timeline .window').innerText !== {window!r}")
    page.press("Enter")
    page.wait("document.querySelector('.refused, .explanation strong')")
    assert page.run("document.activeElement.closest('li').dataset.utterance") == "7"
    page.problems = [said for said in page.problems if "/api/v1/explanation/" not in said]


def test_single_keys_can_be_switched_off(page: Page, address: str) -> None:
    page.open(address)
    page.wait(READY)
    page.press("?")
    page.run("document.querySelector('dialog[open] input').click()")
    page.press("Escape")
    theme = "getComputedStyle(document.body).backgroundColor"
    before = page.run(theme)
    page.press("t")
    assert page.run(theme) == before
    page.press("?")
    assert page.run("document.querySelector('dialog[open] input').checked") is False


def test_the_theme_is_that_of_the_system_until_it_is_chosen(page: Page, address: str) -> None:
    theme = "getComputedStyle(document.body).backgroundColor"
    page.prefer(color_scheme="light")
    page.open(address)
    light = page.run(theme)
    page.prefer(color_scheme="dark")
    page.wait(f"{theme} !== {light!r}")
    page.run("document.querySelector('#theme').click()")
    page.wait(f"{theme} === {light!r}")
    page.open(address)
    assert page.run(theme) == light


def test_a_label_is_told_apart_without_its_colour(page: Page, address: str) -> None:
    page.open(address)
    labels = ("neutral", "joy", "sadness", "anger", "surprise", "fear", "disgust")
    looks = page.run(
        f"import('/page/labels.js').then(({{look}}) => {list(labels)!r}.map((label) => look(label)))"
    )
    assert len({look["path"] for look in looks}) == len({look["code"] for look in looks}) == len(labels)


def test_little_motion_is_kept_to(page: Page, address: str) -> None:
    page.prefer(reduced_motion="reduce")
    page.open(address)
    page.wait(READY)
    moves = "(each) => getComputedStyle(each).transitionDuration !== '0s'"
    moving = f"[...document.querySelectorAll('*')].filter({moves})"
    assert page.run(f"{moving}.length") == 0
    page.prefer(reduced_motion="no-preference")
    assert page.run(f"{moving}.length") > 0


def test_the_page_asks_nobody_but_its_own_server(page: Page, address: str) -> None:
    page.open(address)
    page.wait(READY)
    names = page.run("performance.getEntriesByType('resource').map((each) => each.name)")
    assert names and all(name.startswith(address) for name in names)


def test_what_the_labels_are_is_said_on_the_page(page: Page, address: str) -> None:
    page.open(address)
    assert "estimates of expressed emotion" in page.text("footer")
    page.run("document.querySelector('#responsible').click()")
    assert "responsible-use.md" in page.text("dialog[open]")


def test_english_is_in_one_file() -> None:
    markup = re.sub(r"<title>.*?</title>|<h1>emotrack</h1>", "", (PAGE / "index.html").read_text("utf-8"))
    assert not re.findall(r">\s*([A-Za-z][^<]*)<", markup)
    for path in [*PAGE.glob("*.js"), *PAGE.glob("views/*.js")]:
        if path.name == "strings.js":
            continue
        code = re.sub(r"//.*|/\*.*?\*/", "", path.read_text("utf-8"), flags=re.MULTILINE)
        texts = re.findall(r'"([^"\n]*)"', code)
        assert not [text for text in texts if re.search(r"[a-z] [a-z]+ [a-z]|^[A-Z][a-z]+ ", text)], path.name


def test_nothing_of_others_is_in_the_page() -> None:
    assert not [path for path in PAGE.rglob("*") if path.suffix not in ("", ".html", ".css", ".js", ".svg")]
    assert os.path.getsize(PAGE / "style.css") < 40_000
