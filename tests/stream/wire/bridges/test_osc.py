"""What a real OSC server receives: each value at its address, what is null at none."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_server import ThreadingOSCUDPServer

from emotrack.stream.wire.bridges.osc import OscSender, osc_values
from emotrack.stream.wire.protocol.vocabulary import LABELS
from helpers.bridges.scene import outgoing, scene, write_all
from helpers.sessions import sample_messages as sample


class Server:
    def __init__(self) -> None:
        self.received: list[tuple[str, Any]] = []
        self._ended = threading.Event()
        dispatcher = Dispatcher()
        dispatcher.map("/end", lambda *_: self._ended.set())
        dispatcher.set_default_handler(lambda address, *values: self.received.append((address, *values)))
        self.server = ThreadingOSCUDPServer(("127.0.0.1", 0), dispatcher)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"osc://127.0.0.1:{self.server.server_address[1]}"

    def last(self, address: str) -> Any:
        (*_, found) = [value for at, value in self.received if at == address]
        return found


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.server.shutdown()
    made.server.server_close()


def wait_for(server: Server, address: str, count: int) -> None:
    deadline = threading.Event()
    for _ in range(400):
        if sum(at == address for at, *_ in server.received) >= count:
            return
        deadline.wait(0.05)
    raise AssertionError(server.received)


def test_a_label_and_a_state_arrive_value_by_value(server: Server) -> None:
    sender = OscSender(server.url)
    label = sample.emotion(1, "ann", label="joy", confidence=0.64, valence=0.25, arousal=-0.5)
    write_all(sender, outgoing([sample.session(), label]))
    write_all(sender, outgoing([sample.person("ann", label="anger", speaking=True, valence=-0.75)]))
    wait_for(server, "/emotrack/ann/scores/disgust", 1)
    wait_for(server, "/emotrack/ann/person/scores/disgust", 1)
    sender.close()
    assert server.last("/emotrack/ann/label") == "joy" and server.last("/emotrack/ann/state") == "final"
    assert server.last("/emotrack/ann/confidence") == pytest.approx(0.64)
    assert [server.last(f"/emotrack/ann/{axis}") for axis in ("valence", "arousal")] == [0.25, -0.5]
    for name in LABELS:
        assert server.last(f"/emotrack/ann/scores/{name}") == pytest.approx(label.scores[name])
    assert server.last("/emotrack/ann/person/label") == "anger"
    assert server.last("/emotrack/ann/person/state") == "present"
    assert server.last("/emotrack/ann/person/speaking") is True
    assert server.last("/emotrack/ann/person/valence") == -0.75


def test_what_is_null_is_not_sent_and_words_never_are() -> None:
    values = osc_values(sample.emotion(1, "ann", valence=None, arousal=None))
    assert not [address for address in values if address.endswith(("valence", "arousal"))]
    assert "All right." not in values.values()
    told = [one.message for one in scene() if osc_values(one.message)]
    assert {type(message).__name__ for message in told} == {"Emotion", "Person"}


def test_a_message_is_one_packet_that_any_network_passes_on() -> None:
    sent: list[Any] = []
    sender = OscSender("osc://127.0.0.1:9")
    sender._client.close()
    sender._client = type("Client", (), {"send": lambda _, bundle: sent.append(bundle)})()
    write_all(sender, scene())
    assert len(sent) == 6 and max(len(bundle.dgram) for bundle in sent) < 1_200


def test_nobody_there_is_no_failure() -> None:
    sender = OscSender("osc://127.0.0.1:9")
    write_all(sender, scene())
    write_all(sender, scene())
    sender.close()
