"""What a camera sees, through the dashboard: only where the tracker shows it, and the newest to everybody."""

import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from emotrack.stream.wire.publish.pictures import Pictures
from helpers.sessions import sample_messages as sample
from helpers.sessions.dashboards import API, PATIENCE, Dashboard, dashboard, recorded
from helpers.sessions.wire import publishing


@contextmanager
def shown(pictures: Pictures | None) -> Iterator[Dashboard]:
    """The dashboard of a session whose one feed is called kitchen."""
    with publishing(pictures=pictures) as (publisher, outbox), dashboard(publisher.endpoint) as running:
        outbox.emit(sample.session())
        outbox.emit(sample.heartbeat())
        running.wait_for(session="s1")
        yield running


@contextmanager
def filmed(pictures: Pictures) -> Iterator[None]:
    stop = threading.Event()

    def film() -> None:
        moment = 0.0
        while not stop.wait(0.05):
            moment += 0.05
            pictures.show("kitchen", moment, np.full((480, 640, 3), 90, np.uint8))

    camera = threading.Thread(target=film)
    camera.start()
    try:
        yield
    finally:
        stop.set()
        camera.join()


def test_who_asks_sees_the_newest_picture() -> None:
    pictures = Pictures()
    with shown(pictures) as running, filmed(pictures):
        deadline = time.monotonic() + PATIENCE
        while (answer := running.ask(f"{API}/picture/kitchen")).status != 200:
            assert answer.data["error"].startswith("There is no picture yet")
            assert time.monotonic() < deadline
        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.headers["cache-control"] == "no-store"
        assert Image.open(io.BytesIO(answer.body)).size == (640, 480)
        other = running.ask(f"{API}/picture/garden")
        assert (other.status, other.data["error"]) == (404, "There is no feed garden in this session.")


def test_a_tracker_that_shows_none_says_so() -> None:
    with shown(None) as running:
        answer = running.ask(f"{API}/picture/kitchen")
        assert answer.status == 404
        assert answer.data["error"] == "This tracker shows no pictures: `emotrack run --pictures` does."


def test_a_recording_has_none(tmp_path: Path) -> None:
    with dashboard(str(recorded(sample.conversation(), tmp_path / "talk.jsonl"))) as running:
        answer = running.ask(f"{API}/picture/kitchen")
        assert (answer.status, answer.data["error"]) == (404, "A recording is shown without pictures.")
