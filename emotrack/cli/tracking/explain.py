"""`emotrack explain`: what each part of an utterance did for its label; the explanation goes to stdout, talk
to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from emotrack.cli.options import ConfigOption, PolicyOption, ProfileOption, SetOption
from emotrack.errors import UserError
from emotrack.files import owner_only
from emotrack.notify import notify

if TYPE_CHECKING:
    from rich.console import Console

    from emotrack.explaining.deletion import Deletion
    from emotrack.explaining.explanation import Explanation
    from emotrack.settings import Settings


PLAIN_WIDTH = 110
"""Columns where stdout is no terminal."""


def explain(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A file (tracked first), a folder recorded with `run --record DIR --keep-evidence`, or a "
            "store of features.",
        ),
    ],
    utterance: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--utterance", "-u", metavar="N", help="Number of the utterance, as in the messages."),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every utterance, and the check by deletion over all of them.")
    ] = False,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--out",
            "-o",
            metavar="DIR",
            help="Also write utterance-N.json and the picture utterance-N.png into this folder.",
        ),
    ] = None,
    as_json: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--json", metavar="FILE", help="Write JSON to this file, or - for stdout in place of the text."
        ),
    ] = None,
    profile: ProfileOption = "embedded",
    config: ConfigOption = None,
    overrides: SetOption = None,
    policy: PolicyOption = None,
    split: Annotated[
        str,
        typer.Option("--split", metavar="NAME", help="Of a store: the split whose dialogues are explained."),
    ] = "test",
    limit: Annotated[
        int,
        typer.Option("--limit", min=2, metavar="N", help="Of a store: utterances at most, evenly spread."),
    ] = 300,
) -> None:
    """Say what each word, sound and face did for a label.

    Each is left out in turn; what counts is how far the label's odds fall, and a check by deletion says
    whether that holds.
    """
    from emotrack.settings import load_policy, load_settings
    from emotrack.stream.sources.media import release
    from emotrack.stream.sources.open import open_source
    from emotrack.stream.wire.publish.recording import STANDARD_OUTPUT

    if every and utterance is not None:
        raise UserError("--utterance N is one utterance and --all is every one: leave out one of the two.")
    settings = load_settings(profile, config, overrides or (), **{"stream.publish.endpoint": "none"})
    if (rules := load_policy(*policy or ())) is not None:
        rules.refuse("evidence", "a label cannot be explained without it")
    if not every and utterance is None:
        if not Path(source).exists():
            release(
                [open_source(source, settings=settings.stream.sources)]
            )  # what is wrong with it comes first
        raise UserError("Say which utterance to explain, --utterance N, or --all for every one.")
    if out is not None:
        _prepare(out)
    if (Path(source) / "manifest.json").is_file():
        if not every or out is not None:
            raise UserError(
                f"{source} is a store of features, whose utterances are only checked by deletion: --all, "
                "without --out."
            )
        found = _check_store(Path(source), settings, split, limit, text=as_json != STANDARD_OUTPUT)
    else:
        found = _explain(source, settings, utterance, out, text=as_json != STANDARD_OUTPUT)
    if as_json is not None:
        _write(as_json, _as_text(found))


def _explain(
    source: str, settings: Settings, utterance: int | None, out: Path | None, *, text: bool
) -> dict[str, Any]:
    """Explain, print if `text`, and give it as plain data."""
    notify("loading the networks …")
    from emotrack.explaining.contributions import LiveHead
    from emotrack.explaining.explanation import explain
    from emotrack.explaining.report import render, render_row
    from emotrack.explaining.utterances import read_utterances

    console = _console(quiet=not text)
    found = read_utterances(source, settings, utterance, notify)
    live_head = LiveHead(found.bundle)
    explanations = []
    for labelled in found.labelled:
        if utterance is None and not labelled.evidence.tokens:
            notify(f"utterance {labelled.utterance} is left out: nothing of it is present.")
            continue
        explanation = explain(labelled, found.encoders, live_head)
        explanations.append(explanation)
        console.print(render_row(explanation) if utterance is None else render(explanation))
        if out is not None:
            _save(explanation, out)
    told = [explanation.as_json() for explanation in explanations]
    if utterance is not None:
        return told[0]
    return {
        "utterances": told,
        "deletion": _summary(console, [explanation.deletion for explanation in explanations]),
    }


def _check_store(path: Path, settings: Settings, split: str, limit: int, *, text: bool) -> dict[str, Any]:
    """The check by deletion over a store."""
    from rich.console import Console
    from rich.progress import track

    notify("loading the networks …")
    from emotrack.explaining.deletion import deletions_of
    from emotrack.model.bundle import load_bundle
    from emotrack.training.features.store import open_store

    store, bundle = open_store(path), load_bundle(settings.bundle, settings.makers, notify)
    bar = track(
        deletions_of(store, bundle, split, limit),
        "utterances",
        total=limit,
        console=Console(stderr=True),
        transient=True,
    )
    return {
        "store": str(path),
        "split": split,
        "bundle": bundle.identifier,
        "deletion": _summary(_console(quiet=not text), list(bar)),
    }


def _summary(console: Console, deletions: Sequence[Deletion | None]) -> dict[str, Any] | None:
    """Print the check by deletion of many utterances, and give it as plain data; None where there is nothing
    to check."""
    from emotrack.explaining.deletion import summarise
    from emotrack.explaining.report import summary_sentence

    checked = [deletion for deletion in deletions if deletion is not None]
    if not checked:
        notify("no part of any utterance speaks for its label, so there is nothing to check by deletion.")
        return None
    summary = summarise(checked)
    console.print(summary_sentence(summary, len(deletions)), highlight=False)
    return {**asdict(summary), "difference": summary.difference}


def _console(*, quiet: bool) -> Console:
    from rich.console import Console

    return Console(
        file=sys.stdout, width=None if sys.stdout.isatty() else PLAIN_WIDTH, quiet=quiet, highlight=False
    )


def _prepare(folder: Path) -> None:
    """See to it that pictures can be drawn and written, before minutes are spent on them."""
    if find_spec("matplotlib") is None:
        raise UserError(
            "Pictures need a package that is missing (matplotlib); pip install 'emotrack[train]' brings it."
        )
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"Nothing can be written in {folder}: {error.strerror}.") from error


def _save(explanation: Explanation, folder: Path) -> None:
    from emotrack.explaining.picture import save_picture

    name = f"utterance-{explanation.labelled.utterance}"
    _write(str(folder / f"{name}.json"), _as_text(explanation.as_json()))
    save_picture(explanation, folder / f"{name}.png")
    notify(f"wrote {folder / name}.png and .json.")


def _as_text(found: dict[str, Any]) -> str:
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def _write(target: str, text: str) -> None:
    from emotrack.stream.wire.publish.recording import STANDARD_OUTPUT

    if target == STANDARD_OUTPUT:
        sys.stdout.write(text)
        return
    try:
        with open(target, "w", encoding="utf-8", opener=owner_only) as file:
            file.write(text)
    except OSError as error:
        raise UserError(f"{target} cannot be written: {error.strerror}.") from error
