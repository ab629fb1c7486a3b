"""Listening to a tracker that runs elsewhere: who cannot be reached is told apart, what is not well is named
with what mends it, and a publisher that lies, floods or says nothing costs seconds and no more."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import zmq

from emotrack.errors import UserError
from emotrack.stream.views.monitor.diagnosis import Check, diagnose
from emotrack.stream.views.monitor.observation import Observation, observe
from emotrack.stream.wire.protocol.keys import ServerKeys, create_keys
from emotrack.stream.wire.protocol.messages import Message
from emotrack.stream.wire.protocol.parts import (
    EngineInfo,
    FeedInfo,
    PolicyInfo,
    SkippedBackend,
)
from emotrack.stream.wire.publish.outbox import Outbox
from helpers.sessions import sample_messages as sample
from helpers.sessions.wire import lossy_relay, publishing, unused_endpoint

pytestmark = pytest.mark.xdist_group("processes")

QUICK: dict[str, Any] = {"seconds": 0.5, "first_wait": 6.0}
NOW: dict[str, Any] = {"start_unix_ns": time.time_ns()}
HEARTBEATS = (sample.heartbeat(),)


def checks(observation: Observation) -> dict[str, Check]:
    """By subject; of several feeds the last."""
    return {check.subject: check for check in diagnose(observation)}


@contextmanager
def beating(outbox: Outbox, *beats: Message) -> Iterator[None]:
    """The heartbeats one after the other, twenty a second, the last again and again."""
    stop = threading.Event()

    def beat() -> None:
        waiting = list(beats)
        while not stop.wait(0.05):
            outbox.emit(waiting.pop(0) if len(waiting) > 1 else waiting[0])

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def seen(*messages: Message, beats: tuple[Message, ...] = ()) -> dict[str, Check]:
    """What is said of a tracker that published these before anybody listened, and beats on."""
    with publishing() as (publisher, outbox):
        outbox.emit(sample.session(**NOW))
        for message in messages:
            outbox.emit(message)
        with beating(outbox, *(beats or (sample.heartbeat(),))):
            return checks(observe(publisher.endpoint, **QUICK))


HEALTHY = (sample.feed("audio"), sample.feed("video"), sample.new_speaker("spk1"), sample.emotion(1, "spk1"))


def test_of_one_that_is_well_everything_is_good() -> None:
    found = seen(*HEALTHY, sample.person("spk1"))
    assert [check for check in found.values() if check.good is False] == []
    assert list(found)[:4] == ["reachable", "protocol", "session", "heartbeat"]
    assert found["protocol"].text == "emotrack/1, json"
    assert found["session"].text.startswith("s1 since 20")
    assert found["lag"].text.startswith("0.08 s")
    assert found["feed"].text.startswith("kitchen: audio up since ")
    assert found["engine text"].text == "all-MiniLM-L6-v2 on torch (not tensorrt: no GPU)"
    assert found["people"].text == "1 present, 0 away"
    assert "tcp://127.0.0.1:" in found["snapshots"].text


def test_nobody_there_a_name_that_is_none_and_another_server_are_told_apart() -> None:
    def why(endpoint: str) -> str:
        observation = observe(endpoint, **QUICK)
        assert observation.unreachable is not None
        (only,) = diagnose(observation)
        assert (only.subject, only.good, only.text) == ("reachable", False, observation.unreachable)
        return only.text

    assert why(unused_endpoint()).startswith("nothing listens at tcp://127.0.0.1:")
    assert why("ipc:///nowhere/at.all").startswith("nothing listens at ipc:///nowhere/at.all")
    assert why("tcp://no-such-host.invalid:5556").startswith("no machine is called no-such-host.invalid")
    with socket.create_server(("127.0.0.1", 0)) as mute:  # the system takes the connection, nobody answers
        assert "takes the connection and says nothing" in why(f"tcp://127.0.0.1:{mute.getsockname()[1]}")
    with talking(b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"x" * 100) as endpoint:
        assert "does not speak ZeroMQ" in why(endpoint)
    with publishing() as (publisher, _):
        assert "it may be the snapshot socket" in why(publisher.snapshot_endpoint)


@contextmanager
def talking(words: bytes) -> Iterator[str]:
    """A server that says this to whoever connects."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        stop = threading.Event()

        def answer() -> None:
            while not stop.is_set():
                try:
                    taken, _ = server.accept()
                except TimeoutError:
                    continue
                with taken:
                    taken.sendall(words)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
        finally:
            stop.set()
            thread.join()


