"""A short session of two people with everything that a bridge passes on, as it is given to a sink."""

from collections.abc import Iterable, Iterator

from emotrack.stream.wire.protocol.messages import Message
from emotrack.stream.wire.publish.outbox import Outbox
from emotrack.stream.wire.publish.sinks import Outgoing, Sink
from helpers.sessions import sample_messages as sample

SESSION = "room-1"
START = 1_760_000_000.0
"""Session time 0, in Unix seconds."""


def scene() -> list[Outgoing]:
    """What a sink is given from the beginning of a session to its end."""
    return outgoing(_bodies())


def outgoing(bodies: Iterable[Message], session: str = SESSION) -> list[Outgoing]:
    """Messages on their way out, numbered and stamped."""
    given: list[Outgoing] = []

    class Keep:
        prompt = True

        def write(self, one: Outgoing) -> None:
            given.append(one)

        def close(self) -> None:
            pass

    outbox = Outbox(session, [Keep()])
    for body in bodies:
        outbox.emit(body)
    return given


def write_all(sink: Sink, given: Iterable[Outgoing]) -> None:
    for one in given:
        sink.write(one)


def _bodies() -> Iterator[Message]:
    yield sample.session()
    yield sample.feed("audio")
    yield sample.new_speaker("spk1", 1.0)
    yield sample.face(1, event="appeared", time=1.0, person="kitchen-face1")
    yield sample.face(1, time=1.5, person="spk1", label="joy", confidence=0.7, reason=None, valence=0.5)
    yield sample.person("spk1", time=2.0, label="neutral", face=1, speaking=True, utterance=1)
    yield sample.emotion(1, "spk1", state="partial", start=1.0, end=2.0, transcript=sample.said("All"))
    yield sample.emotion(1, "spk1", start=1.0, end=2.5, valence=0.25, arousal=-0.5)
    yield sample.person("spk1", time=3.0, label="joy", confidence=0.75, valence=0.5, arousal=0.25, face=1)
    yield sample.person("spk2", time=3.5, label="anger", valence=None, arousal=None, face=None, utterance=2)
    yield sample.heartbeat(4.0)
    yield sample.face(1, event="lost", time=4.5)
    yield sample.error(time=5.0)
    yield sample.alias("spk2", "spk1", 5.5)
    yield sample.person("spk1", time=6.0, state="away", face=None)
    yield sample.session("ended")
