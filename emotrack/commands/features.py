"""`emotrack features`: describe a corpus once, so that training need not."""

import sys
from collections.abc import Sequence
from pathlib import Path

from emotrack.model.bundle import default_directory, load_manifest
from emotrack.model.errors import UserError
from emotrack.say import say
from emotrack.settings import Settings, load_settings
from emotrack.training.corpora.mosi import PROFILE
from emotrack.training.corpora.open import open_corpus
from emotrack.training.corpora.records import Corpus
from emotrack.training.features.encoders import Opened, open_for
from emotrack.training.features.extract import extract, given
from emotrack.training.features.manifest import Manifest
from emotrack.training.progress import Bar

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
        opened = open_for(corpus.streams, settings.engines, parts, say)
    manifest = describe_into(out, corpus, opened, profile, str(root), settings, shard_rows)
    summarise(manifest, out)


def describe_into(
    out: Path, corpus: Corpus, opened: Opened, profile: str, root: str, settings: Settings, shard_rows: int
) -> Manifest:
    """Describe a corpus into the store `out` behind a progress bar; what is finished of it stays."""
    try:
        with Bar(corpus.name, len(corpus.utterances)) as bar:
            return extract(
                corpus,
                opened,
                out,
                profile=profile,
                root=root,
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
