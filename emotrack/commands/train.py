"""`emotrack train`: a network trained as a YAML file says."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import typer
import yaml
from pydantic import TypeAdapter

from emotrack.composing import override, parse_yaml, read_yaml, validate
from emotrack.model.errors import UserError
from emotrack.say import say


def train_command(config: str, overrides: Sequence[str], show_settings: bool) -> None:
    """Train, or go on with an interrupted training; the folders of the finished bundles go to stdout."""
    settings = read_recipe(config)
    override(settings, overrides)
    from emotrack.training.run import TRAININGS, folder_of, is_done, run  # seconds to import: mistakes in the file are told before

    kind = settings.get("train")
    if not isinstance(kind, str) or kind not in TRAININGS:
        given = "says nothing" if kind is None else f"says {kind!r}"
        raise UserError(f"`train` must say what is to be trained, one of {', '.join(TRAININGS)}; {config} {given}.")
    training = validate(TypeAdapter(TRAININGS[kind]), settings, f"`emotrack train --config {kind} --settings`")
    if show_settings:
        typer.echo(yaml.safe_dump(training.model_dump(mode="json"), sort_keys=False), nl=False)
        return
    training.choose_device()  # one that is not there is told whatever is left to do
    if all(is_done(training, seed) for seed in training.seeds):
        say(f"nothing is to do: {training.out} holds this very training, finished.")
        for seed in training.seeds:
            typer.echo(folder_of(training, seed))
        return
    say(
        f"training {training.train} into {training.out}: reading the data; Ctrl-C stops, and the same command goes on from the "
        "last finished epoch."
    )
    for folder in run(training):
        typer.echo(folder)


def read_recipe(config: str) -> dict[str, Any]:
    """The settings in a YAML file, or else in the recipe of that name that ships; raises `UserError` where there is neither."""
    if Path(config).is_file():
        return read_yaml(Path(config))
    recipes = {entry.name.removesuffix(".yaml"): entry for entry in (files("emotrack.configs") / "training").iterdir()}
    if config not in recipes:
        raise UserError(f"There is no file {config}, and no recipe of that name ships; those are {', '.join(sorted(recipes))}.")
    return parse_yaml(recipes[config].read_text("utf-8"), f"recipe {config}")
