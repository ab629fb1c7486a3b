"""Speaks the lines of dialogues and has them transcribed, dialogue by dialogue, going on where it was interrupted."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from emotrack.model.errors import UserError
from emotrack.stream.transcription.transcript import Transcriber
from emotrack.training.corpora.dialogue_table import Dialogue
from emotrack.training.spoken.heard import HeardLine, add, begin
from emotrack.training.spoken.voices import Voice

DIGITS = 3
"""Of a confidence."""


def enough(dialogues: Sequence[Dialogue], lines: int | None) -> Iterator[Dialogue]:
    """Whole dialogues from the first on until they have `lines` lines; all of them where that is None."""
    count = 0
    for dialogue in dialogues:
        if lines is not None and count >= lines:
            return
        count += len(dialogue.lines)
        yield dialogue


def voices_of(place: int, voices: Sequence[str], each: int) -> list[str]:
    """Who speaks the dialogue at `place`: `each` of the voices, taken in turn from dialogue to dialogue."""
    return [voices[(place + more) % len(voices)] for more in range(each)]


def hear_dialogues(
    dialogues: Sequence[Dialogue], dataset: str, out: Path, voices: Mapping[str, Voice], each: int, transcriber: Transcriber
) -> Iterator[tuple[HeardLine, bool]]:
    """Have every line of `dialogues` spoken by `each` of `voices` and write what is heard to `out`.

    Gives each line, and whether `out` had it before.

    Raises UserError where `out` cannot be written, or holds lines that were said otherwise.
    """
    known = {line.key: line for line in begin(out)}
    for place, dialogue in enumerate(dialogues):
        for voice in voices_of(place, tuple(voices), each):
            for number, line in enumerate(dialogue.lines):
                key = (dataset, dialogue.split, dialogue.number, number, voice, transcriber.name)
                if (before := known.get(key)) is None:
                    text, confidence = hear(voices[voice], line.text, transcriber)
                    heard = HeardLine(*key, line.text, text, confidence)
                    add(out, [heard])
                    yield heard, False
                elif before.said == line.text:
                    yield before, True
                else:
                    where = f"line {number} of dialogue {dialogue.number}"
                    raise UserError(f"{out} was made from another table: its {where} is {before.said!r}; give a new file.")


def hear(voice: Voice, text: str, transcriber: Transcriber) -> tuple[str, float | None]:
    """What the recogniser writes when `voice` says `text`, and how sure it is."""
    stream = transcriber.open()
    try:
        stream.feed(voice(text))
        transcript = stream.pause()
        stream.conclude()
        found = transcript.result()
    finally:
        stream.close()
    return found.text, None if found.confidence is None else round(found.confidence, DIGITS)
