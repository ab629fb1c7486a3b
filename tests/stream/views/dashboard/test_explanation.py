"""Labels explained on demand, by the command that explains them."""

import json
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from emotrack.explaining.evidence import SUFFIX, EvidenceRecorder
from emotrack.stream.views.dashboard.explanations import SECONDS, WAITING
from emotrack.stream.wire.publish.outbox import Outbox
from helpers.sessions import sample_messages as sample
from helpers.sessions.commands import emotrack
from helpers.sessions.dashboards import API, PATIENCE, Answer, Dashboard, dashboard, recorded
from helpers.sessions.explaining import demonstration
from helpers.sessions.wire import publishing

pytestmark = pytest.mark.xdist_group("explaining")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `emotrack run --record --keep-evidence` leaves: a recording, and evidence beside it."""
    folder = tmp_path_factory.mktemp("kept")
    outbox = Outbox("s1")
    recorded([outbox.emit(body) for body in (sample.session(), sample.emotion(1))], folder / "s1.jsonl")
    recorder = EvidenceRecorder(folder / f"s1{SUFFIX}")
    for labelled in demonstration().values():
        recorder(labelled)
    return folder


def explained(running: Dashboard, utterance: int) -> Answer:
    return running.ask(f"{API}/explanation/{utterance}", patience=SECONDS + PATIENCE)


def test_a_label_is_explained_as_the_command_does(
    kept: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = shutil.copytree(kept, tmp_path / "kept")
    outcome = emotrack(
        capfd, monkeypatch, "explain", str(folder / f"s1{SUFFIX}"), "--utterance", "2", "--json", "-"
    )
    expected: Any = json.loads(outcome.out)
    words = [part["name"] for part in expected["parts"] if part["kind"] == "word"]
    assert " ".join(words) == expected["transcript"]
    with dashboard(str(folder)) as running:
        assert running.get("/status")["explanations"] is True
        with ThreadPoolExecutor(3) as pool:  # who ask for the same
            answers = list(pool.map(lambda _: explained(running, 2), range(3)))
        assert [(answer.status, answer.data) for answer in answers] == [(200, expected)] * 3
        assert explained(running, 99).status == 404 and "99" in explained(running, 99).data["error"]
        evidence = folder / f"s1{SUFFIX}" / "utterance-000003.safetensors"
        evidence.write_bytes(evidence.read_bytes()[:1000])
        damaged = explained(running, 3)
        assert damaged.status == 409 and "damaged" in damaged.data["error"]
        assert damaged.data["error"].count("\n") == 0 and "emotrack: " not in damaged.data["error"]
    with dashboard(str(folder / "s1.jsonl")) as running:
        assert running.get("/status")["explanations"] is True


def test_a_label_of_a_running_session_is_explained_too(kept: Path) -> None:
    with publishing("s1") as (publisher, outbox):
        with dashboard(publisher.endpoint) as running:
            outbox.emit(sample.session())
            running.wait_for(session="s1")
            without = explained(running, 1)
            assert without.status == 404 and "--keep-evidence" in without.data["error"]
        with dashboard(publisher.endpoint, "--evidence", str(kept)) as running:
            running.wait_for(session="s1", explanations=True)
            assert explained(running, 1).data["utterance"] == 1


def test_what_is_being_explained_ends_with_the_dashboard(kept: Path) -> None:
    with dashboard(str(kept)) as running:
        told: list[Answer] = []
        asking = [
            threading.Thread(target=lambda number=number: told.append(explained(running, number)))
            for number in range(1, WAITING + 2)
        ]
        for one in asking:
            one.start()
        children: list[psutil.Process] = []
        deadline = time.monotonic() + PATIENCE
        while not (children and told):
            assert time.monotonic() < deadline
            children = psutil.Process(running.process.pid).children() or children
            time.sleep(0.01)
        assert len(children) == 1  # at a time
    for one in asking:
        one.join(PATIENCE)
    assert not any(child.is_running() for child in children)
    sentences = [answer.data["error"] for answer in told]
    assert sentences[0].startswith("Other utterances") and {answer.status for answer in told} == {503}
    assert sentences[1:] == ["The dashboard stops."] * WAITING
