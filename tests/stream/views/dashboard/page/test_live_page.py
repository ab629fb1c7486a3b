"""The page of a session that runs: what is told of it comes up, survives what befalls it, and is text."""

import json
import time
from pathlib import Path
from typing import Any

from emotrack.demo import clip_path
from emotrack.stream.wire.protocol.messages import Emotion, Person, Speaker
from emotrack.stream.wire.protocol.parts import FeedInfo
from emotrack.stream.wire.recordings.reading import read_messages
from helpers.browsing.browser import Page
from helpers.browsing.serving import dashboard, free_port
from helpers.browsing.talk import talk
from helpers.sessions import sample_messages as sample
from helpers.sessions.commands import start
from helpers.sessions.wire import emit_all, heartbeats, publishing, unused_endpoint

HOSTILE = "<img src=x onerror='window.hurt = 1'><b>bold</b> & \"so\""


def test_a_real_session_comes_up_as_it_is_tracked(page: Page, tmp_path: Path) -> None:
    endpoint = unused_endpoint()
    with dashboard(endpoint) as address:
        page.open(address)
        assert page.wait("document.querySelector('#state').innerText.includes('nothing from tcp://')")
        options = ("--fast", "--publish", endpoint, "--record", str(tmp_path / "kept"))
        tracking = start("run", str(clip_path()), *options)
        _, said = tracking.communicate(timeout=240)
        assert tracking.returncode == 0, said
        page.wait("document.querySelector('#state').innerText.startsWith('ended')")
        (recording,) = (tmp_path / "kept").glob("*.mcap")
        newest: dict[int, Emotion] = {}
        people: dict[str, Person] = {}
        for message in read_messages(recording):
            match message:
                case Emotion(state="final" | "revised"):
                    newest[message.utterance] = message
                case Person():
                    people[message.person] = message
                case Speaker(event="alias"):
                    people.pop(message.speaker, None)
        assert newest and people
        page.wait(f"document.querySelectorAll('#transcript li').length === {len(newest)}")
        lines = page.text("#transcript")
        cards = page.text("#people")
        page.run("document.querySelector('details.table').open = true")
        rows = page.wait("document.querySelectorAll('#timeline tbody tr').length")
    assert rows == len(newest)
    for label in newest.values():
        said = "no words" if label.transcript is None else " ".join(label.transcript.text.split())
        assert said in lines and label.label in lines and label.speaker.id in lines
    for person in people.values():
        known_again = person.state == "present" or person.utterance is not None
        assert (person.person in cards) is known_again
        assert person.label in cards or not known_again


def test_what_messages_say_is_text_and_never_html(page: Page) -> None:
    with publishing() as (publisher, outbox), dashboard(publisher.endpoint) as address:
        feeds = (FeedInfo(source="kitchen", description=HOSTILE),)
        emit_all(outbox, [sample.session(feeds=feeds), sample.new_speaker(), sample.person(label=HOSTILE)])
        reason = sample.modalities(face=sample.masked(HOSTILE), **{HOSTILE: sample.imputed(0.1, HOSTILE)})
        said = sample.said(f"I say {HOSTILE}")
        outbox.emit(sample.emotion(1, label=HOSTILE, transcript=said, modalities=reason))
        outbox.emit(sample.emotion(2, label="constructor", transcript=sample.said("__proto__")))
        outbox.emit(sample.feed("video", "down", HOSTILE, 3.0))
        outbox.emit(sample.error(HOSTILE))
        outbox.emit(sample.error("W" * 900))
        last = outbox.emit(sample.heartbeat(6.0, shed={HOSTILE: 3}, shedding=(HOSTILE,)))
        page.open(address)
        page.wait(f"document.documentElement.dataset.shown >= {last.seq}")
        page.run("document.querySelector('details.table').open = true")
        page.run("document.querySelector('#timeline canvas').focus()")
        page.press("Home")
        for place in (
            "#people",
            "#transcript",
            "#notices",
            "#feeds",
            "#state",
            ".inspector",
            "details.table",
        ):
            page.wait(f"document.querySelector('{place}').innerText.includes({json.dumps(HOSTILE)})")
        assert page.run("document.querySelectorAll('img, b').length") == 0
        assert page.run("typeof window.hurt") == "undefined"
        assert page.run("document.documentElement.scrollWidth") <= 1400


