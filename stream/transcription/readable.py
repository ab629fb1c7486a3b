"""Which transcripts the network may read: those in a language that it has learnt, in which the recogniser did not lose itself."""

from collections import Counter
from collections.abc import Collection, Sequence

from emotrack.stream.transcription.transcript import Transcript

FOREIGN = "language"
LOOP = "repeated words"

SURE_WORDS = 3
"""Words from which on a line's own language is believed; a shorter one is taken to be in the language of the conversation."""
LONGEST_PHRASE = 8
LEAST_REPEATS, LEAST_WORDS = 4, 12
"""Repeats of a phrase, and words in them, from which on it is a recogniser's loop: people say no four times, not twelve."""
LOOP_SHARE = 2 / 3
"""Share of a text that a loop takes at least, to make it worthless."""


class SpokenLanguage:
    """The language of one conversation: that of most of its words so far, by lines that are long enough to tell."""

    def __init__(self) -> None:
        self._words: Counter[str] = Counter()

    def note(self, transcript: Transcript) -> None:
        """A line of the conversation."""
        count = len(transcript.text.split())
        if transcript.language is not None and count >= SURE_WORDS:
            self._words[transcript.language] += count

    def of(self, transcript: Transcript) -> str | None:
        """The language that a line is in; None where nobody tells."""
        if not self._words or (transcript.language is not None and len(transcript.text.split()) >= SURE_WORDS):
            return transcript.language
        return self._words.most_common(1)[0][0]


def unreadable(transcript: Transcript, language: str | None, languages: Collection[str] | None) -> str | None:
    """Why the network is not to read a transcript in `language`, or None; `languages`: those that it has learnt, None for any."""
    if languages is not None and language is not None and language not in languages:
        return FOREIGN
    return LOOP if is_loop(transcript.text.lower().split()) else None


def is_loop(words: Sequence[str]) -> bool:
    """Whether most of `words` is one phrase again and again, as Whisper writes over noise and music."""
    for length in range(1, LONGEST_PHRASE + 1):
        repeated = 0  # words in a row that are those of a phrase before
        for place in range(length, len(words)):
            repeated = repeated + 1 if words[place] == words[place - length] else 0
            whole = repeated + length
            if whole >= max(LEAST_REPEATS * length, LEAST_WORDS, LOOP_SHARE * len(words)):
                return True
    return False
