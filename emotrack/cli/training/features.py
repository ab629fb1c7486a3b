"""`emotrack features`: describe a corpus once, so that training need not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from emotrack.cli.options import (
    ProfileOption,
    SetOption,
)
from emotrack.errors import UserError
from emotrack.notify import notify
from emotrack.training.corpora import NAMES

if TYPE_CHECKING:
    from emotrack.settings import Settings
    from emotrack.training.corpora.records import Corpus
    from emotrack.training.features.extract import OpenedEncoders
    from emotrack.training.features.manifest import StoreManifest


NAMED = 20
"""Clips named on the terminal at most; the manifest has them all."""


def features(
    name: Annotated[
        str,
        typer.Argument(
            help=f"{', '.join(NAMES[:-1])} or {NAMES[-1]}.",
            metavar="CORPUS",
        ),
    ],
    root: Annotated[
        Path, typer.Argument(metavar="ROOT", help="The corpus: its folder as it is given out, or its table.")
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", metavar="DIR", help="Folder of the store; one that was interrupted is completed."
        ),
    ],
    profile: ProfileOption = "embedded",
    bundle: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--bundle", metavar="DIR", help="Bundle with the encoders' weights; the shipped one unless given."
        ),
    ] = None,
    overrides: SetOption = None,
    disturbed: Annotated[
        int,
        typer.Option(
            "--disturbed",
            min=0,
            metavar="N",
            help="Copies of what fusion learns from: clips disturbed, faces mirrored, lines as recognisers "
            "write them.",
        ),
    ] = 0,
    shard_rows: Annotated[
        int,
        typer.Option(
            "--shard", min=1, metavar="N", help="Utterances in one file: what an interruption costs at most."
        ),
    ] = 128,
) -> None:
    """Describe a corpus by the tracker's encoders, for training."""
    from emotrack.model.bundle import default_directory, load_manifest
    from emotrack.settings import load_settings
    from emotrack.training.corpora.mosi import PROFILE
    from emotrack.training.corpora.open import open_corpus
    from emotrack.training.features.extract import given, open_for

    settings = load_settings(profile, None, overrides or ())
    notify(f"reading the corpus {name} …")
    corpus = open_corpus(name, root).with_copies(disturbed)
    opened = given(corpus)
    if opened is not None:
        profile = PROFILE
    else:
        notify("loading the networks …")
        _, parts = load_manifest(bundle or settings.bundle or default_directory())
        opened = open_for(corpus.modalities, settings.engines, parts, notify)
    manifest = describe_into(out, corpus, opened, profile, str(root), settings, shard_rows)
    summarise(manifest, out)


def describe_into(
    out: Path,
    corpus: Corpus,
    opened: OpenedEncoders,
    profile: str,
    root: str,
    settings: Settings,
    shard_rows: int,
) -> StoreManifest:
    """Describe a corpus into the store `out` behind a progress bar; what is finished of it stays."""
    from emotrack.progress import Bar
    from emotrack.training.features.extract import extract

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
        notify(f"stopped; what is finished is kept in {out}, and the same command goes on from there.")
        raise
    except OSError as error:
        raise UserError(f"{error.filename or out} cannot be used: {error.strerror or error}.") from None


def summarise(manifest: StoreManifest, out: Path) -> None:
    """What the store holds on stdout, and which clips gave less than they should on stderr."""
    lines = [
        f"{manifest.corpus}, profile {manifest.profile}: {manifest.count} utterances, "
        f"{size(manifest.bytes)} in {out}"
    ]
    for modality, note in manifest.modalities.items():
        rows = manifest.present[modality]
        lines.append(f"  {modality:<6} {rows} utterances, {note.encoder} {note.width} × {note.dtype}")
    sys.stdout.write("\n".join(lines) + "\n")
    for one in manifest.skipped[:NAMED]:
        notify(f"{one.name}: {one.reason}")
    if len(manifest.skipped) > NAMED:
        notify(f"and {len(manifest.skipped) - NAMED} more, all named in {out / 'manifest.json'}.")


def size(count: float) -> str:
    """A number of bytes for people."""
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"