def test_the_page_goes_on_when_the_server_comes_back(page: Page) -> None:
    port = free_port()
    with publishing() as (publisher, outbox), heartbeats(outbox):
        emit_all(outbox, [sample.session(), sample.emotion(1, transcript=sample.said("before"))])
        with dashboard(publisher.endpoint, port=port) as address:
            page.open(address)
            page.wait("document.querySelector('#transcript').innerText.includes('before')")
        page.wait("document.querySelector('#state').innerText.includes('connecting again')")
        assert page.wait("document.querySelector('#trouble').innerText")
        outbox.emit(sample.emotion(2, transcript=sample.said("meanwhile")))
        with dashboard(publisher.endpoint, port=port):
            page.wait("document.querySelector('#transcript').innerText.includes('meanwhile')")
            page.wait("document.querySelector('#state').innerText.includes('live')")
            outbox.emit(sample.emotion(3, transcript=sample.said("afterwards")))
            page.wait("document.querySelector('#transcript').innerText.includes('afterwards')")
            assert page.run("document.querySelector('#trouble').hidden")
            assert page.run("document.querySelectorAll('#transcript li').length") == 3
    page.problems = [said for said in page.problems if "ERR_CONNECTION_REFUSED" not in said]


def test_a_tracker_that_falls_silent_is_told_of(page: Page) -> None:
    with publishing() as (publisher, outbox), dashboard(publisher.endpoint) as address:
        emit_all(outbox, [sample.session(), sample.heartbeat(1.0)])
        page.open(address)
        page.wait("document.querySelector('#state').innerText.includes('silent for')")


def test_what_a_label_lacks_is_said_with_its_reason(page: Page) -> None:
    with publishing() as (publisher, outbox), dashboard(publisher.endpoint) as address:
        missing = sample.modalities(
            text=sample.imputed(0.1, "no recogniser"), face=sample.masked("face too small")
        )
        person = sample.person(known=1.5, valence=None, arousal=None, valence_trend=None, arousal_trend=None)
        emit_all(outbox, [sample.session(), sample.emotion(1, modalities=missing), person])
        shedding = sample.heartbeat(9.0, lag=2.5, shedding=("partials", "body"), shed={"partials": 7})
        last = outbox.emit(shedding)
        page.open(address)
        page.wait(f"document.documentElement.dataset.shown >= {last.seq}")
        page.run("document.querySelector('#timeline canvas').focus()")
        page.press("End")
        page.wait("document.querySelector('.inspector').innerText.includes('face: missing (face too small)')")
        assert "text: missing and stood in for (no recogniser)" in page.text(".inspector")
        assert "little known: rests on 1.5 s only" in page.text("#people")
        assert "not given" in page.text("#people") and "not given" in page.text("#plane")
        assert "leaves out partials, body; left out so far: partials 7" in page.text("#state")
        assert "2.50 s" in page.text("#state")


def test_an_alias_moves_what_was_said_to_whom_it_belongs(page: Page) -> None:
    with publishing() as (publisher, outbox), dashboard(publisher.endpoint) as address:
        emit_all(outbox, [sample.session(), sample.emotion(1, "spk1"), sample.emotion(2, "spk2")])
        emit_all(outbox, [sample.person("spk1"), sample.person("spk2")])
        page.open(address)
        page.wait("document.querySelectorAll('#people .card').length === 2")
        outbox.emit(sample.alias("spk2", "spk1"))
        page.wait("document.querySelectorAll('#people .card').length === 1")
        who = "[...document.querySelectorAll('.speaker')].map((each) => each.innerText).join()"
        page.wait(f"{who} === 'spk1,spk1'")


