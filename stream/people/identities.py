"""Whose a face is: that of somebody enrolled whom it is known to be; else the speaker's whose words its mouth
said; before that its feed's one participant, or nobody known."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from emotrack.stream.people.enrolment.known import recognised

Track = tuple[str, int]
"""A feed's name, and the number of a face in it."""
KNOWN = 0.6
"""Cosine of a face and an enrolled one from which on they are one person's: a squared distance of 0.8, where
1.1 tells people apart in FaceNet's example (Schroff et al. 2015, figure 1). No error rate of it could be
measured without the weights."""
MOST_RENAMED = 1000
"""Faces of which it is remembered that they were called otherwise: the latest."""
LOOKS, LATEST = 3, 5
"""So many of the latest looks must be the same person's, and none anybody else's."""


@dataclass(frozen=True, slots=True)
class Renamed:
    """What was told of `before` is from now on told of `person`."""

    before: str
    person: str


def name_of(track: Track) -> str:
    """What a face is called whose person nobody knows; `SOURCE-faceTRACK`, at most 128 letters."""
    source, number = track
    return f"{source[:100]}-face{number}"


@dataclass(frozen=True, slots=True)
class KeptIdentities:
    """Whose the faces were, at rest."""

    owners: dict[Track, str]
    known: dict[Track, str]
    told: dict[Track, int]


@dataclass(slots=True)
class Identities:
    """The faces that are there now, each with its person; a person has one face in each feed at most."""

    one_each: bool
    """Whether each feed has one participant, who is named after it."""
    voiced: bool
    """Whether speakers are told apart by their voices, so that who speaks with a face is who had it
    before."""
    _owners: dict[Track, str] = field(default_factory=dict)
    _known: dict[Track, str] = field(default_factory=dict)
    """Those who are known by them."""
    _told: dict[Track, int] = field(default_factory=dict)
    """How often a face's own name has become another one, and is not used again."""

    def appear(self, track: Track) -> None:
        """A new face. The first one of a feed that has one participant is theirs."""
        source, _ = track
        theirs = self.one_each and source not in self._owners.values()
        self._owners[track] = source if theirs else self.own_name(track)

    def snapshot(self) -> KeptIdentities:
        """Whose the faces are."""
        return KeptIdentities(dict(self._owners), dict(self._known), dict(self._told))

    def restore(self, kept: KeptIdentities, *, seen_again: bool) -> None:
        """Go on from there; faces that are not followed any more (not `seen_again`) are nobody's, but no name
        is used twice."""
        self._told = dict(kept.told)
        if seen_again:
            self._owners.update(
                (track, kept.owners[track]) for track in self._owners.keys() & kept.owners.keys()
            )
            self._known = {track: name for track, name in kept.known.items() if track in self._owners}

    def know(self, track: Track, person: str) -> list[Renamed]:
        """It is known whose a face is: theirs, whoever is heard; unless another one of its feed is."""
        taken = any(known == person and other[0] == track[0] for other, known in self._known.items())
        if track not in self._owners or taken:
            return []
        self._free(person, track)
        before, self._owners[track] = self._owners[track], person
        self._known[track] = person
        return self._pass_on(track, before, person)

    def who(self, track: Track, speaker: str, *, known: bool) -> str:
        """Who said what a face was seen to say, if the ears say `speaker`, whose voice is `known` or not."""
        if track not in self._owners:
            return speaker
        by_sight = not known or (track in self._known and not self.voiced)
        return self._owners[track] if by_sight else speaker

    def own_name(self, track: Track) -> str:
        """What the face is called by itself."""
        times = self._told.get(track, 0)
        return f"{name_of(track)}-{times + 1}" if times else name_of(track)

    def person(self, track: Track) -> str:
        """Whose a face is that is there."""
        return self._owners[track]

    def lose(self, track: Track) -> None:
        """A face is gone. Where it was the one participant's, it is the only other one's that is there: a
        face that was lost for a moment may come back as another."""
        source, _ = track
        owner = self._owners.pop(track, None)
        self._known.pop(track, None)
        others = [other for other in self._owners if other[0] == source and other not in self._known]
        if self.one_each and owner == source and len(others) == 1:
            self._owners[others[0]] = source

    def speak(self, track: Track, person: str) -> list[Renamed]:
        """`person` has spoken with this face: it is theirs, and no other of its feed is.

        Where voices tell speakers apart, what was known under a face's own name is theirs too.
        """
        if track not in self._owners or track in self._known or self._owners[track] == person:
            return []
        self._free(person, track)
        before, self._owners[track] = self._owners[track], person
        return self._pass_on(track, before, person) if self.voiced else []

    def rename(self, before: str, person: str) -> None:
        """Two people turn out to be one."""
        for track, owner in self._owners.items():
            if owner == before:
                self._free(person, track)
                self._owners[track] = person

    def _pass_on(self, track: Track, before: str, person: str) -> list[Renamed]:
        """What is told where `before` was the face's own name, which is not used again, even if the face goes
        and comes back."""
        if before != self.own_name(track):
            return []
        self._told[track] = self._told.pop(track, 0) + 1
        while len(self._told) > MOST_RENAMED:
            del self._told[next(iter(self._told))]
        return [Renamed(before, person)]

    def _free(self, person: str, track: Track) -> None:
        """No other face of this one's feed is that person's."""
        for other, owner in self._owners.items():
            if other != track and other[0] == track[0] and owner == person:
                self._owners[other] = self.own_name(other)


class KnownFaces:
    """The faces of a session that may be somebody's who is enrolled."""

    def __init__(self, people: Mapping[str, np.ndarray]) -> None:
        """`people`: their faces, by name."""
        self._people = people
        self._looks: dict[Track, deque[str | None]] = {}

    def look(self, track: Track, face: np.ndarray) -> str | None:
        """Whose a face is that was looked at once more, float32 [d] of length 1; None where nobody is
        known."""
        looks = self._looks.setdefault(track, deque(maxlen=LATEST))
        looks.append(recognised(face, self._people, KNOWN))
        (name, times), *others = Counter(looks).most_common()
        agreed = name is not None and times >= LOOKS and all(other is None for other, _ in others)
        return name if agreed else None

    def lose(self, track: Track) -> None:
        """A face is gone."""
        self._looks.pop(track, None)
