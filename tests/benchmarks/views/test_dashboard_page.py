"""The dashboard's page as a person waits for it: first paint, messages on the screen, and a day of them."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from helpers.browsing.browser import CHROMIUM, NO_CHROMIUM, Page, browser
from helpers.browsing.serving import dashboard
from helpers.browsing.talk import talk
from helpers.sessions.wire import emit_all, publishing

PEOPLE = ("anna", "bert", "carla")
"""With whom a talk has 20 messages a second."""
SECONDS = 30.0
DAY = 24 * 3600
AT_ONCE = 300.0
"""Seconds of feed time that are told before the page is waited for."""
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
WATCH = """
window.seen = [];
new MutationObserver(() => {
  const shown = Number(document.documentElement.dataset.shown);
  requestAnimationFrame(() => setTimeout(() => window.seen.push([shown, Date.now()])));
}).observe(document.documentElement, {attributes: true, attributeFilter: ["data-shown"]});
"""
"""Notes when the page has painted the frame after that in which it showed a message."""


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    if CHROMIUM is None:
        pytest.skip(NO_CHROMIUM)
    with browser(tmp_path / "profile") as opened:
        opened.size(1400, 900)
        yield opened


def test_first_paint(benchmark: BenchmarkFixture, page: Page) -> None:
    """With ten minutes of a talk to show."""
    with publishing() as (publisher, outbox), dashboard(publisher.endpoint) as address:
        emit_all(outbox, talk(600, PEOPLE))
        paints: list[float] = []

        def load() -> None:
            page.call("Network.clearBrowserCache")
            page.open(address)
            paints.append(page.wait(FIRST_PAINT))
            page.wait("document.querySelectorAll('#people .card').length === 3")

        benchmark.pedantic(load, rounds=7, warmup_rounds=1)
    benchmark.extra_info["first contentful paint, ms"] = [round(paint) for paint in paints]
    assert np.median(paints) < 1000


@pytest.mark.timeout(600)
def test_from_a_message_to_the_screen(benchmark: BenchmarkFixture, page: Page) -> None:
    """At 20 messages a second, from the moment at which each is handed over for sending."""
    with publishing() as (publisher, outbox), dashboard(publisher.endpoint) as address:
        emit_all(outbox, talk(600, PEOPLE))
        page.open(address)
        page.wait("document.querySelectorAll('#people .card').length === 3")
        page.run(WATCH)
        sent: dict[int, float] = {}

        def live() -> None:
            begin = time.monotonic()
            for body in talk(SECONDS, PEOPLE, begin=600):
                due: float = getattr(body, "time", getattr(body, "end", 600.0))
                time.sleep(max(0.0, begin + due - 600 - time.monotonic()))
                message = outbox.emit(body)
                sent[message.seq] = message.published_unix_ns / 1e6
            page.wait(f"document.documentElement.dataset.shown >= {max(sent)}")

        benchmark.pedantic(live, rounds=1)
        time.sleep(0.5)
        seen = page.run("window.seen")
    shown = np.array([each[0] for each in seen])
    moments = np.array([each[1] for each in seen])
    delays = [moments[np.searchsorted(shown, seq)] - at for seq, at in sent.items() if seq <= shown[-1]]
    benchmark.extra_info["messages a second"] = round(len(sent) / SECONDS, 1)
    benchmark.extra_info["message to screen, ms, p50 p95 max"] = [
        round(float(np.percentile(delays, each)), 1) for each in (50, 95, 100)
    ]
    assert len(delays) > 0.95 * len(sent)
    assert np.percentile(delays, 95) < 150


@pytest.mark.timeout(3600)
def test_a_day_of_feed_time(benchmark: BenchmarkFixture, page: Page) -> None:
    """Told as fast as the page takes it; the heap after garbage was collected, every hour."""
    heaps: list[float] = []
    with publishing() as (publisher, outbox), dashboard(publisher.endpoint) as address:
        emit_all(outbox, talk(AT_ONCE))
        page.open(address)
        page.wait("document.querySelectorAll('#people .card').length === 2")
        last = 0

        def day() -> None:
            nonlocal last
            for begin in np.arange(AT_ONCE, DAY, AT_ONCE):
                for body in talk(AT_ONCE, begin=float(begin)):
                    last = outbox.emit(body).seq
                page.wait(f"document.documentElement.dataset.shown >= {last}", 120)
                if (begin + AT_ONCE) % 3600 == 0:
                    heaps.append(page.heap())

        benchmark.pedantic(day, rounds=1)
    benchmark.extra_info["messages"] = last
    benchmark.extra_info["heap after 1 h, 12 h, 24 h, MB"] = [round(heaps[each], 1) for each in (0, 11, -1)]
    assert max(heaps) < 200
    assert heaps[-1] < 1.5 * heaps[3], "it grows"
