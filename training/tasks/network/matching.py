"""Voices and faces for dialogues that have only text: drawn by label, from people that the encoders have not
learnt from.

In conversation most voices and faces show less than the words say, or something else. Acted clips and posed
photographs show their label far too plainly, and a network trained on them would trust them blindly. So an
utterance's voice, and on its own its face, shows the utterance's label only some of the time, else mostly
nothing (neutral), and at times something else; and within a face track that shows the label some pictures are
neutral. Voices show something else more often than faces do, for the voice network hears acting everywhere:
real speech that is merely lively sounds like an emotion to it.

People also have habits: one smiles at whatever is said, another sounds sad. So some speakers show one class
in a share of all their utterances, whatever the label, some of them always; what is usual for a person can
only be told from what that person has shown so far. All these shares are a judgement: voices and faces are to
tell some of the label, but far less than words do, as in recorded conversation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

NEUTRAL, JOY = 0, 1
"""Numbers of the neutral class and of joy."""
MOST_FACES = 8
"""Pictures of a face track at most."""
SMILERS = 0.6
"""Of the faces with a habit, the share whose habit is to smile."""
ALWAYS = 1 / 6
"""Of the people with a habit, the share who never show anything else; the others show it in up to `OFTEN` of
their utterances."""
OFTEN = 0.7


@dataclass(frozen=True, slots=True)
class Shares:
    """Share of utterances for which a voice or a face shows the label, and nothing; the others show any
    class."""

    label: Annotated[float, Field(ge=0, le=1)]
    """Share that shows the label."""
    nothing: Annotated[float, Field(ge=0, le=1)]
    """Share that shows nothing, which is neutral."""

    def __post_init__(self) -> None:
        if self.label + self.nothing > 1:
            raise ValueError(f"the shares {self.label} and {self.nothing} are more than the whole")


@dataclass(frozen=True, slots=True)
class MatchSettings:
    """What voices and faces show, the share of a showing track's pictures that do show it, and the share of
    people with a habit."""

    voice: Shares = Shares(0.3, 0.3)
    face: Shares = Shares(0.3, 0.45)
    pictures: Annotated[float, Field(ge=0, le=1)] = 0.7
    """Of a face track that shows the label, the share of pictures that do."""
    habitual: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of people with a habit, of the voice and of the face each."""


CANDID = MatchSettings(Shares(1.0, 0.0), Shares(1.0, 0.0), pictures=1.0, habitual=0.0)
"""Of people who show what they feel, and nothing else."""


@dataclass(frozen=True, slots=True)
class Habit:
    """What a person shows in this share of all utterances, whatever their label."""

    shows: int = NEUTRAL
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class Person:
    """Whose voice a speaker of a dialogue has, and the habits of voice and face."""

    actor: str
    voice: Habit = Habit()
    face: Habit = Habit()


@dataclass(frozen=True, slots=True)
class Drawn:
    """For one utterance: segments of a voice [k, 128], pictures of a face track [n, 128], and the class that
    each of them shows."""

    voice: np.ndarray
    face: np.ndarray
    shown: tuple[int, int]


@dataclass(frozen=True, slots=True)
class MatchedPool:
    """Descriptors to draw from: per class the voice clips [k, 128] of each actor, and the pictures [n,
    128]."""

    voices: Mapping[int, Mapping[str, Sequence[np.ndarray]]]
    faces: Mapping[int, np.ndarray]
    settings: MatchSettings

    def draw(
        self,
        labels: Sequence[int],
        speakers: Sequence[int],
        random: np.random.Generator,
        people: Mapping[int, Person] | None = None,
    ) -> list[Drawn]:
        """A voice and a face for each utterance of a dialogue; `people` by speaker, drawn where they are not
        given."""
        if people is None:
            people = {speaker: self.person(random) for speaker in dict.fromkeys(speakers)}
        drawn = []
        for label, speaker in zip(labels, speakers, strict=True):
            person = people[speaker]
            voice = self._shown(label, self.settings.voice, person.voice, random)
            face = self._shown(label, self.settings.face, person.face, random)
            drawn.append(
                Drawn(self.voice(voice, person.actor, random), self.face(face, random), (voice, face))
            )
        return drawn

    def person(self, random: np.random.Generator) -> Person:
        """Somebody with the voice of an actor who shows more than nothing, with or without habits."""
        actors = sorted(set().union(*(self.voices[number] for number in self.voices if number != NEUTRAL)))
        others = [number for number in sorted(self.voices) if number != NEUTRAL]
        smiles = random.random() < SMILERS
        face = JOY if smiles and JOY in self.voices else int(random.choice(others))
        return Person(
            actor=str(random.choice(actors)),
            voice=self._habit(int(random.choice(sorted(self.voices))), random),
            face=self._habit(face, random),
        )

    def _habit(self, shows: int, random: np.random.Generator) -> Habit:
        if random.random() >= self.settings.habitual:
            return Habit()
        return Habit(shows, 1.0 if random.random() < ALWAYS else OFTEN * random.random())

    def _shown(self, label: int, shares: Shares, habit: Habit, random: np.random.Generator) -> int:
        """The class that a voice or a face shows for an utterance of class `label`."""
        if random.random() < habit.share:
            return habit.shows
        chance = random.random()
        if chance < shares.label:
            return label
        if chance < shares.label + shares.nothing:
            return NEUTRAL
        return int(random.integers(len(self.voices)))

    def voice(self, shown: int, actor: str, random: np.random.Generator) -> np.ndarray:
        """Segments of one clip or two of an actor who shows a class, [k, 128].

        What shows nothing is half of the time anybody's, for among those are people who do not act.
        """
        of = self.voices[shown]
        mine = of.get(actor, ()) if shown != NEUTRAL or random.random() < 0.5 else ()
        chosen = []
        for _ in range(random.integers(1, 3)):
            clips = mine or of[sorted(of)[int(random.integers(len(of)))]]
            chosen.append(clips[int(random.integers(len(clips)))])
        return np.concatenate(chosen)

    def face(self, shown: int, random: np.random.Generator) -> np.ndarray:
        """Pictures of one track that shows a class, [n, 128] with n from 1 to 8."""
        plain = random.random(random.integers(1, MOST_FACES + 1)) >= self.settings.pictures
        pictures = [self.faces[NEUTRAL if one else shown] for one in plain]
        return np.stack([choice[random.integers(len(choice))] for choice in pictures])
