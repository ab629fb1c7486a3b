"""`python -m emotrack.training.spoken`: for developers, who need recognisers' errors to train and to test on."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from emotrack.model.errors import UserError
from emotrack.model.whole_file import write_whole
from emotrack.stream.transcription.open import open_transcriber
from emotrack.stream.transcription.settings import TranscriptionSettings
from emotrack.training.corpora.dialogue_table import DATASETS, read_dialogues
from emotrack.training.progress import Bar
from emotrack.training.spoken.errors import error_table
from emotrack.training.spoken.heard import read_heard
from emotrack.training.spoken.speaking import enough, hear_dialogues
from emotrack.training.spoken.voices import VOICES, open_voice

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.command("hear")
def hear_command(
    table: Annotated[Path, typer.Argument(help="text_dialogues.csv, or a table with the same columns")],
    out: Annotated[Path, typer.Argument(help="CSV of what is heard; one that is there is gone on with")],
    corpus: Annotated[Literal["meld", "emorynlp", "dailydialog"], typer.Option(help="which corpus of the table")] = "meld",
    split: Annotated[Literal["train", "dev", "test"], typer.Option(help="which split")] = "test",
    lines: Annotated[int | None, typer.Option(min=1, help="stop after the dialogue that reaches so many lines")] = None,
    each: Annotated[int, typer.Option(min=1, max=len(VOICES), help="voices that speak each dialogue")] = 1,
    recogniser: Annotated[str, typer.Option(help="size of Whisper")] = "tiny.en",
) -> None:
    """Speak the lines of a corpus by synthetic voices in turn and write down what Whisper hears."""
    transcriber = open_transcriber(TranscriptionSettings(model=recogniser, threads=1), say)
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


def say(sentence: str) -> None:
    """One sentence on stderr."""
    typer.echo(f"emotrack: {sentence}", err=True)


def main() -> None:
    """Run; a mistake of the user's ends it with one sentence."""
    try:
        app()
    except UserError as error:
        say(str(error))
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
