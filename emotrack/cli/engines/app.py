"""`emotrack engines …`: the part of the command line that is about compiled networks."""

import typer

from emotrack.cli.engines.bench import bench
from emotrack.cli.engines.kept import build, clear, list_, pack
from emotrack.cli.engines.selftest import selftest

app = typer.Typer(
    name="engines",
    help="Compile the networks, and see what runs them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


app.command("list")(list_)
for _command in (build, bench, selftest, pack, clear):
    app.command()(_command)
