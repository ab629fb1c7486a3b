"""What is known about an utterance, stream by stream: token vectors for the network, or the reason why there are none."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from emotrack.engines.encoders import Encoders
from emotrack.model.configuration import STREAMS, Stream
from emotrack.stream.feed import Feed
from emotrack.stream.seeing.vision import Sighting
from emotrack.stream.speakers.association import speaking_face
from emotrack.stream.transcription.transcript import Transcript
from emotrack.stream.utterance import Utterance

MAXIMUM_TOKENS = 16
"""Faces or bodies of one utterance that reach the network; more are thinned evenly."""
USER = "user"
SHED = "shed"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Token vectors float32 [n, dim] by stream (an absent one is missing), and why each absent stream is absent."""

    tokens: dict[Stream, np.ndarray]
    reasons: dict[Stream, str]
    face: int | None
    """Track of the speaker's face."""
    transcript: Transcript | None


@dataclass(frozen=True, slots=True)
class Found:
    """One stream's tokens, or the reason why it has none."""

    tokens: np.ndarray | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Heard:
    """An utterance's transcript, or the reason why there is none."""

    transcript: Transcript | None
    reason: str = "no words"


def gather(
    utterance: Utterance,
    feed: Feed,
    heard: Heard,
    encoders: Encoders,
    modes: Collection[Stream],
    end: float,
    *,
    finished: bool,
    sheds_bodies: bool,
) -> Evidence:
    """Describe an utterance up to session time `end`; `finished` tells whether it would end there (then its tail counts too).

    `sheds_bodies`: bodies are not looked for at the moment, to save time.
    """
    seen = feed.seen_between(utterance.start, end)
    blind = encoders.blind if feed.video_up or seen else "no video"
    face, faces, bodies = look_at(seen, blind, SHED if sheds_bodies else "no frame")
    found: dict[Stream, Found] = {
        "text": _words(heard, encoders, modes),
        "audio": _sound(utterance, finished),
        "face": faces,
        "body": bodies,
    }
    return assemble(
        found, modes, encoders.unusable, face if "face" in modes else None, heard.transcript if "text" in modes else None
    )


def _words(heard: Heard, encoders: Encoders, modes: Collection[Stream]) -> Found:
    if heard.transcript is None or encoders.text is None or "text" not in modes:
        return Found(None, heard.reason)
    return Found(encoders.text.encode(heard.transcript.text), "no words")


def _sound(utterance: Utterance, finished: bool) -> Found:
    if utterance.description is None:
        return Found(None, utterance.silence)
    return Found(utterance.description.finished() if finished else utterance.description.so_far(), "no audio")


def assemble(
    found: Mapping[Stream, Found],
    modes: Collection[Stream],
    unusable: Mapping[Stream, str],
    face: int | None,
    transcript: Transcript | None,
) -> Evidence:
    """Keep what is present, allowed by the user (`modes`) and known to the network (`unusable` names the rest and says why)."""
    tokens: dict[Stream, np.ndarray] = {}
    reasons: dict[Stream, str] = {}
    for stream in STREAMS:
        part = found[stream]
        if stream not in modes:
            reasons[stream] = USER
        elif stream in unusable:
            reasons[stream] = unusable[stream]
        elif part.tokens is None or len(part.tokens) == 0:
            reasons[stream] = part.reason
        elif not np.isfinite(part.tokens).all():
            reasons[stream] = "not finite"
        else:
            tokens[stream] = part.tokens
    return Evidence(tokens, reasons, face, transcript)


def look_at(sightings: Sequence[Sighting], blind: str | None, unexamined: str) -> tuple[int | None, Found, Found]:
    """The speaker's face track, its descriptors and the speaker's body descriptors within an utterance's sightings.

    `blind` says why nothing can be seen at all (no video, no detector), or is None; `unexamined` why bodies were looked for in no
    frame, should that be so.
    """
    if blind is not None:
        return None, Found(None, blind), Found(None, blind)
    if not sightings:
        return None, Found(None, "no frame"), Found(None, "no frame")
    absent = "camera covered" if all(sighting.dark for sighting in sightings) else None
    observations = [face.observation for sighting in sightings for face in sighting.faces]
    speaker = speaking_face(observations)
    track = None if speaker is None else speaker.track
    faces = [face.descriptor for sighting in sightings for face in sighting.faces if face.observation.track == track]
    bodies = [body for sighting in sightings if (body := _body_of(sighting, track)) is not None]
    no_body = unexamined if all(sighting.bodies is None for sighting in sightings) else "no body"
    return track, _found(faces, absent or "no face"), _found(bodies, absent or no_body)


def _body_of(sighting: Sighting, track: int | None) -> np.ndarray | None:
    """The body that carries the speaker's face; without a face, the only body there is."""
    if sighting.bodies is None:
        return None
    face = next((face.observation.box for face in sighting.faces if face.observation.track == track), None)
    if face is None:
        return sighting.bodies[0].descriptor if len(sighting.bodies) == 1 else None
    x, y = (face[0] + face[2]) / 2, (face[1] + face[3]) / 2
    holding = [b for b in sighting.bodies if b.box[0] <= x <= b.box[2] and b.box[1] <= y <= b.box[3]]
    return min(holding, key=lambda b: (b.box[2] - b.box[0]) * (b.box[3] - b.box[1])).descriptor if holding else None


def _found(descriptors: list[np.ndarray], reason: str) -> Found:
    if not descriptors:
        return Found(None, reason)
    if len(descriptors) > MAXIMUM_TOKENS:
        kept = np.linspace(0, len(descriptors) - 1, MAXIMUM_TOKENS).round().astype(int)
        descriptors = [descriptors[index] for index in kept]
    return Found(np.stack(descriptors))
