"""The page of a recording: every part of it shows the state at the time that the scrubber says."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.browsing.browser import Page
from helpers.browsing.serving import dashboard, recorded
from helpers.browsing.talk import SPOKEN, TURN, talk

LENGTH = 60.0
SHOWN = "document.querySelector('#playback .window').innerText"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A recording of a minute."""
    path: Path = recorded(tmp_path_factory.mktemp("recording") / "talk.jsonl", talk(LENGTH))
    with dashboard(str(path)) as served:
        yield served


def finals_until(time: float) -> int:
    return sum(number * TURN + SPOKEN <= time for number in range(int(LENGTH // TURN)))


def scrub(page: Page, time: float) -> None:
    page.run(
        "(() => { const range = document.querySelector('#playback input');"
        f"range.value = {time}; range.dispatchEvent(new Event('input')); }})()"
    )


def finals(page: Page, count: int) -> None:
    page.wait(f"document.querySelectorAll('#transcript li.final').length === {count}")


def test_a_recording_opens_at_its_end_with_all_that_was_said(page: Page, address: str) -> None:
    page.open(address)
    finals(page, finals_until(LENGTH))
    assert "recording" in page.text("#state")
    assert "0:59 of 0:59" in page.text("#playback")


@pytest.mark.parametrize("time", [20.0, 4.75, 0.3, 50.25])
def test_the_scrubber_shows_the_state_at_a_time(page: Page, address: str, time: float) -> None:
    page.open(address)
    finals(page, finals_until(LENGTH))
    scrub(page, time)
    finals(page, finals_until(time))
    state = page.run(f"fetch('/api/v1/state?at={time}').then((answer) => answer.json())")["messages"]
    persons = {each["person"]: each for each in state if each["type"] == "person"}
    cards = page.run("[...document.querySelectorAll('#people .card')].map((card) => card.innerText)")
    assert len(cards) == len(persons)
    for name, person in persons.items():
        (card,) = [card for card in cards if card.startswith(name)]
        assert person["label"] in card and f"{round(100 * person['confidence'])} %" in card
    minutes, seconds = divmod(int(time), 60)
    assert page.text("#playback .window").startswith(f"{minutes}:{seconds:02}")
    (clock,) = re.findall(r"session time\s+(\d+:\d\d)", page.text("#state"))
    assert clock == f"{minutes}:{seconds:02}"


def test_the_last_of_many_wishes_counts(page: Page, address: str) -> None:
    page.open(address)
    finals(page, finals_until(LENGTH))
    for time in (5, 55, 12, 48, 30, 2, 40):
        scrub(page, time)
    finals(page, finals_until(40))
    page.wait(f"{SHOWN}.startsWith('0:40')")


def test_playing_goes_on_from_the_time_that_is_shown_and_pauses(page: Page, address: str) -> None:
    page.open(address)
    finals(page, finals_until(LENGTH))
    scrub(page, 10)
    finals(page, finals_until(10))
    page.run("(() => { const speed = document.querySelector('#playback select'); speed.value = 8; })()")
    page.press(" ")
    page.wait("document.querySelector('.play').ariaLabel === 'pause'")
    page.wait(f"document.querySelectorAll('#transcript li.final').length >= {finals_until(10) + 2}")
    page.press(" ")
    page.wait("document.querySelector('.play').ariaLabel === 'play'")
    held = page.run(SHOWN)
    shown = page.run("document.querySelectorAll('#transcript li.final').length")
    page.run("new Promise((done) => setTimeout(done, 700))")
    assert page.run(SHOWN) == held and 10 < shown * TURN < LENGTH
    assert page.run("document.querySelectorAll('#transcript li.final').length") == shown


def test_playing_ends_at_the_end_and_begins_anew(page: Page, address: str) -> None:
    page.open(address)
    finals(page, finals_until(LENGTH))
    scrub(page, 57)
    finals(page, finals_until(57))
    page.run("document.querySelector('#playback select').value = 8")
    page.press(" ")
    page.wait("document.querySelector('.play').ariaLabel === 'pause'")
    page.wait("document.querySelector('.play').ariaLabel === 'play'")
    assert "0:59 of 0:59" in page.text("#playback") and page.run("document.querySelector('#trouble').hidden")
    page.run("document.querySelector('#playback select').value = 0.5")
    page.press(" ")
    page.wait(f"{SHOWN}.startsWith('0:0')")


def test_keys_move_the_scrubber(page: Page, address: str) -> None:
    page.open(address)
    finals(page, finals_until(LENGTH))
    page.run("document.querySelector('#playback input').focus()")
    page.press("Home")
    finals(page, 0)
    page.wait("document.querySelector('#playback input').ariaValueText === '0:00 of 0:59'")
    page.press("End")
    finals(page, finals_until(LENGTH))
    page.press("j")
    page.wait(f"{SHOWN}.startsWith('0:54')")
    page.press("l")
    page.wait(f"{SHOWN}.startsWith('0:59')")