def test_wrong_keys_none_and_some_too_many_are_told_apart(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    create_keys(ours)
    create_keys(theirs)
    good: dict[str, Any] = {"server_key": ours / "server.key", "keys": ours / "client.key_secret"}
    with publishing(keys=ServerKeys.load(ours)) as (publisher, outbox):
        outbox.emit(sample.session(**NOW))
        with beating(outbox, sample.heartbeat()):

            def why(**keys: Any) -> str | None:
                return observe(publisher.endpoint, **QUICK, **keys).unreachable

            assert str(why()).endswith("is encrypted: add --server-key KEY and --keys FILE.")
            stranger = str(why(**good | {"keys": theirs / "client.key_secret"}))
            assert "does not accept these keys: have NAME.key of this client put into" in stranger
            impostor = str(why(**good | {"server_key": theirs / "server.key"}))
            assert "does not accept these keys: its server key is another one" in impostor
            admitted = checks(observe(publisher.endpoint, **QUICK, **good))
    assert admitted["reachable"].text.endswith("encrypted, with these keys")
    assert admitted["snapshots"].good and admitted["heartbeat"].good
    with publishing() as (publisher, _):
        found = observe(publisher.endpoint, **QUICK, **good).unreachable
        assert str(found).endswith("is not encrypted: leave out --server-key and --keys.")


def test_keys_that_cannot_be_read_and_no_address_are_the_users_mistakes(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not an address"):
        observe("here")
    with pytest.raises(UserError, match="cannot be read"):
        observe(unused_endpoint(), server_key="0" * 40, keys=tmp_path / "none")


def test_one_that_publishes_nothing_is_reached_and_does_not_live() -> None:
    with publishing() as (publisher, _):
        found = checks(observe(publisher.endpoint, seconds=0.3, first_wait=0.8))
    assert found["reachable"].good and found["heartbeat"].good is False and found["session"].good is False
    assert found["heartbeat"].text == "none within 1 s"


def test_one_that_stops_beating_does_not_live() -> None:
    with publishing() as (publisher, outbox):
        outbox.emit(sample.session(**NOW))
        with beating(outbox, sample.heartbeat()):
            observation = observe(publisher.endpoint, **QUICK)
        observation.ended += 60.0  # as after a minute without another
    found = checks(observation)["heartbeat"]
    assert found.good is False and found.text.endswith(" s up to now") and "start it again" in found.remedy


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="processes cannot be suspended here")
def test_a_process_that_is_suspended_takes_the_connection_and_says_nothing() -> None:
    program = (
        "import zmq; opened = zmq.Context().socket(zmq.PUB); "
        "print(opened.bind_to_random_port('tcp://127.0.0.1'), flush=True); input()"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)  # until all its threads have stopped
        try:
            found = observe(f"tcp://127.0.0.1:{port}", **QUICK).unreachable
        finally:
            process.kill()
    assert "takes the connection and says nothing: a tracker that hangs (start it again)" in str(found)


def test_a_feed_that_is_down_is_bad_since_when_and_why() -> None:
    found = seen(*HEALTHY, sample.feed("video", "down", "the cable was pulled", 12.0))["feed"]
    assert found.good is False and "video down since " in found.text
    assert "(the cable was pulled)" in found.text and "see to what the reason names" in found.remedy


def test_a_medium_that_a_source_never_had_is_not_bad_unless_nothing_is_left() -> None:
    lacks = sample.feed("video", "down", "the file has no video track", 0.0)
    assert seen(sample.feed("audio"), lacks)["feed"].good is True
    assert seen(lacks)["feed"].good is False
    assert seen()["feed"].text == "kitchen: nothing of it yet"


def test_all_of_a_feed_is_down_until_it_comes_again_and_busy_is_the_load() -> None:
    gone = sample.feed(None, "down", "the source has failed", 20.0)
    assert seen(*HEALTHY, gone)["feed"].good is False
    assert seen(*HEALTHY, gone, sample.feed("audio", "up", "again", 25.0))["feed"].good is True
    assert seen(*HEALTHY, sample.feed(None, "degraded", "the machine is busy", 5.0))["feed"].good is True


def test_a_session_under_load_is_told_with_what_it_leaves_out() -> None:
    beats = tuple(
        sample.heartbeat(
            lag=2.5,
            queues={"audio": 100 * number, "finals": 1},
            dropped={"audio_blocks": number, "frames_replaced": 5 * number},
            shed={"late_texts": number},
            shedding=("partials", "body"),
        )
        for number in range(400)
    )
    found = seen(*HEALTHY, beats=beats)
    assert found["lag"].good is False and found["lag"].text.startswith("2.50 s behind")
    assert found["queues"].good is False and found["queues"].text.startswith("audio grows without a pause")
    assert found["load"].good is False and found["load"].text.startswith("leaves out partials, body")
    assert found["dropped"].good is False and "audio_blocks" in found["dropped"].text
    assert all("faster machine" in found[name].remedy for name in ("lag", "queues", "load", "dropped"))


def test_pictures_that_newer_ones_replace_are_no_fault() -> None:
    beats = tuple(sample.heartbeat(dropped={"frames_replaced": number}) for number in range(400))
    assert seen(*HEALTHY, beats=beats)["dropped"].good is None


def test_what_was_lost_before_anybody_listened_is_not_counted_as_growing() -> None:
    found = seen(*HEALTHY, beats=(sample.heartbeat(dropped={"audio_blocks": 7}, shed={"late_texts": 3}),))
    assert (
        found["dropped"].good and found["dropped"].text == "nothing meanwhile; since it began audio_blocks 7"
    )
    assert found["load"].good and found["load"].text.endswith("since it began late_texts 3")


def test_engines_policy_and_masked_modalities_are_told_with_their_reasons() -> None:
    engines = (
        EngineInfo(
            part="body",
            model=None,
            backend=None,
            skipped=(SkippedBackend(backend="any", reason="untrained"),),
        ),
        EngineInfo(
            part="face",
            model="expression",
            backend="onnx-cpu",
            skipped=tuple(SkippedBackend(backend=name, reason="no GPU") for name in ("tensorrt", "cuda")),
        ),
    )
    policy = PolicyInfo(hash="0" * 64, refused=("text",))
    failed = sample.modalities(text=sample.masked("encoder failed: it is on fire"))
    with publishing() as (publisher, outbox):
        outbox.emit(sample.session(engines=engines, policy=policy, **NOW))
        outbox.emit(sample.emotion(1, "spk1", modalities=failed))
        with beating(outbox, sample.heartbeat()):
            found = checks(observe(publisher.endpoint, **QUICK))
    assert found["engine body"].good is None and found["engine body"].text.endswith("untrained")
    assert found["engine face"].text == "expression on onnx-cpu (not tensorrt, cuda: no GPU)"
    assert found["policy"].text == "refuses text"
    assert found["modalities"].good is False and "encoder failed: it is on fire" in found["modalities"].text


@pytest.mark.parametrize(
    ("reason", "good"),
    [("failed", False), ("transcription failed", False), ("not finite", False), ("no face", None)],
)
def test_what_is_masked_is_bad_where_the_tracker_is_to_blame(reason: str, good: bool | None) -> None:
    label = sample.emotion(2, "spk1", modalities=sample.modalities(face=sample.masked(reason)))
    found = seen(*HEALTHY, label)["modalities"]
    assert found.good is good and f"face ({reason})" in found.text


def test_errors_are_bad_while_they_are_news() -> None:
    error = sample.error("The recogniser hangs.", 5.0)
    fresh = seen(*HEALTHY, error, beats=(sample.heartbeat(6.0),))["errors"]
    assert fresh.good is False and fresh.text.endswith(": The recogniser hangs.")
    assert seen(*HEALTHY, error, beats=(sample.heartbeat(500.0),))["errors"].good is None


def test_a_session_that_ended_and_one_that_begins_again_and_again_are_told() -> None:
    with publishing() as (publisher, outbox):
        outbox.emit(sample.session(**NOW))
        outbox.emit(sample.session("ended", **NOW))
        ended = checks(observe(publisher.endpoint, seconds=0.3, first_wait=1.0))
        assert ended["session"].good is False
        assert ended["session"].text == "s1 has ended: end of the sources"
        others = [Outbox(f"s{number}", [publisher]) for number in range(2, 5)]
        stop = threading.Event()

        def start_again() -> None:
            while not stop.wait(0.02):
                for other in others:
                    other.emit(sample.heartbeat())

        thread = threading.Thread(target=start_again)
        thread.start()
        try:
            found = checks(observe(publisher.endpoint, **QUICK))
        finally:
            stop.set()
            thread.join()
    assert found["session"].good is False and "before it within these seconds" in found["session"].text


def test_losses_are_told_where_nothing_heals_them() -> None:
    with publishing() as (publisher, outbox):
        outbox.emit(sample.session(**NOW))
        with lossy_relay(publisher.endpoint, lambda seq: seq % 3 > 0) as relay, beating(outbox, *HEARTBEATS):
            found = checks(observe(relay, **QUICK))
    assert found["losses"].good is True, "the snapshot socket that heartbeats name heals them"
    with publishing() as (publisher, outbox):
        outbox.snapshot_endpoint = None
        outbox.emit(sample.session(**NOW))
        with lossy_relay(publisher.endpoint, lambda seq: seq % 3 > 0) as relay, beating(outbox, *HEARTBEATS):
            found = checks(observe(relay, **QUICK))
    assert found["losses"].good is False and "could not be had again" in found["losses"].text
    assert found["snapshots"].good is False and found["snapshots"].text.startswith("nothing listens at ")
    assert ".;" not in found["snapshots"].sentence


def test_two_clocks_that_differ_are_told() -> None:
    with publishing() as (publisher, outbox):
        outbox.emit(sample.session(**NOW))
        with beating(outbox, sample.heartbeat()):
            observation = observe(publisher.endpoint, **QUICK)
    assert observation.delay is not None and checks(observation)["clock"].good
    observation.delay -= 90.0
    ahead = checks(observation)["clock"]
    assert ahead.good is False and ahead.text.startswith("the tracker's is 90.0 s ahead of this machine's")
    observation.delay += 180.0
    assert checks(observation)["clock"].text.startswith("the tracker's is 90.0 s behind this machine's")


@contextmanager
def flooding(frames: list[bytes]) -> Iterator[str]:
    """A publisher of anything, as fast as it can."""
    with zmq.Context() as context:
        stop, bound = threading.Event(), threading.Event()
        ports: list[int] = []

        def flood() -> None:
            opened = context.socket(zmq.PUB)
            opened.linger = 0
            ports.append(opened.bind_to_random_port("tcp://127.0.0.1"))
            bound.set()
            while not stop.is_set():
                opened.send_multipart(frames)
            opened.close()

        thread = threading.Thread(target=flood)
        thread.start()
        bound.wait()
        try:
            yield f"tcp://127.0.0.1:{ports[0]}"
        finally:
            stop.set()
            thread.join()


@pytest.mark.parametrize(
    "frames",
    [
        [b"emotrack/1/s/feed/-/", b"\xff" * 100],
        [b"emotrack/1/s/feed/-/", b'{"type":"feed"}'],
        [b"emotrack/1/", b"", b""],
        [b"emotrack/1/s/session/-/", b"[" * 100_000],
    ],
    ids=["noise", "half a message", "three frames", "deep"],
)
def test_a_flood_of_what_is_no_message_ends_in_time_and_is_told(frames: list[bytes]) -> None:
    with flooding(frames) as endpoint:
        began = time.monotonic()
        observation = observe(endpoint, seconds=0.5, first_wait=1.0)
        assert time.monotonic() - began < 30.0
    found = checks(observation)
    assert found["protocol"].good is False and observation.skipped > 0
    assert len(observation.problems) <= 20


def test_a_liar_is_quoted_and_believed_in_nothing_that_could_hurt() -> None:
    """Sources, queues and numbers without end, moments that no calendar has, and a snapshot address that is
    none."""
    with publishing() as (publisher, outbox):
        outbox.snapshot_endpoint = "tcp://\x1b[2J:1"
        feeds = tuple(FeedInfo(source=f"f{number}", description="\x1b[31m") for number in range(1000))
        outbox.emit(sample.session(start_unix_ns=2**63 - 1, feeds=feeds))
        outbox.emit(sample.feed("audio", "down", "\x1b]0;owned\x07" + "x" * 90_000, -1e11))
        outbox.emit(sample.feed("video", "degraded", "late", 1e11))
        monstrous = {f"queue \x1b[{number}m": 2**62 for number in range(900)}
        with beating(
            outbox,
            sample.heartbeat(lag=1e11, queues=monstrous, dropped=monstrous, shed=monstrous),
        ):
            observation = observe(publisher.endpoint, **QUICK)
    lines = list(diagnose(observation))
    assert len(lines) < 100
    assert {check.subject: check.good for check in lines}["snapshots"] is False
