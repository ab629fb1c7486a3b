"""People who are seen by their bodies alone: faces are hidden before anything else sees a picture, and
nothing of them is told."""

from pathlib import Path

import numpy as np
import pytest

from emotrack.demo import clip_path
from emotrack.engines.encoders.body.bodies import BodyEncoder
from emotrack.engines.encoders.face.detection import open_face_detector
from emotrack.settings import load_settings
from emotrack.stream.wire.protocol.messages import Emotion, Face, Message, Person, Session
from emotrack.tracking.tracker import Tracker
from helpers.networks.engines import pool
from helpers.stand_ins.persons import write_persons

UNPUBLISHED = "stream.publish.endpoint=none"


def tracked(source: str, *overrides: str, policies: tuple[Path, ...] = ()) -> tuple[Tracker, list[Message]]:
    settings = load_settings(overrides=[UNPUBLISHED, "stream.speakers.mode=feed", *overrides])
    with Tracker([source], settings, realtime=False, policies=policies) as tracker:
        return tracker, list(tracker.messages())


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """The pictures in which bodies are looked for."""
    pictures: list[np.ndarray] = []
    boxes = BodyEncoder.boxes

    def looked_at(encoder: BodyEncoder, image: np.ndarray) -> list[tuple[np.ndarray, float]]:
        pictures.append(image)
        return boxes(encoder, image)

    monkeypatch.setattr(BodyEncoder, "boxes", looked_at)
    return pictures


def without_faces(messages: list[Message], reason: str) -> list[Emotion]:
    """The labels, of which none tells of any face."""
    labels = [one for one in messages if isinstance(one, Emotion)]
    assert labels and {one.modalities["face"].reason for one in labels} == {reason}
    assert {one.speaker.face for one in labels} == {None}
    assert not [one for one in messages if isinstance(one, Face)]
    assert {one.face for one in messages if isinstance(one, Person)} == {None}
    return labels


def faces_in(pictures: list[np.ndarray]) -> int:
    detector = open_face_detector(pool("onnx-cpu"))
    return sum(len(detector.detect(picture)) for picture in pictures)


def test_only_bodies_are_seen(tmp_path: Path, shown: list[np.ndarray]) -> None:
    weights = f"engines.body_weights={write_persons(tmp_path / 'persons.onnx')}"
    tracker, messages = tracked(str(clip_path()), weights, "engines.face=hidden")
    networks = {engine.network for engine in tracker.engines}
    assert "person" in networks and "face-output" in networks and "face" not in networks
    labels = without_faces(messages, "hidden")
    assert {one.modalities["body"].reason for one in labels} == {"untrained"}, "the shipped network is not"
    (started, _) = [one for one in messages if isinstance(one, Session)]
    parts = {part.part: part for part in started.engines}
    assert parts["face"].model is None and parts["face"].skipped[0].reason == "hidden"
    assert parts["body"].model == "persons.onnx"
    assert len(shown) > 10 and faces_in(shown) == 0
    tracked(str(clip_path()), weights)
    assert faces_in(shown) > 10, "else they are there"


def test_without_bodies_no_picture_is_looked_at() -> None:
    tracker, messages = tracked(str(clip_path()), "engines.face=hidden")
    assert not {engine.network for engine in tracker.engines} & {"face", "face-output", "person"}
    without_faces(messages, "hidden")


def test_a_policy_without_faces_hides_them_from_bodies(tmp_path: Path, shown: list[np.ndarray]) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("modalities: [text, audio, body]\n", "utf-8")
    weights = f"engines.body_weights={write_persons(tmp_path / 'persons.onnx')}"
    _, messages = tracked(str(clip_path()), weights, "engines.face=expression", policies=(policy,))
    without_faces(messages, "policy")
    assert len(shown) > 10 and faces_in(shown) == 0


def test_the_two_people_of_the_interview_are_seen_without_their_faces(
    reference_data: Path, shown: list[np.ndarray]
) -> None:
    weights = reference_data.parent / "weights" / "yolov8n_dynq_int8.onnx"
    clip = reference_data / "clips" / "interview_two_people.mp4"
    tracker, messages = tracked(str(clip), f"engines.body_weights={weights}", "engines.face=hidden")
    without_faces(messages, "hidden")
    assert len(shown) > 10 and faces_in(shown) == 0
    (feed,) = tracker.summary.feeds
    assert feed.with_bodies >= len(shown) - 1 and feed.with_faces == 0
