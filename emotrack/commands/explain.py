"""`emotrack explain`: what each part of an utterance did for its label; the explanation goes to stdout, talk to stderr."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import track

from emotrack.model.errors import UserError
from emotrack.private import owner_only
from emotrack.say import say
from emotrack.settings import Settings, load_settings
from emotrack.stream.media import release
from emotrack.stream.sources.open import open_source
from emotrack.stream.wire.record import STANDARD_OUTPUT

if TYPE_CHECKING:
    from emotrack.explaining.deletion import Deletion
    from emotrack.explaining.explanation import Explanation

PLAIN_WIDTH = 110
"""Columns where stdout is no terminal."""


def explain_command(
    source: str,
    utterance: int | None,
    every: bool,
    out: Path | None,
    as_json: str | None,
    profile: str,
    config: Path | None,
    overrides: Sequence[str],
    split: str,
    limit: int,
) -> None:
    """Explain one utterance, or every one, of a file or a recording; or check those of a store. Raises `UserError`."""
    if every and utterance is not None:
        raise UserError("--utterance N is one utterance and --all is every one: leave out one of the two.")
    settings = load_settings(profile, config, overrides, **{"stream.publish.endpoint": "none"})
    if not every and utterance is None:
        if not Path(source).exists():
            release([open_source(source, settings=settings.stream.sources)])  # what is wrong with it comes first
        raise UserError("Say which utterance to explain, --utterance N, or --all for every one.")
    if out is not None:
        _prepare(out)
    if (Path(source) / "manifest.json").is_file():
        if not every or out is not None:
            raise UserError(
                f"{source} is a store of features, whose utterances are only checked by deletion: --all, without --out."
            )
        found = _check_store(Path(source), settings, split, limit, text=as_json != STANDARD_OUTPUT)
    else:
        found = _explain(source, settings, utterance, out, text=as_json != STANDARD_OUTPUT)
    if as_json is not None:
        _write(as_json, _as_text(found))


def _explain(source: str, settings: Settings, utterance: int | None, out: Path | None, *, text: bool) -> dict[str, Any]:
    """Explain, print if `text`, and give it as plain data."""
    say("loading the networks …")
    from emotrack.explaining.explanation import explain
    from emotrack.explaining.gathering import gather
    from emotrack.explaining.judging import Judge
    from emotrack.explaining.report import render, render_row

    console = _console(quiet=not text)
    gathered = gather(source, settings, utterance, say)
    judge = Judge(gathered.bundle)
    explanations = []
    for conclusion in gathered.conclusions:
        if utterance is None and not conclusion.evidence.tokens:
            say(f"utterance {conclusion.utterance} is left out: nothing of it is present.")
            continue
        explanation = explain(conclusion, gathered.encoders, judge)
        explanations.append(explanation)
        console.print(render_row(explanation) if utterance is None else render(explanation))
        if out is not None:
            _save(explanation, out)
    told = [explanation.as_json() for explanation in explanations]
    if utterance is not None:
        return told[0]
    return {"utterances": told, "deletion": _summary(console, [explanation.deletion for explanation in explanations])}


def _check_store(path: Path, settings: Settings, split: str, limit: int, *, text: bool) -> dict[str, Any]:
    """The check by deletion over a store."""
    say("loading the networks …")
    from emotrack.explaining.store import deletions_of
    from emotrack.model.bundle import load_bundle
    from emotrack.training.features.store import open_store

    store, bundle = open_store(path), load_bundle(settings.bundle)
    bar = track(deletions_of(store, bundle, split, limit), "utterances", total=limit, console=Console(stderr=True), transient=True)
    return {
        "store": str(path),
        "split": split,
        "bundle": bundle.identifier,
        "deletion": _summary(_console(quiet=not text), list(bar)),
    }


def _summary(console: Console, deletions: Sequence["Deletion | None"]) -> dict[str, Any] | None:
    """Print the check by deletion of many utterances, and give it as plain data; None where there is nothing to check."""
    from emotrack.explaining.deletion import summarise
    from emotrack.explaining.report import summary_sentence

    checked = [deletion for deletion in deletions if deletion is not None]
    if not checked:
        say("no part of any utterance speaks for its label, so there is nothing to check by deletion.")
        return None
    summary = summarise(checked)
    console.print(summary_sentence(summary, len(deletions)), highlight=False)
    return {**asdict(summary), "difference": summary.difference}


def _console(*, quiet: bool) -> Console:
    return Console(file=sys.stdout, width=None if sys.stdout.isatty() else PLAIN_WIDTH, quiet=quiet, highlight=False)


def _prepare(folder: Path) -> None:
    """See to it that pictures can be drawn and written, before minutes are spent on them."""
    if find_spec("matplotlib") is None:
        raise UserError("Pictures need a package that is missing (matplotlib); pip install 'emotrack[train]' brings it.")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"Nothing can be written in {folder}: {error.strerror}.") from error


def _save(explanation: "Explanation", folder: Path) -> None:
    from emotrack.explaining.picture import save_picture

    name = f"utterance-{explanation.conclusion.utterance}"
    _write(str(folder / f"{name}.json"), _as_text(explanation.as_json()))
    save_picture(explanation, folder / f"{name}.png")
    say(f"wrote {folder / name}.png and .json.")


def _as_text(found: dict[str, Any]) -> str:
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def _write(target: str, text: str) -> None:
    if target == STANDARD_OUTPUT:
        sys.stdout.write(text)
        return
    try:
        with open(target, "w", encoding="utf-8", opener=owner_only) as file:
            file.write(text)
    except OSError as error:
        raise UserError(f"{target} cannot be written: {error.strerror}.") from error
