"""`emotrack evaluate`: a bundle's figures beside the papers'.

Nothing here imports what measures or describes: figures that are kept are printed at once.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

from emotrack.model.bundle import Bundle, default_directory, load_bundle
from emotrack.model.configuration import Stream
from emotrack.model.errors import UserError
from emotrack.model.manifest import PartName
from emotrack.say import say
from emotrack.training.features.manifest import read_manifest
from emotrack.training.features.store import Store, open_store
from emotrack.training.progress import Bar
from emotrack.training.spoken.heard import read_heard
from emotrack.training.tables import NAMES
from emotrack.training.tables.evaluated import Evaluated
from emotrack.training.tables.evaluating import DIALOGUES, NEEDED, Spoken, evaluate, steps
from emotrack.training.tables.experiments import recipe
from emotrack.training.tables.sources import Advance, stores_by_corpus
from emotrack.training.tables.tables import data, markdown

if TYPE_CHECKING:
    from emotrack.training.tables.rewording import Encode

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


def evaluate_command(
    directories: Sequence[Path],
    *,
    table: str,
    reference: Path | None,
    stores: Sequence[Path],
    work: Path | None,
    output: str,
    plots: Path | None,
    folds: Path | None,
    heard: Path | None,
) -> None:
    """Measure bundles on `stores`, on the `reference` data and on what `work` holds of them already, as far as that was not done
    before, and print the table, or all of them, on stdout. `heard`: see `emotrack.training.spoken`."""
    if table not in (*NAMES, ALL):
        raise UserError(f"There is no table {table!r}; choose one of {', '.join(NAMES)}, {ALL}.")
    if output not in FORMATS:
        raise UserError(f"There is no format {output!r}; choose {' or '.join(FORMATS)}.")
    names = NAMES if table == ALL else (table,)
    bundles = [load_bundle(directory) for directory in directories or [default_directory()]]
    folder = work or user_cache_path("emotrack") / "evaluation"
    accuracies = [] if folds is None else _accuracies(folds)
    spoken = Spoken(() if heard is None else tuple(read_heard(heard)), reader, say)
    found = dict(stores_by_corpus([open_store(path) for path in stores]))
    for corpus in dict.fromkeys(one for name in names for one in NEEDED[name]):
        if corpus in found or (corpus == "meld" and found.keys() & set(DIALOGUES)):
            continue
        out = store_of(corpus, bundles[0], folder / "stores")
        if reference is not None:
            found[corpus] = prepare(corpus, reference, bundles[0], out)
        elif work is not None and is_prepared(out):
            found[corpus] = open_store(out)
    with measuring(steps(names, found, bundles, len(recipe(folder).seeds), spoken)) as advance:
        evaluated = evaluate(bundles, names, found, folder, advance, spoken, accuracies)
    if not found:
        say("these are the figures that the bundle keeps of its training run; --data DIR measures it again beside them.")
    sys.stdout.write(json.dumps(data(evaluated, names), indent=2) + "\n" if output == "json" else markdown(evaluated, names))
    if plots is not None:
        draw(evaluated, names, plots)


def reader(bundle: Bundle, store: Store) -> "Encode":
    """What described the text of `store`, opened anew with the bundle's adapter; raises `UserError` where it cannot be had."""
    from emotrack.settings import load_settings  # seconds to import: figures that are kept need none of it
    from emotrack.training.features.encoders import open_for

    settings = load_settings(store.manifest.profile, None, ()).engines
    named = settings.model_copy(update={"text": store.manifest.streams["text"].encoder})
    words: tuple[Stream, ...] = ("text",)
    encoder = open_for(words, named, bundle.parts, say).encoders.text
    assert encoder is not None
    return encoder.encode_dialogue


def _accuracies(folds: Path) -> list[float]:
    from emotrack.training.tables.folds import fold_accuracies  # seconds to import, for it knows what trains voices

    return fold_accuracies(folds)


def draw(evaluated: Evaluated, names: Sequence[str], folder: Path) -> None:
    """The tables as PNG files. Raises `UserError` where they cannot be written."""
    from emotrack.training.tables.plots import PLOTS  # a second to import: most evaluations draw nothing

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            for path in PLOTS[name](evaluated, folder):
                say(f"drew {path}")
    except OSError as error:
        raise UserError(f"{error.filename or folder} cannot be written: {error.strerror or error}.") from None


@contextmanager
def measuring(total: int) -> Iterator[Advance]:
    """A progress bar on stderr with the time left, if there is anything to do; what it yields is told what was just measured."""
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
    try:
        manifest = read_manifest(store)
    except UserError:
        return False
    return manifest.finished and (reference is None or manifest.root == str(reference))


def prepare(name: str, reference: Path, bundle: Bundle, store: Path) -> Store:
    """What a corpus is tested on, described by the bundle's encoders; of a store that is there already, only what it lacks."""
    if is_prepared(store, reference):
        return open_store(store)
    from emotrack.commands.features import describe_into  # seconds to import: what is described already needs nothing of it
    from emotrack.settings import load_settings
    from emotrack.training.corpora.mosi import PROFILE
    from emotrack.training.corpora.open import open_corpus
    from emotrack.training.features.encoders import open_for
    from emotrack.training.features.extract import given

    corpus = open_corpus(name, reference)
    opened, profile = given(corpus), PROFILE
    trained_for = next(iter(bundle.encoders), "embedded")
    settings = load_settings(trained_for, None, ())
    if opened is None:
        corpus = replace(corpus, utterances=tuple(one for one in corpus.utterances if one.row.split == "test"))
        opened, profile = open_for(corpus.streams, settings.engines, bundle.parts, say), trained_for
    describe_into(store, corpus, opened, profile, str(reference), settings, SHARD_ROWS)
    return open_store(store)
