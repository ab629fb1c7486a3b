"""`python -m emotrack.training.spoken`: speaks the lines of dialogues and has them transcribed, for
developers, who need recognisers' errors to train and to test on."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from emotrack.errors import UserError
from emotrack.files import write_whole
from emotrack.progress import Bar
from emotrack.stream.settings import TranscriptionSettings
from emotrack.stream.transcription.open import open_transcriber
from emotrack.stream.transcription.transcript import Transcriber
from emotrack.training.corpora.texts import DATASETS, TextDialogue, read_dialogues
from emotrack.training.spoken.errors import error_table
from emotrack.training.spoken.transcripts import HeardLine, add, begin, read_heard
from emotrack.training.spoken.voices import VOICES, Voice, open_voice

DIGITS = 3
"""Of a confidence."""


def enough(dialogues: Sequence[TextDialogue], lines: int | None) -> Iterator[TextDialogue]:
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
    dialogues: Sequence[TextDialogue],
    dataset: str,
    out: Path,
    voices: Mapping[str, Voice],
    each: int,
    transcriber: Transcriber,
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
                    raise UserError(
                        f"{out} was made from another table: its {where} is {before.said!r}; give a new file."
                    )


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


app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.command("hear")
def hear_command(
    table: Annotated[Path, typer.Argument(help="text_dialogues.csv, or a table with the same columns")],
    out: Annotated[Path, typer.Argument(help="CSV of what is heard; one that is there is gone on with")],
    corpus: Annotated[
        Literal["meld", "emorynlp", "dailydialog"], typer.Option(help="which corpus of the table")
    ] = "meld",
    split: Annotated[Literal["train", "dev", "test"], typer.Option(help="which split")] = "test",
    lines: Annotated[
        int | None, typer.Option(min=1, help="stop after the dialogue that reaches so many lines")
    ] = None,
    each: Annotated[int, typer.Option(min=1, max=len(VOICES), help="voices that speak each dialogue")] = 1,
    recogniser: Annotated[str, typer.Option(help="size of Whisper")] = "tiny.en",
) -> None:
    """Speak the lines of a corpus by synthetic voices in turn and write down what Whisper hears."""
    transcriber = open_transcriber(TranscriptionSettings(model=recogniser, threads=1), notify)
    if transcriber is None:
        raise typer.Exit(2)
    dataset = DATASETS[corpus]
    chosen = list(enough([one for one in read_dialogues(table, dataset) if one.split == split], lines))
    voices = {name: open_voice(name) for name in VOICES}
    try:
        with Bar(f"{corpus} {split}", each * sum(len(dialogue.lines) for dialogue in chosen)) as bar:
            for _, known in hear_dialogues(chosen, dataset, out, voices, each, transcriber):
                bar.found(1) if known else bar.done()
    finally:
        transcriber.close()


@app.command("errors")
def errors_command(
    heard: Annotated[Path, typer.Argument(help="CSV that `hear` made")],
    out: Annotated[Path, typer.Argument(help="JSON of the errors")],
) -> None:
    """Count what becomes of words and punctuation on their way through a voice and a recogniser."""
    write_whole(out, error_table(read_heard(heard)).model_dump_json(indent=1).encode() + b"\n")


def notify(sentence: str) -> None:
    """One sentence on stderr."""
    typer.echo(f"emotrack: {sentence}", err=True)


def main() -> None:
    """Run; a mistake of the user's ends it with one sentence."""
    try:
        app()
    except UserError as error:
        notify(str(error))
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
