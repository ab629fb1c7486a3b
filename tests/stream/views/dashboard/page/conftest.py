"""A browser for each test of the page, and its window as a desk has it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.browsing.browser import CHROMIUM, NO_CHROMIUM, Page, browser


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """A tab that is 1,400 pixels wide; what it complained of, of its own accord, fails the test."""
    if CHROMIUM is None:
        pytest.skip(NO_CHROMIUM)
    with browser(tmp_path / "profile") as opened:
        opened.size(1400, 900)
        yield opened
        assert not opened.problems
