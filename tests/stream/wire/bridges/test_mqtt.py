"""MQTT with real brokers: topics and payloads, what is delivered at least once, a last will, TLS, passwords,
and brokers that come late, go and refuse."""

import json
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from emotrack.stream.wire.bridges import mqtt
from emotrack.stream.wire.bridges.mqtt import PASSWORD, USER, MqttPublisher
from emotrack.stream.wire.protocol.encoding import decode, kind
from emotrack.stream.wire.publish.outbox import Outbox
from emotrack.stream.wire.publish.sinks import Outgoing, SinkDelayed, SinkFailed, SinkIncomplete
from helpers.bridges.broker import MOSQUITTO, broker, certificate, listening, unused_port
from helpers.bridges.scene import SESSION, outgoing, scene, write_all
from helpers.sessions import sample_messages as sample
from helpers.sessions.commands import start
from helpers.sessions.wire import Kept, heartbeats, publishing

pytestmark = [
    pytest.mark.xdist_group("mqtt"),
    # The library leaves its sockets to the collector where it could not connect.
    pytest.mark.filterwarnings("ignore:unclosed <s:ResourceWarning"),
]


@pytest.fixture(params=["amqtt", "mosquitto"])
def sort(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def port(sort: str, tmp_path: Path) -> Iterator[int]:
    """A broker's port, of each kind."""
    chosen = unused_port()
    with broker(sort, tmp_path, chosen):
        yield chosen


def test_every_message_is_published_as_it_is_under_its_topic(sort: str, port: int) -> None:
    given = scene()
    with listening(port) as heard:
        bridge = MqttPublisher(f"mqtt://127.0.0.1:{port}/home/mood")
        write_all(bridge, given)
        bridge.close()
        heard.wait_for(lambda one: b"offline" in one.payloads("/status"))
    found: dict[str, list[bytes]] = defaultdict(list)
    for topic, payload, quality, retained in heard.topics:
        found[topic].append(payload)
        message = None if topic.endswith("/status") else decode(payload)
        sure = message is None or mqtt.is_sure(message)
        assert not retained
        if sort == "mosquitto":  # amqtt delivers everything as it was subscribed to
            assert quality == (0 if payload == b"online" else int(sure)), topic
    for one in given:
        speaker = one.topic.rstrip("/").rpartition("/")[2]
        assert one.json in found[f"home/mood/{SESSION}/{kind(one.message)}/{speaker}"]
    assert found[f"home/mood/{SESSION}/status"] == [b"online", b"offline"]
    assert len(heard.topics) == len(given) + 2


def test_who_subscribes_later_finds_nothing_at_the_broker(port: int) -> None:
    bridge = MqttPublisher(f"mqtt://127.0.0.1:{port}")
    write_all(bridge, scene())
    bridge.close()
    with listening(port) as heard:
        time.sleep(0.5)
    assert [topic for topic, *_ in heard.topics if not topic.startswith("$SYS")] == []


def test_the_broker_says_that_a_tracker_is_gone_which_was_killed(port: int) -> None:
    with listening(port) as heard, publishing(SESSION) as (publisher, outbox):
        process = start("bridge", f"mqtt://127.0.0.1:{port}", publisher.endpoint)
        with heartbeats(outbox):
            heard.wait_for(lambda one: one.payloads("/heartbeat/-") != [], 60)
        assert heard.payloads("/status") == [b"online"]
        process.kill()
        heard.wait_for(lambda one: one.payloads("/status") == [b"online", b"offline"])
        process.communicate()


def test_a_command_that_is_ended_says_so_itself(port: int) -> None:
    with listening(port) as heard, publishing(SESSION) as (publisher, outbox):
        process = start("bridge", f"mqtt://127.0.0.1:{port}", publisher.endpoint)
        outbox.emit(sample.session())
        with heartbeats(outbox):
            heard.wait_for(lambda one: one.payloads("/heartbeat/-") != [], 60)
        outbox.emit(sample.emotion())
        heard.wait_for(lambda one: one.payloads("/emotion/spk1") != [])
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
        heard.wait_for(lambda one: one.payloads("/status") == [b"online", b"offline"])
    assert json.loads(heard.payloads("/emotion/spk1")[0])["label"] == "joy"
    assert process.returncode == 128 + signal.SIGTERM and "Traceback" not in said


def write(bridge: MqttPublisher, given: list[Outgoing]) -> list[str]:
    """What it says of itself meanwhile."""
    told = []
    for one in given:
        try:
            bridge.write(one)
        except (SinkDelayed, SinkIncomplete) as news:
            told.append(str(news))
    return told


def test_labels_wait_for_a_broker_that_comes_late_and_the_rest_is_counted(
    sort: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "PATIENCE", 0.5)
    chosen = unused_port()
    bridge = MqttPublisher(f"mqtt://127.0.0.1:{chosen}")
    finals = [sample.emotion(number) for number in range(5)]
    given = outgoing([sample.session(), *finals, *[sample.heartbeat()] * 7, *[sample.heartbeat()] * 200])
    (told,) = write(bridge, given[:13])
    assert told == (
        f"The bridge to mqtt://127.0.0.1:{chosen} has no broker: it is tried again, 1000 labels may wait and "
        "the rest is lost."
    )
    with broker(sort, tmp_path, chosen), listening(chosen) as heard:
        later = iter(given[13:])
        news: list[str] = []
        while not news:
            time.sleep(0.1)
            news = write(bridge, [next(later)])
        heard.wait_for(lambda one: len(one.payloads("/emotion/spk1")) == 5)
        monkeypatch.undo()
        bridge.close()
    assert heard.payloads("/emotion/spk1") == [one.json for one in given[1:6]]
    (sentence,) = news
    lost = int(sentence.split(" lacks ")[1].split()[0])
    assert lost >= 7 and sentence.endswith(f"lacks {lost} messages of the time without a broker.")


def test_what_waits_is_bounded_and_what_never_arrived_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "WAITING", 10)
    monkeypatch.setattr(mqtt, "PATIENCE", 0.2)
    bridge = MqttPublisher(f"mqtt://127.0.0.1:{unused_port()}")
    write(bridge, outgoing([sample.session(), *[sample.emotion()] * 30, sample.heartbeat()]))
    assert len(bridge._open) == 10
    with pytest.raises(SinkFailed, match=r"lacks 32 messages: the broker did not take them\.$"):
        bridge.close()


