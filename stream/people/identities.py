"""Whose a face is: the speaker's whose words its mouth said; before that its feed's one participant, or
nobody known."""

from dataclasses import dataclass, field

Track = tuple[str, int]
"""A feed's name, and the number of a face in it."""


@dataclass(frozen=True, slots=True)
class Renamed:
    """What was told of `before` is from now on told of `person`."""

    before: str
    person: str


def name_of(track: Track) -> str:
    """What a face is called whose person nobody knows."""
    source, number = track
    return f"{source}-face{number}"


@dataclass(slots=True)
class Identities:
    """The faces that are there now, each with its person; a person has one face in each feed at most."""

    one_each: bool
    """Whether each feed has one participant, who is named after it."""
    _owners: dict[Track, str] = field(default_factory=dict)

    def appear(self, track: Track) -> str:
        """Whose a new face is. The first face of a feed that has one participant is theirs."""
        source, _ = track
        theirs = self.one_each and source not in self._owners.values()
        self._owners[track] = source if theirs else name_of(track)
        return self._owners[track]

    def person(self, track: Track) -> str:
        """Whose a face is that has appeared."""
        return self._owners[track]

    def face(self, person: str, source: str) -> int | None:
        """The face of a person in a feed, where one is there."""
        return next(
            (number for (feed, number), owner in self._owners.items() if (feed, owner) == (source, person)),
            None,
        )

    def lose(self, track: Track) -> None:
        """A face is gone."""
        self._owners.pop(track, None)

    def speak(self, track: Track, person: str) -> list[Renamed]:
        """`person` has spoken with this face: it is theirs, and no other of its feed is.

        Where voices tell speakers apart, what was known under a face's own name is theirs too; where a feed
        stands for its one participant, nobody can say who was meant before.
        """
        if track not in self._owners or self._owners[track] == person:
            return []
        source, _ = track
        for other, owner in self._owners.items():
            if other[0] == source and owner == person:
                self._owners[other] = name_of(other)
        before, self._owners[track] = self._owners[track], person
        return [Renamed(before, person)] if before == name_of(track) and not self.one_each else []

    def rename(self, before: str, person: str) -> None:
        """Two people turn out to be one."""
        for track, owner in self._owners.items():
            if owner == before:
                self._owners[track] = person
