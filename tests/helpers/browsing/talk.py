"""A talk of any length between people whose mood changes, message by message as a tracker tells it.

For what is shown at a rate, or for very long, where tracking so much would take as long.
"""

import math
from collections.abc import Iterator, Sequence

from emotrack.stream.wire.protocol.messages import Emotion, Face, Message, Person
from emotrack.stream.wire.protocol.parts import Box
from emotrack.stream.wire.protocol.vocabulary import LABELS
from helpers.sessions import sample_messages as sample

STEP = 0.25
"""Seconds between two looks at everybody's face."""
TURN = 6.0
"""Seconds from the beginning of one utterance to that of the next."""
SPOKEN = 4.5
SAID = (
    "We heard from them this morning, at last.",
    "And? You cannot leave it at that!",
    "They said yes. I start on Monday.",
    "I do not know what to say. That is wonderful.",
    "It will be strange not to see you here every day.",
    "I know. I keep thinking about that, too.",
)
MOODS = ("neutral", "surprise", "joy", "joy", "sadness", "neutral", "anger", "fear")
PLACES = {
    "neutral": (0.05, -0.1),
    "joy": (0.7, 0.45),
    "sadness": (-0.55, -0.35),
    "anger": (-0.5, 0.6),
    "surprise": (0.25, 0.7),
    "fear": (-0.6, 0.4),
    "disgust": (-0.6, 0.1),
}
"""Valence and arousal of each label."""


def talk(seconds: float, people: Sequence[str] = ("anna", "bert"), begin: float = 0.0) -> Iterator[Message]:
    """What is told from session time `begin` for so many seconds, in its order: four looks a second, two
    states and, while somebody speaks, two partial labels; a heartbeat a second."""
    if begin == 0:
        yield sample.session()
        yield sample.feed("audio", "up", "start of file")
        yield sample.feed("video", "up", "start of file")
        for name in people:
            yield sample.new_speaker(name)
    for tick in range(round(begin / STEP), round((begin + seconds) / STEP)):
        time = tick * STEP
        number = int(time // TURN)
        speaker = people[number % len(people)]
        spoken = time - number * TURN
        for track, name in enumerate(people):
            yield _face(name, track + 1, time)
        if tick % 2 == 0:
            for name in people:
                yield _person(name, time, speaking=name == speaker and spoken <= SPOKEN, utterance=number)
            if 0 < spoken < SPOKEN:
                yield _emotion(number, speaker, time, revision=int(2 * spoken))
        if math.isclose(spoken, SPOKEN):
            yield _emotion(number, speaker, time, final=True, revision=20)
        if tick % 4 == 0:
            yield sample.heartbeat(time, shed={})


def _mood(time: float, name: str) -> tuple[str, float]:
    """A label, and how far it has come."""
    at = time / 14 + len(name) + ord(name[0])
    return MOODS[int(at) % len(MOODS)], math.sin(math.pi * (at % 1))


def _scores(label: str, share: float) -> dict[str, float]:
    rest = (1 - share) / (len(LABELS) - 1)
    return {name: share if name == label else rest for name in LABELS}


def _place(time: float, name: str) -> tuple[float, float]:
    """Valence and arousal, which follow the mood."""
    label, strength = _mood(time, name)
    valence, arousal = PLACES[label]
    return round(valence * strength, 3), round(arousal * strength, 3)


def _emotion(number: int, speaker: str, time: float, *, revision: int, final: bool = False) -> Emotion:
    label, strength = _mood(time, speaker)
    share = 0.35 + 0.6 * strength
    valence, arousal = _place(time, speaker)
    text = sample.present(0.46) if final else sample.masked("not yet")
    face = sample.imputed(0.05, "face turned away") if number % 5 == 3 else sample.present(0.3)
    return sample.emotion(
        number,
        speaker,
        state="final" if final else "partial",
        revision=revision,
        start=number * TURN,
        end=time,
        label=label,
        confidence=share,
        scores=_scores(label, share),
        valence=valence,
        arousal=arousal,
        modalities=sample.modalities(text=text, face=face),
        transcript=sample.said(SAID[number % len(SAID)]) if final else None,
    )


def _person(name: str, time: float, *, speaking: bool, utterance: int) -> Person:
    label, strength = _mood(time, name)
    valence, arousal = _place(time, name)
    before = _place(max(0, time - 5), name)
    return Person(
        person=name,
        source="kitchen",
        state="present",
        time=time,
        label=label,
        since=max(0.0, 14 * math.floor(time / 14)),
        confidence=0.3 + 0.6 * strength,
        scores=_scores(label, 0.3 + 0.6 * strength),
        valence=valence,
        arousal=arousal,
        valence_trend=round(valence - before[0], 3),
        arousal_trend=round(arousal - before[1], 3),
        known=min(30.0, time),
        baseline=utterance // 2,
        face=1,
        speaking=speaking,
        utterance=utterance,
    )


def _face(name: str, track: int, time: float) -> Face:
    label, strength = _mood(time, name)
    left = 0.2 + 0.4 * (track - 1) + 0.02 * math.sin(time)
    box = Box(left=left, top=0.2, right=left + 0.2, bottom=0.6)
    share = 0.35 + 0.6 * strength
    return sample.face(
        track=track,
        person=name,
        time=time,
        box=box,
        reason=None,
        label=label,
        confidence=share,
        scores=_scores(label, share),
    )
