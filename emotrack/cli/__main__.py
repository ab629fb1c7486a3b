"""The command line `emotrack`: data goes to stdout, talk to stderr; what a user can mend is one sentence and
exit code 2."""

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from typing import Annotated, NoReturn

import typer

from emotrack import __version__
from emotrack.cli.doctor import doctor
from emotrack.cli.engines.app import app as engines_app
from emotrack.cli.logs import logging_to_stderr
from emotrack.cli.people.app import app as people_app
from emotrack.cli.people.enroll import enroll
from emotrack.cli.terminal import StandardOutput, standard_streams
from emotrack.cli.tracking.dashboard import dashboard
from emotrack.cli.tracking.demo import demo
from emotrack.cli.tracking.devices import devices
from emotrack.cli.tracking.explain import explain
from emotrack.cli.tracking.keys import keys
from emotrack.cli.tracking.monitor import monitor
from emotrack.cli.tracking.run import run
from emotrack.cli.tracking.schema import schema
from emotrack.cli.training.calibrate import calibrate
from emotrack.cli.training.evaluate import evaluate
from emotrack.cli.training.export import export
from emotrack.cli.training.features import features
from emotrack.cli.training.train import train
from emotrack.errors import UserError, import_problem
from emotrack.notify import notify

GIVEN_UP = ("network", "output ", "talk", "warnings")
"""How threads are named that end by themselves unless they hang."""

app = typer.Typer(
    name="emotrack",
    help="Follow who feels what in a conversation, from cameras, microphones, files and streams, while it "
    "goes on.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(engines_app)
app.add_typer(people_app)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"emotrack {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


for _command in (
    run,
    demo,
    monitor,
    dashboard,
    devices,
    doctor,
    explain,
    schema,
    keys,
    enroll,
    features,
    train,
    export,
    calibrate,
    evaluate,
):
    app.command()(_command)


def process() -> None:
    """Entry point of a process, which ends with it: `main`, but at once where something holds what Python's
    own exit would wait for, or abort in the middle of."""
    _main(os._exit)


def main() -> None:
    """Runs the command, and turns what a user can mend into one sentence on stderr.

    The exit code is 1 when standard output could not be written, unless its reader merely left (`| head`).
    """
    _main(None)


def _main(exit_at_once: Callable[[int], NoReturn] | None) -> NoReturn:
    with standard_streams() as (output, talk):
        with logging_to_stderr():
            try:
                code = _run(output)
            except Exception:  # Python's own words on it would be waited for
                if exit_at_once is None:
                    raise
                sys.excepthook(*sys.exc_info())
                code = 1
        talk.finish()
        if exit_at_once is not None and (output.stuck or _left_behind()):
            exit_at_once(code if isinstance(code, int) and code else int(output.stuck))
    sys.exit(code)


def _left_behind() -> bool:
    """Whether a thread that was given up still is at it: it holds a stream, or is in the middle of a
    network."""
    return any(thread.name.startswith(GIVEN_UP) for thread in threading.enumerate())


def _run(output: StandardOutput) -> int | str | None:
    try:
        code = _exit_code()
    except OSError as error:
        if error is not output.failure:
            raise
        code = 0
    if output.stuck:
        return code
    with contextlib.suppress(OSError):
        output.flush()
    if isinstance(output.failure, BrokenPipeError):
        return 0 if code == 1 else code  # 1 is typer's own code for a reader that has left
    if output.failure is not None and code == 0:
        notify(f"standard output cannot be written: {output.failure.strerror}.", serious=True)
        return 1
    return code


def _exit_code() -> int | str | None:
    try:
        app()
    except SystemExit as ended:
        return ended.code or 0
    except UserError as error:
        notify(str(error), serious=True)
        return 2
    except KeyboardInterrupt:
        return 130
    except (ImportError, OSError) as error:
        if (problem := import_problem(error)) is None:
            raise
        notify(f"{problem}.", serious=True)
        return 2
    return 0


if __name__ == "__main__":
    process()
