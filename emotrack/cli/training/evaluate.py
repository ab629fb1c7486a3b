"""`emotrack evaluate`: a bundle's figures beside the papers'.

Nothing here imports what measures or describes: figures that are kept are printed at once.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from emotrack.errors import UserError
from emotrack.modalities import Modality
from emotrack.notify import notify
from emotrack.training.evaluation.tables import NAMES

if TYPE_CHECKING:
    from emotrack.model.bundle import Bundle
    from emotrack.model.manifest import PartName
    from emotrack.training.evaluation.evaluated import Evaluated
    from emotrack.training.evaluation.measuring.rewording import Encode
    from emotrack.training.evaluation.sources import Advance
    from emotrack.training.features.store import Store


PARTS: dict[str, PartName] = {
    "ravdess": "voice",
    "emodb": "voice",
    "ordinary": "voice",
    "ferplus": "face",
    **dict.fromkeys(("meld", "emorynlp", "goemotions", "emobank"), "text"),
}
"""The part of a bundle that describes each corpus."""
SHARD_ROWS = 512
ALL = "all"
FORMATS = ("markdown", "json")


def evaluate(
    directories: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Argument(
            metavar="BUNDLE",
            help="Folders of bundles, several seeds of one run; the shipped one unless given.",
        ),
    ] = None,
    table: Annotated[
        str,
        typer.Option(
            "--table",
            "-t",
            help=f"{', '.join(NAMES)} or {ALL}.",
            metavar="T",
        ),
    ] = "main",
    reference: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--data",
            metavar="DIR",
            help="Folder with the reference data; what is tested on is described into --work first.",
        ),
    ] = None,
    stores: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option(
            "--store",
            metavar="DIR",
            help="Store made by `emotrack features` (meld, iemocap, clips, ravdess, emodb, ferplus, mosi); "
            "may be repeated.",
        ),
    ] = None,
    work: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--work",
            metavar="DIR",
            help="Keeps what is measured: an interrupted evaluation goes on, a finished one answers at "
            "once, without --data too.",
        ),
    ] = None,
    output: Annotated[str, typer.Option("--format", help="markdown or json.", metavar="F")] = "markdown",
    plots: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--plots", metavar="DIR", help="Also draw the tables, as PNG files in this folder."),
    ] = None,
    folds: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--folds",
            metavar="DIR",
            help="Folder with runs of the voice recipe, one for each --set fold=N, for the table per-class.",
        ),
    ] = None,
    heard: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--heard", metavar="CSV", help="Lines as recognisers heard them, for the table words."),
    ] = None,
) -> None:
    """Measure a bundle and print its figures beside the papers'."""
    from platformdirs import user_cache_path

    from emotrack.model.bundle import default_directory, load_bundle
    from emotrack.training.evaluation.evaluate import (
        DIALOGUES,
        NEEDED,
        RewordedTexts,
        evaluate_bundles,
        steps,
    )
    from emotrack.training.evaluation.experiments import recipe
    from emotrack.training.evaluation.sources import stores_by_corpus
    from emotrack.training.evaluation.tables.tables import data, markdown
    from emotrack.training.features.store import open_store
    from emotrack.training.spoken.transcripts import read_heard

    if table not in (*NAMES, ALL):
        raise UserError(f"There is no table {table!r}; choose one of {', '.join(NAMES)}, {ALL}.")
    if output not in FORMATS:
        raise UserError(f"There is no format {output!r}; choose {' or '.join(FORMATS)}.")
    names = NAMES if table == ALL else (table,)
    bundles = [load_bundle(directory) for directory in directories or [default_directory()]]
    folder = work or user_cache_path("emotrack") / "evaluation"
    accuracies = [] if folds is None else _accuracies(folds)
    spoken = RewordedTexts(() if heard is None else tuple(read_heard(heard)), reader, notify)
    found = dict(stores_by_corpus([open_store(path) for path in stores or ()]))
    for corpus in dict.fromkeys(one for name in names for one in NEEDED[name]):
        if corpus in found or (corpus == "meld" and found.keys() & set(DIALOGUES)):
            continue
        out = store_of(corpus, bundles[0], folder / "stores")
        if reference is not None:
            found[corpus] = prepare(corpus, reference, bundles[0], out)
        elif work is not None and is_prepared(out):
            found[corpus] = open_store(out)
    with measuring(steps(names, found, bundles, len(recipe(folder).seeds), spoken)) as advance:
        evaluated = evaluate_bundles(bundles, names, found, folder, advance, spoken, accuracies)
    if not found:
        notify(
            "these are the figures that the bundle keeps of its training run; --data DIR measures it again "
            "beside them."
        )
    sys.stdout.write(
        json.dumps(data(evaluated, names), indent=2) + "\n"
        if output == "json"
        else markdown(evaluated, names)
    )
    if plots is not None:
        draw(evaluated, names, plots)