def test_it_is_encrypted_and_a_certificate_that_nobody_vouches_for_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "PATIENCE", 5.0)
    shown, key = certificate(tmp_path)
    chosen = unused_port()
    more = f', ssl: true, certfile: "{shown}", keyfile: "{key}"'
    lines = ("allow_anonymous true", f"certfile {shown}", f"keyfile {key}")
    sort = "mosquitto" if MOSQUITTO else "amqtt"
    url = f"mqtts://127.0.0.1:{chosen}"
    with broker(sort, tmp_path, chosen, *lines, more=more):
        stranger = MqttPublisher(url)
        assert write(stranger, outgoing([sample.session()])) != []
        with pytest.raises(SinkFailed, match="lacks 1 messages"):
            stranger.close()
        monkeypatch.setenv("SSL_CERT_FILE", str(shown))
        bridge = MqttPublisher(url)
        assert write(bridge, scene()) == []
        bridge.close()  # which would tell what the broker has not confirmed


@pytest.mark.parametrize("place", ["url", "environment"])
def test_a_password_is_used_wherever_it_stands_and_a_wrong_one_ends_the_bridge(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if MOSQUITTO is None:
        pytest.skip("there is no mosquitto here")
    users = tmp_path / "users"
    tool = Path(MOSQUITTO).parents[1] / "bin" / "mosquitto_passwd"
    if not tool.exists():
        pytest.skip("there is no mosquitto here")
    subprocess.run([tool, "-c", "-b", users, "me", "s3cret/@"], check=True, capture_output=True)
    users.chmod(0o644)
    chosen = unused_port()
    with broker("mosquitto", tmp_path, chosen, "allow_anonymous false", f"password_file {users}"):
        if place == "environment":
            monkeypatch.setenv(USER, "me")
            monkeypatch.setenv(PASSWORD, "s3cret/@")
            bridge = MqttPublisher(f"mqtt://127.0.0.1:{chosen}")
        else:
            bridge = MqttPublisher(f"mqtt://me:s3cret%2F%40@127.0.0.1:{chosen}")
        write_all(bridge, scene())
        bridge.close()
        wrong = MqttPublisher(f"mqtt://me:wr0ng@127.0.0.1:{chosen}")
        kept = Kept()
        outbox = Outbox(SESSION, [wrong, kept])
        outbox.emit(sample.session())
        outbox.emit(sample.heartbeat())
        outbox.close()
    (sentence,) = outbox.incomplete
    assert "is refused" in sentence and "check the user and the password" in sentence
    assert "wr0ng" not in sentence
