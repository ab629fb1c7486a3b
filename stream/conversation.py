"""What was said in a session so far, as far as the words of the next utterance are read in its light."""

from collections import deque
from dataclasses import dataclass, replace

from emotrack.engines.dialogue_text import Line


@dataclass(frozen=True, slots=True)
class TextContext:
    """What the words of an utterance are read with: the number of its speaker, and the lines before it, oldest first."""

    speaker: int = 0
    before: tuple[Line, ...] = ()


class Conversation:
    """The newest committed utterances with words. A function of what is committed and merged, in that order."""

    def __init__(self, length: int) -> None:
        """`length`: how many lines a text encoder reads along; with 0 no context is ever another one."""
        self._lines: deque[Line] = deque(maxlen=length)
        self._numbers: dict[str, int] = {}

    def around(self, speaker: str) -> TextContext:
        """What an utterance by `speaker` would be read with, were it the next one."""
        if self._lines.maxlen == 0:
            return TextContext()
        return TextContext(self._numbers.get(speaker, len(self._numbers)), tuple(self._lines))

    def commit(self, speaker: str, words: str | None) -> None:
        """`speaker` has said `words`, or something that has none or was not to be understood."""
        number = self._numbers.setdefault(speaker, len(self._numbers))
        if words is not None:
            self._lines.append(Line(number, words))

    def merge(self, speaker: str, into: str) -> None:
        """Two speakers turn out to be one, which goes by the number of `into`; those of others stay as they are."""
        if speaker not in self._numbers:
            return
        former = self._numbers[speaker]
        kept = self._numbers.setdefault(into, former)
        self._numbers = {name: kept if number == former else number for name, number in self._numbers.items()}
        renamed = (replace(line, speaker=kept) if line.speaker == former else line for line in self._lines)
        self._lines = deque(renamed, self._lines.maxlen)