def test_why_says_what_the_server_says_where_there_is_no_evidence(page: Page) -> None:
    with publishing() as (publisher, outbox), dashboard(publisher.endpoint) as address:
        emit_all(outbox, [sample.session(), sample.emotion(1)])
        page.open(address)
        page.wait("document.querySelector('#transcript .why')")
        page.run("document.querySelector('#transcript .why').click()")
        page.wait("document.querySelector('.refused')?.innerText.startsWith('No explanation: ')")
        sentence = page.run("fetch('/api/v1/explanation/1').then((answer) => answer.json())")["error"]
        assert sentence in page.text(".refused")
    page.problems = [said for said in page.problems if "/api/v1/explanation/1" not in said]


def test_a_picture_is_asked_for_only_when_the_user_wants_it(page: Page) -> None:
    with publishing() as (publisher, outbox), dashboard(publisher.endpoint) as address:
        emit_all(outbox, [sample.session(), sample.heartbeat(1.0)])
        page.open(address)
        page.wait("document.documentElement.dataset.shown > 1")
        time.sleep(1.0)
        resources = "performance.getEntriesByType('resource')"
        asked = f"{resources}.filter((each) => each.name.includes('/picture/')).length"
        assert page.run(asked) == 0
        page.press("p")
        page.wait("document.querySelector('#picture').innerText.includes('No picture: ')")
        assert page.run(asked) == 1
        page.press("p")
        assert "only when you ask" in page.text("#picture")
    page.problems = [said for said in page.problems if "/api/v1/picture/" not in said]


STAND_IN = """
const canvas = Object.assign(document.createElement("canvas"), {width: 640, height: 480});
const context = canvas.getContext("2d");
context.fillRect(0, 0, 640, 480);
const asked = window.fetch;
window.pictures = 0;
window.fetch = async (address, ...options) => {
  if (!String(address).includes("/picture/kitchen")) return asked(address, ...options);
  window.pictures += 1;
  return new Response(await new Promise((done) => canvas.toBlob(done, "image/jpeg")));
};
"""
"""A stand-in for a camera: pictures that are black."""


def test_faces_have_boxes_and_pictures_stop_when_they_are_hidden(page: Page) -> None:
    with publishing() as (publisher, outbox), dashboard(publisher.endpoint) as address:
        joy: dict[str, Any] = {"label": "joy", "confidence": 0.7, "scores": {"joy": 0.7}, "reason": None}
        face = sample.face(1, person="anna", time=1.0, **joy)
        sent = emit_all(outbox, [sample.session(), sample.heartbeat(1.0), face, sample.face(2, time=1.0)])
        page.open(address)
        page.wait(f"document.documentElement.dataset.shown >= {sent[-1].seq}")
        page.run(f"(() => {{ {STAND_IN} }})()")
        page.run("document.querySelector('#picture').scrollIntoView()")
        page.press("p")
        page.wait("window.pictures >= 2 && !document.querySelector('#picture canvas').hidden")
        colour = (
            "[...document.querySelector('#picture canvas').getContext('2d')"
            ".getImageData(Math.round(0.4 * 640), 240, 1, 1).data].slice(0, 3)"
        )
        assert sum(page.run(colour)) > 60, "the left side of a box"
        told = page.text("#picture ul")
        assert "anna: joy, 70 %" in told and "kitchen-face2: no label (not yet)" in told
        page.press("p")
        page.wait("document.querySelector('#picture canvas').hidden")
        until = page.run("window.pictures")
        time.sleep(1.0)
        assert page.run("window.pictures") <= until + 1


def test_new_labels_are_told_politely_and_not_all(page: Page) -> None:
    with publishing() as (publisher, outbox), dashboard(publisher.endpoint) as address:
        emit_all(outbox, [sample.session()])
        page.open(address)
        page.wait("document.documentElement.dataset.shown >= 1")
        page.run(
            "window.told = 0; new MutationObserver(() => window.told++)"
            ".observe(document.querySelector('#news'), {childList: true, characterData: true, subtree: true})"
        )
        sent = emit_all(outbox, talk(120))
        with heartbeats(outbox):  # which show that the last of so many at once were lost, where they were
            page.wait(f"document.documentElement.dataset.shown >= {sent[-1].seq}")
        assert page.run("window.told") <= 2
        assert page.run("document.querySelector('#news').getAttribute('aria-live')") == "polite"
        assert page.text("#news")
