"""What was said in a session so far, as far as the words of the next utterance are read in its light."""

from collections import deque
from dataclasses import dataclass, replace

from emotrack.engines.networks.passages import DialogueLine


@dataclass(frozen=True, slots=True)
class TextContext:
    """What the words of an utterance are read with: the number of its speaker, and the lines before it,
    oldest first."""

    speaker: int = 0
    before: tuple[DialogueLine, ...] = ()


@dataclass(frozen=True, slots=True)
class KeptLines:
    """A conversation at rest."""

    lines: tuple[tuple[int, DialogueLine], ...]
    numbers: dict[str, int]
    committed: int


class Conversation:
    """The newest committed utterances with words. A function of what is committed and merged, in that order.

    Words that come late stand where they were said: for themselves they are read with the lines that were
    before them, and what is read from then on finds them in their place. What was read without them is not
    read again.
    """

    def __init__(self, length: int, revisable: int) -> None:
        """`length`: how many lines a text encoder reads along; with 0 no context is ever another one.

        `revisable`: of how many utterances, the last ones, words may come late.
        """
        self._length = length
        self._lines: deque[tuple[int, DialogueLine]] = deque(maxlen=length + revisable if length else 0)
        self._numbers: dict[str, int] = {}
        self._committed = 0

    def snapshot(self) -> KeptLines:
        """All that was said, as far as it still counts."""
        return KeptLines(tuple(self._lines), dict(self._numbers), self._committed)

    def restore(self, kept: KeptLines) -> None:
        """Go on from there."""
        self._lines = deque(kept.lines, self._lines.maxlen)
        self._numbers, self._committed = dict(kept.numbers), kept.committed

    def around(self, speaker: str, place: int | None = None) -> TextContext:
        """What an utterance by `speaker` is read with that was committed as the `place`-th, or were it the
        next one."""
        if not self._length:
            return TextContext()
        before = tuple(line for other, line in self._lines if place is None or other < place)
        return TextContext(self._numbers.get(speaker, len(self._numbers)), before[-self._length :])

    def commit(self, speaker: str, words: str | None) -> int:
        """`speaker` has said `words`, or something that has none or was not to be understood: its place among
        what was said."""
        self._committed += 1
        self._numbers.setdefault(speaker, len(self._numbers))
        if words is not None:
            self.insert(self._committed, speaker, words)
        return self._committed

    def insert(self, place: int, speaker: str, words: str) -> None:
        """What `speaker` said in this place, which was committed without words, was `words`."""
        lines = sorted(
            [*self._lines, (place, DialogueLine(self._numbers[speaker], words))], key=lambda said: said[0]
        )
        self._lines = deque(lines, self._lines.maxlen)

    def reassign(self, place: int, speaker: str) -> None:
        """What was said in this place was said by `speaker`."""
        number = self._numbers.setdefault(speaker, len(self._numbers))
        renamed = ((at, replace(line, speaker=number) if at == place else line) for at, line in self._lines)
        self._lines = deque(renamed, self._lines.maxlen)

    def merge(self, speaker: str, into: str) -> None:
        """Two speakers turn out to be one, which goes by the number of `into`; those of others stay as they
        are."""
        if speaker not in self._numbers:
            return
        former = self._numbers[speaker]
        kept = self._numbers.setdefault(into, former)
        self._numbers = {name: kept if number == former else number for name, number in self._numbers.items()}
        renamed = (
            (at, replace(line, speaker=kept) if line.speaker == former else line) for at, line in self._lines
        )
        self._lines = deque(renamed, self._lines.maxlen)
