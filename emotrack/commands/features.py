"""`emotrack features`: describe a corpus once, so that training need not."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from emotrack.model.bundle import default_directory, load_manifest
from emotrack.model.errors import UserError
from emotrack.say import say
from emotrack.settings import load_settings
from emotrack.training.corpora.mosi import PROFILE
from emotrack.training.corpora.open import open_corpus
from emotrack.training.features.encoders import open_for
from emotrack.training.features.extract import extract, given
from emotrack.training.features.manifest import Manifest

NAMED = 20
"""Clips named on the terminal at most; the manifest has them all."""


def features_command(
    name: str,
    root: Path,
    out: Path,
    *,
    profile: str,
    bundle: Path | None,
    overrides: Sequence[str],
    disturbed: int,
    shard_rows: int,
) -> None:
    """Make or complete the store `out`; a summary on stdout, everything else on stderr."""
    settings = load_settings(profile, None, overrides)
    say(f"reading the corpus {name} …")
    corpus = open_corpus(name, root).with_copies(disturbed)
    opened = given(corpus)
    if opened is not None:
        profile = PROFILE
    else:
        say("loading the networks …")
        _, parts = load_manifest(bundle or settings.bundle or default_directory())
        opened = open_for(corpus.streams, settings.engines, parts)
    try:
        with progress(name, len(corpus.utterances)) as bar:
            manifest = extract(
                corpus,
                opened,
                out,
                profile=profile,
                root=str(root),
                vision=settings.stream.vision,
                shard_rows=shard_rows,
                advance=bar.done,
                found=bar.found,
            )
    except KeyboardInterrupt:
        say(f"stopped; what is finished is kept in {out}, and the same command goes on from there.")
        raise
    except OSError as error:
        raise UserError(f"{error.filename or out} cannot be used: {error.strerror or error}.") from None
    summarise(manifest, out)


def rate(task: Task) -> float:
    """Utterances a second described by this run."""
    return (task.completed - task.fields["found"]) / task.elapsed if task.elapsed else 0.0


class Rate(ProgressColumn):
    """How fast it goes, and how long it will take."""

    def render(self, task: Task) -> Text:
        speed = rate(task)
        left = str(timedelta(seconds=round((task.remaining or 0) / speed))) if speed else "-:--:--"
        return Text(f"{speed:.1f}/s, {left} left")


class Bar:
    """A progress bar whose rate counts only what is done now."""

    def __init__(self, progress: Progress, title: str, total: int) -> None:
        self._progress = progress
        self._task = progress.add_task(title, total=total, found=0)

    def done(self, rows: int) -> None:
        """So many rows were described."""
        self._progress.advance(self._task, rows)

    def found(self, rows: int) -> None:
        """So many rows were there already."""
        found = self._progress.tasks[self._task].fields["found"]
        self._progress.update(self._task, advance=rows, found=found + rows)


@contextmanager
def progress(title: str, total: int) -> Iterator[Bar]:
    """A bar on stderr with the rate and the time left."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate())
    with Progress(*columns, console=Console(stderr=True)) as shown:
        yield Bar(shown, title, total)


def summarise(manifest: Manifest, out: Path) -> None:
    """What the store holds on stdout, and which clips gave less than they should on stderr."""
    lines = [f"{manifest.corpus}, profile {manifest.profile}: {manifest.count} utterances, {size(manifest.bytes)} in {out}"]
    for stream, note in manifest.streams.items():
        rows = manifest.present[stream]
        lines.append(f"  {stream:<6} {rows} utterances, {note.encoder} {note.width} × {note.dtype}")
    sys.stdout.write("\n".join(lines) + "\n")
    for one in manifest.skipped[:NAMED]:
        say(f"{one.name}: {one.reason}")
    if len(manifest.skipped) > NAMED:
        say(f"and {len(manifest.skipped) - NAMED} more, all named in {out / 'manifest.json'}.")


def size(count: float) -> str:
    """A number of bytes for people."""
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"
