"""Which transcripts the network may read: those in a language that it has learnt, in which the recogniser did not lose itself."""

import zlib
from collections import Counter
from collections.abc import Collection

from emotrack.stream.transcription.transcript import Transcript

FOREIGN = "language"
LOOP = "repeated words"

SURE_WORDS = 3
"""Words from which on a line's own language is believed; a shorter one is taken to be in the language of the conversation."""
MOST_COMPRESSION = 2.4
"""How much shorter a text may become by compression before it is a loop; Whisper's own threshold."""


class SpokenLanguage:
    """The language of one conversation: that of most of its words so far, by lines that are long enough to tell."""

    def __init__(self) -> None:
        self._words: Counter[str] = Counter()

    def note(self, transcript: Transcript) -> None:
        """A line of the conversation."""
        if transcript.language is not None and _tells(transcript):
            self._words[transcript.language] += len(transcript.text.split())

    def of(self, transcript: Transcript) -> str | None:
        """The language that a line is in; None where nothing tells."""
        if transcript.language is not None and _tells(transcript):
            return transcript.language
        return self._words.most_common(1)[0][0] if self._words else None


def _tells(transcript: Transcript) -> bool:
    return len(transcript.text.split()) >= SURE_WORDS


def unreadable(transcript: Transcript, language: str | None, languages: Collection[str] | None) -> str | None:
    """Why the network is not to read a transcript in `language`, or None; `languages`: those that it has learnt, None for any."""
    if languages is not None and language is not None and language not in languages:
        return FOREIGN
    return LOOP if is_loop(transcript.text) else None


def is_loop(text: str) -> bool:
    """Whether a text is little else than one phrase again and again, as Whisper writes over noise and music."""
    written = text.encode()
    return len(written) > MOST_COMPRESSION * len(zlib.compress(written))
