"""What is a person's face and what is the picture of one: what a camera adds is no life, and the least
expression is."""

import io

import numpy as np
import pytest
from PIL import Image

from emotrack.stream.seeing.faces import FaceObservation
from emotrack.stream.seeing.liveness import PATIENCE, Liveness
from emotrack.stream.seeing.quality import FaceQuality
from emotrack.stream.seeing.sightings import SeenBody, SeenFace, Sighting
from emotrack.stream.utterances.appearance import look_at
from emotrack.stream.wire.protocol.messages import Emotion, Feed
from helpers.media.portraits import RATE, SIDE, Filming, film_of, noisy, plainly, portrait, smiling
from helpers.media.scripted import Scripted, down, up
from helpers.sessions.tracking import Workbench, emotions

BOX = np.array([87, 35, 138, 100], np.float32)


def by_hand(scene: np.ndarray, time: float) -> np.ndarray:
    """Shaken by a few pixels, turned by half a degree, nearer and further."""
    angle, zoom = np.deg2rad(0.5) * np.sin(1.3 * time), 1 + 0.01 * np.sin(0.9 * time)
    cosine, sine, middle = np.cos(angle) * zoom, np.sin(angle) * zoom, SIDE / 2
    across = 2.5 * np.sin(2.1 * time) + np.sin(7.3 * time)
    down = 2.5 * np.cos(1.7 * time) + np.sin(5.1 * time)
    matrix = (
        cosine,
        -sine,
        middle * (1 - cosine + sine) + across,
        sine,
        cosine,
        middle * (1 - sine - cosine) + down,
    )
    return np.asarray(
        Image.fromarray(scene).transform(
            (SIDE, SIDE), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC
        )
    )


def in_changing_light(scene: np.ndarray, time: float) -> np.ndarray:
    lit: np.ndarray = scene * (0.8 + 0.15 * np.sin(2 * time)) + 8 * np.sin(time)
    return lit.clip(0, 255).astype(np.uint8)


def compressed(scene: np.ndarray, time: float) -> np.ndarray:
    """Each frame by itself, so that blocks flicker, with some noise for that."""
    written = io.BytesIO()
    Image.fromarray(noisy(3)(scene, time)).save(written, "JPEG", quality=40 + round(10 * np.sin(9 * time)))
    return np.asarray(Image.open(written))


def watched(film: Filming, seconds: float, face: Liveness | None = None, start: float = 0.0) -> Liveness:
    scene = portrait()
    for step in range(round(seconds * RATE)):
        time = start + step / RATE
        picture = film(scene, time)
        if face is None:
            face = Liveness(time, picture, BOX)
        else:
            face.step(time, picture, BOX)
    assert face is not None
    return face


FILMINGS = {
    "plainly": plainly,
    "noise": noisy(2),
    "much noise": noisy(8),
    "hand": by_hand,
    "light": in_changing_light,
    "jpeg": compressed,
}


@pytest.mark.parametrize("film", FILMINGS.values(), ids=FILMINGS.keys())
def test_a_picture_of_a_face_is_no_person_however_it_is_filmed(film: Filming) -> None:
    face = watched(film, 8)
    assert face.motionless and face.since is None


@pytest.mark.parametrize("deviation", [0, 5])
def test_a_slight_smile_is_life_from_the_first_look_on(deviation: float) -> None:
    smile, noise = smiling(2.5), noisy(deviation)
    face = watched(lambda scene, time: noise(smile(scene, time), time), 8)
    assert face.since == 0 and not face.motionless


def test_whether_a_face_is_a_picture_is_left_open_at_first() -> None:
    face = watched(plainly, PATIENCE - 0.2)
    assert face.since is None and not face.motionless


def test_a_picture_that_moves_is_a_person_at_once_and_one_who_freezes_a_picture_in_a_while() -> None:
    face = watched(plainly, 5)
    assert face.motionless
    watched(smiling(4), 0.9, face, start=5)
    assert face.since is not None and 5 <= face.since <= 5.8 and not face.motionless
    watched(plainly, PATIENCE - 0.5, face, start=6)
    assert face.since is not None
    watched(plainly, 2, face, start=6 + PATIENCE - 0.5)
    assert face.since is None and face.motionless


def seen(
    time: float,
    track: int,
    left: float,
    *,
    motion: float = 0.0,
    since: float | None = None,
    still: bool = False,
) -> SeenFace:
    box = np.array([left, 10, left + 20, 30], np.float32)
    face = FaceObservation(time, track, box, 0.99, np.zeros((5, 2), np.float32), motion, since, still)
    return SeenFace(
        face,
        np.zeros((48, 48), np.uint8),
        FaceQuality(100, 0.2, 0, 1),
        np.full(3, track, np.float32),
        np.zeros(8, np.float32),
    )


def body(left: float) -> SeenBody:
    return SeenBody(np.array([left - 10, 0, left + 30, 100], np.float32), np.full(3, left, np.float32))


def test_a_picture_is_nobodys_face_even_where_its_mouth_flickers() -> None:
    scene = [
        Sighting(
            0,
            step / RATE,
            (seen(step / RATE, 1, 20, motion=0.5, still=True), seen(step / RATE, 2, 80, since=0.0)),
            None,
            False,
            (320, 240),
        )
        for step in range(5)
    ]
    speaker, faces, _ = look_at(scene, None, "no frame")
    assert speaker == 2 and faces.tokens is not None and (faces.tokens == 2).all()
    alone = [Sighting(0, one.time, one.faces[:1], None, False, (320, 240)) for one in scene]
    speaker, faces, _ = look_at(alone, None, "no frame")
    assert (speaker, faces.tokens, faces.reason) == (None, None, "motionless face")


def test_a_face_that_moves_in_the_course_of_an_utterance_is_somebodys_all_along() -> None:
    scene = [
        Sighting(0, step / RATE, (seen(step / RATE, 1, 20, still=step < 3),), None, False, (320, 240))
        for step in range(5)
    ]
    speaker, faces, _ = look_at(scene, None, "no frame")
    assert speaker == 1 and faces.tokens is not None and len(faces.tokens) == 5


def test_the_body_below_a_pictures_face_is_no_person_and_another_is() -> None:
    poster = seen(4.0, 1, 20, still=True)
    assert Sighting(0, 4.0, (poster,), (body(20),), False, (320, 240)).person_since is None
    assert Sighting(0, 4.0, (poster,), (body(20), body(80)), False, (320, 240)).person_since == 4.0


def test_a_silent_smile_is_labelled_from_its_beginning(workbench: Workbench) -> None:
    messages = workbench.track([Scripted("smile", [*up("video"), *film_of(smiling(3), 6)])], transcribe=False)
    assert [final.start for final in emotions(messages, "final")] == [0, 4]


@pytest.mark.parametrize("seconds", [0.2, 8], ids=["photograph", "film of one"])
def test_a_silent_picture_is_told_once_and_never_labelled(workbench: Workbench, seconds: float) -> None:
    items = [*up("video"), *film_of(noisy(4), seconds), *down("video", seconds, "end of file")]
    messages = workbench.track([Scripted("poster", items)], transcribe=False)
    assert not any(isinstance(message, Emotion) for message in messages)
    reasons = [message.reason for message in messages if isinstance(message, Feed)]
    told = [reason for reason in reasons if reason is not None and "does not move" in reason]
    assert len(told) == 1
