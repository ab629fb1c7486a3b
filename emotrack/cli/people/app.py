"""`emotrack people`: who is enrolled, and forgetting them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from emotrack.cli.options import ConfigOption, ProfileOption, SetOption
from emotrack.errors import UserError
from emotrack.notify import notify

if TYPE_CHECKING:
    from emotrack.stream.people.enrolment.store import People

app = typer.Typer(name="people", help="People who are known by their voices or faces.", no_args_is_help=True)


@app.command("list")
def list_people(
    profile: ProfileOption = "embedded", config: ConfigOption = None, overrides: SetOption = None
) -> None:
    """Print everybody who is enrolled, since when, and what they are known by."""
    people = _people(profile, config, overrides)
    names = people.names()
    if not names:
        notify(f"nobody is enrolled in {people.folder}.")
    for name in names:
        try:
            person = people.read(name)
        except UserError as error:
            sys.stdout.write(f"{name}  unreadable\n")
            notify(str(error))
            continue
        by = " and ".join(what for what in ("voice", "face") if getattr(person, what))
        sys.stdout.write(f"{name}  {person.since}  {by}\n")


@app.command()
def forget(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What they are called in messages.")],
    profile: ProfileOption = "embedded",
    config: ConfigOption = None,
    overrides: SetOption = None,
) -> None:
    """Remove all that is kept of somebody."""
    _people(profile, config, overrides).forget(name)
    notify(f"{name} is forgotten.")


@app.command()
def key(path: Annotated[Path, typer.Argument(metavar="FILE", help="A new file.")]) -> None:
    """Make a key that encrypts what is kept of people."""
    from emotrack.stream.people.enrolment.store import make_key

    make_key(path)
    sys.stdout.write(f"{path}\n")
    notify(
        f"use it with `--set stream.speakers.people_key={path}`; who loses it has to enroll everybody anew."
    )


def _people(profile: str, config: Path | None, overrides: list[str] | None) -> People:
    from emotrack.settings import load_settings
    from emotrack.stream.people.enrolment.store import enrolled_people

    return enrolled_people(load_settings(profile, config, overrides or ()).stream.speakers)
