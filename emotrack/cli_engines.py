"""`emotrack engines …`: the part of the command line that is about compiled networks."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from emotrack.cli_options import ConfigOption, ProfileOption, SetOption

app = typer.Typer(
    name="engines",
    help="Compile the networks, and see what runs them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

OnlyOption = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option("--network", "-n", metavar="NAME", help="Just this network (see `engines list`); may be repeated."),
]


@app.command("list")
def list_(profile: ProfileOption = "embedded", config: ConfigOption = None, set_: SetOption = None) -> None:
    """What runs each network.

    Or what will run it once it is compiled; why other backends are not taken; how much is kept on the disk.
    """
    from emotrack.commands.engines import list_command

    list_command(profile, config, set_ or [])


@app.command()
def build(profile: ProfileOption = "embedded", config: ConfigOption = None, set_: SetOption = None) -> None:
    """Compile every network that tracking needs.

    Only what is not compiled yet; tracking with the same settings then starts at once.
    """
    from emotrack.commands.engines import build_command

    build_command(profile, config, set_ or [])


@app.command()
def bench(
    profile: ProfileOption = "embedded", config: ConfigOption = None, set_: SetOption = None, networks: OnlyOption = None
) -> None:
    """Time every backend that works here.

    Each on every network (see `engines list`), in turns, at batches of 1, 4 and 16 where the network takes them.
    """
    from emotrack.commands.engines_bench import bench_command

    bench_command(profile, config, set_ or [], networks or [])


@app.command()
def selftest(
    profile: ProfileOption = "embedded", config: ConfigOption = None, set_: SetOption = None, networks: OnlyOption = None
) -> None:
    """Try what is promised of compiled networks.

    Each is compiled anew by every backend that works here; exit code 1 if a promise does not hold.
    """
    from emotrack.commands.engines_selftest import selftest_command

    selftest_command(profile, config, set_ or [], networks or [])


@app.command()
def pack(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    profile: ProfileOption = "embedded",
    config: ConfigOption = None,
    set_: SetOption = None,
) -> None:
    """Write everything that tracking needs into a folder.

    `emotrack run --engines DIR` tracks with it on machines that have only the extra `edge`, without torch.
    """
    from emotrack.commands.engines import pack_command

    pack_command(folder, profile, config, set_ or [])


@app.command()
def clear(config: ConfigOption = None, set_: SetOption = None) -> None:
    """Remove all compiled networks from the disk."""
    from emotrack.commands.engines import clear_command

    clear_command(config, set_ or [])
