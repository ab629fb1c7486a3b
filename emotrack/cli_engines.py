"""`emotrack engines …`: the part of the command line that is about compiled networks."""

from typing import Annotated, Optional

import typer

from emotrack.cli_options import ConfigOption, ProfileOption, SetOption

app = typer.Typer(
    name="engines",
    help="Compile the networks for this machine, and look at what runs them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

OnlyOption = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option("--network", "-n", help="Just this network (see `engines list`); may be repeated."),
]


@app.command("list")
def list_(profile: ProfileOption = "embedded", config: ConfigOption = None, set_: SetOption = None) -> None:
    """What runs each network, or will when it is compiled; why other backends are not taken; what is kept on the disk."""
    from emotrack.commands.engines import list_command

    list_command(profile, config, set_ or [])


@app.command()
def build(profile: ProfileOption = "embedded", config: ConfigOption = None, set_: SetOption = None) -> None:
    """Compile every network that tracking with these settings needs, so that it starts at once."""
    from emotrack.commands.engines import build_command

    build_command(profile, config, set_ or [])


@app.command()
def bench(
    profile: ProfileOption = "embedded", config: ConfigOption = None, set_: SetOption = None, networks: OnlyOption = None
) -> None:
    """Time every backend that works here on each network, side by side."""
    from emotrack.commands.engines import bench_command

    bench_command(profile, config, set_ or [], networks or [])


@app.command()
def selftest(
    profile: ProfileOption = "embedded", config: ConfigOption = None, set_: SetOption = None, networks: OnlyOption = None
) -> None:
    """Compile each network anew with every backend that works here and try what was promised of it; exit code 1 if it fails."""
    from emotrack.commands.engines import selftest_command

    selftest_command(profile, config, set_ or [], networks or [])


@app.command()
def clear(config: ConfigOption = None, set_: SetOption = None) -> None:
    """Remove all compiled networks from the disk."""
    from emotrack.commands.engines import clear_command

    clear_command(config, set_ or [])