def reader(bundle: Bundle, store: Store) -> Encode:
    """What described the text of `store`, opened anew with the bundle's adapter; raises `UserError` where it
    cannot be had."""
    from emotrack.settings import load_settings  # seconds to import: figures that are kept need none of it
    from emotrack.training.features.extract import open_for

    settings = load_settings(store.manifest.profile, None, ()).engines
    named = settings.model_copy(update={"text": store.manifest.modalities["text"].encoder})
    words: tuple[Modality, ...] = ("text",)
    encoder = open_for(words, named, bundle.parts, notify).encoders.text
    assert encoder is not None
    return encoder.encode_dialogue


def _accuracies(folds: Path) -> list[float]:
    from emotrack.training.evaluation.measuring.encoders import fold_accuracies

    return fold_accuracies(folds)


def draw(evaluated: Evaluated, names: Sequence[str], folder: Path) -> None:
    """The tables as PNG files. Raises `UserError` where they cannot be written."""
    from emotrack.training.evaluation.plots import PLOTS  # a second to import: most evaluations draw nothing

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            for path in PLOTS[name](evaluated, folder):
                notify(f"drew {path}")
    except OSError as error:
        raise UserError(f"{error.filename or folder} cannot be written: {error.strerror or error}.") from None


@contextmanager
def measuring(total: int) -> Iterator[Advance]:
    """A progress bar on stderr with the time left, if there is anything to do; what it yields is told what
    was just measured."""
    from emotrack.progress import Bar

    if not total:
        yield lambda _: None
        return
    with Bar("evaluating", total) as bar:

        def advance(done: str) -> None:
            bar.done()
            bar.show(done)

        yield advance


def store_of(name: str, bundle: Bundle, folder: Path) -> Path:
    """Where the store of a corpus lies, as `bundle` describes it."""
    part = bundle.parts.get(PARTS[name]) if name in PARTS else None
    return folder / (name if part is None else f"{name}-{part.sha256[:12]}")


def is_prepared(store: Path, reference: Path | None = None) -> bool:
    """Whether a store is finished, and made from `reference` where that is given."""
    from emotrack.training.features.manifest import read_manifest

    try:
        manifest = read_manifest(store)
    except UserError:
        return False
    return manifest.finished and (reference is None or manifest.root == str(reference))


def prepare(name: str, reference: Path, bundle: Bundle, store: Path) -> Store:
    """What a corpus is tested on, described by the bundle's encoders; of a store that is there already, only
    what it lacks."""
    from emotrack.training.features.store import open_store

    if is_prepared(store, reference):
        return open_store(store)
    from emotrack.cli.training.features import (
        describe_into,
    )  # seconds to import: what is described already needs nothing of it
    from emotrack.settings import load_settings
    from emotrack.training.corpora.mosi import PROFILE
    from emotrack.training.corpora.open import open_corpus
    from emotrack.training.features.extract import given, open_for

    corpus = open_corpus(name, reference)
    opened, profile = given(corpus), PROFILE
    trained_for = next(iter(bundle.encoders), "embedded")
    settings = load_settings(trained_for, None, ())
    if opened is None:
        corpus = replace(
            corpus, utterances=tuple(one for one in corpus.utterances if one.row.split == "test")
        )
        opened, profile = open_for(corpus.modalities, settings.engines, bundle.parts, notify), trained_for
    describe_into(store, corpus, opened, profile, str(reference), settings, SHARD_ROWS)
    return open_store(store)
