"""What a real inlet of LSL receives over loopback: streams as programs look for them, numbers and markers at
their times."""

import json
import math
import time
from collections.abc import Iterator
from typing import Any

import pylsl
import pytest

from emotrack.stream.wire.bridges import lsl
from emotrack.stream.wire.bridges.lsl import LslOutlets
from emotrack.stream.wire.protocol.encoding import decode
from emotrack.stream.wire.protocol.messages import Emotion
from emotrack.stream.wire.protocol.vocabulary import LABELS
from emotrack.stream.wire.publish.sinks import SinkIncomplete
from helpers.bridges.scene import START, outgoing, scene, write_all
from helpers.sessions import sample_messages as sample

pytestmark = pytest.mark.xdist_group("lsl")


@pytest.fixture
def outlets() -> Iterator[LslOutlets]:
    made = LslOutlets(insecure=True)
    yield made
    made.close()


def session_name() -> str:
    return f"test-{time.time_ns()}"


def find(session: str, kind: str, count: int = 1) -> list[Any]:
    found = pylsl.resolve_bypred(
        f"type='{kind}' and starts-with(source_id,'emotrack/{session}/')", minimum=count, timeout=20
    )
    assert len(found) == count
    return list(found)


def received(inlet: Any, count: int) -> tuple[list[list[Any]], list[float]]:
    samples, stamps = list[list[Any]](), list[float]()
    while len(samples) < count:
        one, stamp = inlet.pull_sample(timeout=20)
        assert one is not None
        samples.append(one)
        stamps.append(stamp)
    return samples, stamps


def test_a_person_is_a_stream_of_numbers_that_says_what_each_is(outlets: LslOutlets) -> None:
    session = session_name()
    first, told = sample.person("ann", time=1.0), sample.person("ann", time=2.5, valence=0.25, arousal=None)
    given = outgoing([sample.session(), first, told, told], session)
    write_all(outlets, given[:2])
    (stream,) = find(session, "Emotion")
    inlet = pylsl.StreamInlet(stream, recover=False)
    inlet.open_stream(timeout=20)
    write_all(outlets, given[2:])
    (numbers, _), stamps = received(inlet, 2)
    info = inlet.info(timeout=20)
    assert info.name() == "emotrack ann" and info.nominal_srate() == pylsl.IRREGULAR_RATE
    assert info.source_id() == f"emotrack/{session}/Emotion/ann"
    channel, described = info.desc().child("channels").child("channel"), []
    while not channel.empty():
        described.append([channel.child_value(key) for key in ("label", "unit", "type")])
        channel = channel.next_sibling("channel")
    assert [name for name, *_ in described] == [*LABELS, "valence", "arousal", "confidence"]
    assert described[0] == ["neutral", "probability", "Emotion"] and described[-3][1] == "-1 to 1"
    assert numbers[: len(LABELS)] == pytest.approx([told.scores[name] for name in LABELS])
    assert numbers[-3] == pytest.approx(0.25) and math.isnan(numbers[-2])
    assert numbers[-1] == pytest.approx(told.confidence)
    offset = time.time() - pylsl.local_clock()
    assert stamps == pytest.approx([START + 2.5 - offset] * 2, abs=0.5)
    assert stamps[0] == stamps[1]  # session time is mapped once: later ticks of the wall clock change nothing


def test_markers_are_the_messages_themselves_at_their_times(outlets: LslOutlets) -> None:
    session = session_name()
    given = outgoing([one.message for one in scene()], session)
    write_all(outlets, given[:1])
    (stream,) = find(session, "Markers")
    inlet = pylsl.StreamInlet(stream, recover=False)
    inlet.open_stream(timeout=20)
    write_all(outlets, given[1:])
    expected = [
        one
        for one in given[1:]
        if json.loads(one.json)["type"] not in ("face", "heartbeat") and b'"partial"' not in one.json
    ]
    samples, stamps = received(inlet, len(expected))
    assert [decode(text.encode()) for (text,) in samples] == [one.message for one in expected]
    times = [getattr(one.message, "time", getattr(one.message, "end", 6.0)) for one in expected]
    assert [stamp - stamps[0] for stamp in stamps] == pytest.approx(
        [one - times[0] for one in times], abs=1e-3
    )
    assert sum(isinstance(one.message, Emotion) for one in expected) == 1


def test_streams_are_bounded_and_those_that_are_quiet_make_room(
    outlets: LslOutlets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lsl, "MOST", 2)
    session = session_name()
    people = [sample.person(f"p{number}", time=10.0) for number in range(4)]
    given = outgoing([sample.session(), *people, sample.person("p9", time=75.0)], session)
    write_all(outlets, given[:3])
    with pytest.raises(SinkIncomplete, match="lacks people: no more than 2 have a stream at once"):
        outlets.write(given[3])
    outlets.write(given[4])  # which is told once
    assert list(outlets._people) == ["p0", "p1"]
    outlets.write(given[5])
    assert list(outlets._people) == ["p1", "p9"]


def test_who_turns_out_to_be_somebody_else_has_no_stream_any_more(outlets: LslOutlets) -> None:
    write_all(outlets, scene())
    assert list(outlets._people) == ["spk1"]
