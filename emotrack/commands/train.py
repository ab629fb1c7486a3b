"""`emotrack train`: a network trained as a YAML file says."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import typer
from pydantic import TypeAdapter

from emotrack.composing import override, parse_yaml, read_yaml, validate
from emotrack.model.errors import UserError
from emotrack.say import say


def train_command(config: str, overrides: Sequence[str]) -> None:
    """Train, or go on with an interrupted training; the folders of the finished bundles go to stdout."""
    settings = read_recipe(config)
    override(settings, overrides)
    from emotrack.training.run import TRAININGS, run  # seconds to import: mistakes in the file are told before

    kind = settings.get("train")
    if not isinstance(kind, str) or kind not in TRAININGS:
        raise UserError(f"`train` must say what is to be trained, one of {', '.join(TRAININGS)}, not {kind!r}.")
    training = validate(TypeAdapter(TRAININGS[kind]), settings, "the README's chapter on training")
    say(f"training {training.train} into {training.out}; Ctrl-C stops, and the same command goes on from the last finished epoch.")
    for folder in run(training):
        typer.echo(folder)


def read_recipe(config: str) -> dict[str, Any]:
    """The settings in a YAML file, or in the recipe of that name that ships with emotrack."""
    shipped = files("emotrack.configs") / "training" / f"{config}.yaml"
    if not Path(config).exists() and config.isidentifier() and shipped.is_file():
        return parse_yaml(shipped.read_text("utf-8"), f"recipe {config}")
    return read_yaml(Path(config))
