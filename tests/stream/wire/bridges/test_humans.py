"""Messages as topics of ROS for humans: ids, names and fields as REP-155 has them; and the node that
publishes them, with a stand-in for ROS, which cannot be installed here."""

import re
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotrack.stream.wire.bridges import humans, ros2
from emotrack.stream.wire.bridges.humans import Humans, Publication, letters
from emotrack.stream.wire.bridges.ros2 import HumansNode
from emotrack.stream.wire.protocol.vocabulary import LABELS, ROS4HRI
from helpers.bridges.scene import SESSION, START, outgoing, scene, write_all
from helpers.sessions import sample_messages as sample
from helpers.stand_ins import rclpy_stand_in

EXPRESSIONS = {"neutral", "angry", "sad", "happy", "surprised", "disgusted", "scared"}
"""Constants of hri_msgs/Expression."""
NAMES = st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=128)
ANN = letters("person", SESSION, "spk1")
VOICE = letters("voice", SESSION, "spk1")
FACE = letters("face", SESSION, "kitchen/1")


def told(*bodies: Any) -> list[Publication]:
    known = Humans()
    return [one for given in outgoing(bodies) for one in known.publications(given.message)]


def of(publications: list[Publication], topic: str) -> list[dict[str, Any]]:
    return [one.fields for one in publications if one.topic == topic]


@given(name=NAMES, other=NAMES)
def test_ids_are_five_letters_always_the_same_and_each_kinds_own(name: str, other: str) -> None:
    found = letters("person", "s1", name)
    assert re.fullmatch("[a-z]{5}", found) and found == letters("person", "s1", name)
    assert len({found, letters("face", "s1", name), letters("voice", "s1", name)}) == 3
    if name != other:
        assert found != letters("person", "s1", other)
    assert found != letters("person", "s2", name)


def test_every_label_is_an_expression_that_ros_knows() -> None:
    assert set(ROS4HRI) == set(LABELS) and set(ROS4HRI.values()) == EXPRESSIONS


def test_a_person_is_tracked_with_their_state_face_and_voice() -> None:
    person = sample.person("spk1", label="fear", confidence=0.5, valence=-0.5, arousal=None, time=2.5, face=1)
    found = told(sample.session(), person)
    assert of(found, "/humans/persons/tracked") == [{"ids": [ANN]}]
    (expression,) = [one for one in found if one.topic == f"/humans/persons/{ANN}/expression"]
    assert expression.type == "hri_msgs/Expression" and expression.frame == "kitchen"
    assert expression.unix_ns == round((START + 2.5) * 1e9)
    assert expression.fields["expression"] == "scared" and expression.fields["valence"] == -0.5
    assert expression.fields["arousal"] != expression.fields["arousal"]  # which is not known
    assert of(found, f"/humans/persons/{ANN}/face_id") == [{"data": FACE}]
    (match,) = of(found, "/humans/candidate_matches")
    assert (match["id1"], match["id1_type"], match["id2"], match["id2_type"]) == (FACE, 2, ANN, 1)
    assert not of(found, "/humans/voices/tracked")  # they have said nothing


def test_words_are_incremental_while_somebody_speaks_and_final_at_the_end() -> None:
    found = told(
        sample.session(),
        sample.emotion(1, "spk1", state="partial", transcript=sample.said("All")),
        sample.emotion(1, "spk1", transcript=None),
        sample.emotion(1, "spk1", state="revised", revision=1),
    )
    speech = of(found, f"/humans/voices/{VOICE}/speech")
    assert [(one["incremental"], one["final"]) for one in speech] == [("All", ""), ("", "All right.")]
    assert speech[0]["locale"] == "en" and speech[0]["confidence"] == 0.8
    assert of(found, "/humans/voices/tracked") == [{"ids": [VOICE]}]


def test_a_face_has_a_region_inside_the_picture_until_it_is_lost() -> None:
    box = sample.face().box
    outside = type(box)(left=-0.5, top=0.25, right=1.5, bottom=0.5)
    found = told(sample.session(), sample.face(1, box=outside), sample.face(1, event="lost"))
    (region,) = of(found, f"/humans/faces/{FACE}/roi")
    assert [region[side] for side in ("xmin", "ymin", "xmax", "ymax")] == [0.0, 0.25, 1.0, 0.5]
    assert of(found, "/humans/faces/tracked") == [{"ids": [FACE]}, {"ids": []}]
    assert not of(found, f"/humans/faces/{FACE}/expression")  # nothing could be read of it


def test_who_turns_out_to_be_somebody_else_is_their_alias_and_gone() -> None:
    found = told(*(one.message for one in scene()))
    second = letters("person", SESSION, "spk2")
    assert of(found, f"/humans/persons/{second}/alias") == [{"data": ANN}]
    assert of(found, "/humans/persons/tracked") == [
        {"ids": [ANN]},
        {"ids": [ANN, second]},
        {"ids": [ANN]},
        {"ids": []},  # away
    ]


def test_nobody_is_there_when_a_session_ends_and_who_is_followed_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(humans, "MOST", 3)
    people = [sample.person(f"p{number}", utterance=1) for number in range(5)]
    found = told(sample.session(), *people, sample.session("ended"))
    tracked = of(found, "/humans/persons/tracked")
    assert [len(one["ids"]) for one in tracked] == [1, 2, 3, 3, 3, 0]
    assert of(found, "/humans/voices/tracked")[-1] == {"ids": []}


def test_the_node_publishes_all_of_it_in_messages_of_these_types(monkeypatch: pytest.MonkeyPatch) -> None:
    ros = rclpy_stand_in.install(monkeypatch)
    ros2.message_type.cache_clear()
    node = HumansNode(insecure=True)
    write_all(node, scene())
    expected = told(*(one.message for one in scene()))
    assert [topic for topic, _ in ros.published] == [one.topic for one in expected]
    for (_, message), wanted in zip(ros.published, expected, strict=True):
        assert message.ros_name == wanted.type
        for name, value in wanted.fields.items():
            assert getattr(message, name) == value or value != value
        if wanted.unix_ns is not None:
            stamp = message.header.stamp
            assert stamp.sec * 10**9 + stamp.nanosec == wanted.unix_ns
            assert message.header.frame_id == wanted.frame
    assert ros.nodes == 1 and ros.begun
    node.close()
    assert ros.nodes == 0 and not ros.begun
    ros2.message_type.cache_clear()


def test_the_node_knows_the_older_name_of_a_language(monkeypatch: pytest.MonkeyPatch) -> None:
    speech = rclpy_stand_in.FIELDS["hri_msgs/LiveSpeech"]
    older = {name: value for name, value in speech.items() if name != "locale"} | {"language": ""}
    monkeypatch.setitem(rclpy_stand_in.FIELDS, "hri_msgs/LiveSpeech", older)
    ros = rclpy_stand_in.install(monkeypatch)
    ros2.message_type.cache_clear()
    node = HumansNode(insecure=True)
    write_all(node, outgoing([sample.session(), sample.emotion()]))
    node.close()
    ros2.message_type.cache_clear()
    assert [message.language for topic, message in ros.published if topic.endswith("speech")] == ["en"]


def test_topics_of_the_node_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ros2, "TOPICS", 5)
    ros = rclpy_stand_in.install(monkeypatch)
    ros2.message_type.cache_clear()
    node = HumansNode(insecure=True)
    write_all(node, scene())
    assert len(node._publishers) == 5 and len(ros.topics) > 5
    node.close()
    ros2.message_type.cache_clear()
