"""`emotrack train`: a network trained as a YAML file says."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import typer

from emotrack.cli.options import (
    TrainingSetOption,
)
from emotrack.errors import UserError
from emotrack.notify import notify

RECIPES = {
    entry.name.removesuffix(".yaml"): entry for entry in (files("emotrack.configs") / "training").iterdir()
}
"""The trainings that ship, by name."""


def train(
    config: Annotated[
        str,
        typer.Option(
            "--config",
            "-c",
            metavar="F",
            help=f"YAML file that says what to train, or one that ships: {', '.join(sorted(RECIPES))}.",
        ),
    ],
    overrides: TrainingSetOption = None,
    show_settings: Annotated[
        bool, typer.Option("--settings", help="Print every setting with its value instead.")
    ] = False,
) -> None:
    """Train an encoder or the network.

    An interrupted training goes on from its last finished epoch; of a finished one nothing is read or
    touched.
    """
    from pydantic import TypeAdapter

    from emotrack.section import listed, override, validate

    settings = read_recipe(config)
    override(settings, overrides or ())

    # seconds to import: mistakes in the file are told before
    from emotrack.training.run import KINDS, folder_of, is_done, run

    kind = settings.get("train")
    if not isinstance(kind, str) or kind not in KINDS:
        given = "says nothing" if kind is None else f"says {kind!r}"
        raise UserError(
            f"`train` must say what is to be trained, one of {', '.join(KINDS)}; {config} {given}."
        )
    training = validate(
        TypeAdapter(KINDS[kind].settings), settings, f"`emotrack train --config {kind} --settings`"
    )
    if show_settings:
        typer.echo(listed(training))
        return
    training.choose_device()  # one that is not there is told whatever is left to do
    if all(is_done(training, seed) for seed in training.seeds):
        notify(f"nothing is to do: {training.out} holds this very training, finished.")
        for seed in training.seeds:
            typer.echo(folder_of(training, seed))
        return
    notify(
        f"training {training.train} into {training.out}: reading the data; Ctrl-C stops, and the same "
        "command goes on from the last finished epoch."
    )
    for folder in run(training):
        typer.echo(folder)


def read_recipe(config: str) -> dict[str, Any]:
    """The settings in a YAML file, or else in the recipe of that name that ships; raises `UserError` where
    there is neither."""
    from emotrack.section import parse_yaml, read_yaml

    if Path(config).is_file():
        return read_yaml(Path(config))
    if config not in RECIPES:
        raise UserError(
            f"There is no file {config}, and no recipe of that name ships; those are "
            f"{', '.join(sorted(RECIPES))}."
        )
    return parse_yaml(RECIPES[config].read_text("utf-8"), f"recipe {config}")
