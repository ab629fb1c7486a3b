"""The command line `emotrack`: data goes to stdout, talk to stderr; what a user can mend is one sentence and exit code 2."""

import logging
import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from emotrack import __version__
from emotrack.model.errors import UserError
from emotrack.say import say

app = typer.Typer(
    name="emotrack",
    help="Follow who feels what in a conversation, from cameras, microphones, files and streams, while it goes on.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ProfileOption = Annotated[str, typer.Option("--profile", "-p", help="Settings for a kind of machine: embedded or gpu.")]
ConfigOption = Annotated[Optional[Path], typer.Option("--config", "-c", help="YAML file with settings of your own.")]  # noqa: UP045
SetOption = Annotated[Optional[list[str]], typer.Option("--set", help="One setting as a.b=value; may be repeated.")]  # noqa: UP045
ServerKeyOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--server-key", help="The publisher's public key, or its .key file, when it encrypts."),
]
ClientKeysOption = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--keys", help="Your own .key_secret file, when the publisher encrypts."),
]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"emotrack {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    pass


@app.command()
def run(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="A file, a URL (rtsp, http, udp, tcp, rtmp), camera:N or mic[:NAME]; joined with + they are one feed.",
        ),
    ],
    profile: ProfileOption = "embedded",
    config: ConfigOption = None,
    set_: SetOption = None,
    modes: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--modes", help="Use only these of text,audio,face,body; the others are masked."),
    ] = None,
    publish: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--publish",
            help="ZeroMQ endpoint to publish at (tcp://127.0.0.1:5556, port 0: any free one, or none).",
        ),
    ] = None,
    keys: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--keys", help="Folder made by `emotrack keys`: encrypt, and admit only the clients in it."),
    ] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Publish beyond this machine without encryption.")] = False,
    jsonl: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--jsonl", help="Also write every message as one JSON line to this file, or - for stdout."),
    ] = None,
    record: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--record", help="Also keep every message in this folder, in a file named after the session."),
    ] = None,
    realtime: Annotated[
        bool, typer.Option("--realtime/--fast", help="Play files at their own pace, or as fast as possible with nothing shed.")
    ] = True,
) -> None:
    """Track sources and publish labels until they end or Ctrl-C."""
    from emotrack.commands.run import run_command

    run_command(
        sources,
        profile=profile,
        config=config,
        overrides=set_ or [],
        modes=modes,
        publish=publish,
        keys=keys,
        insecure=insecure,
        jsonl=jsonl,
        record=record,
        realtime=realtime,
    )


@app.command()
def demo(
    plain: Annotated[bool, typer.Option("--plain", help="Lines instead of the live picture.")] = False,
) -> None:
    """Play the bundled clip and show its labels as they come."""
    from emotrack.commands.demo import demo_command

    demo_command(plain)


@app.command()
def monitor(
    endpoint: Annotated[str, typer.Argument(help="Where the tracker publishes.")] = "tcp://127.0.0.1:5556",
    server_key: ServerKeyOption = None,
    keys: ClientKeysOption = None,
    plain: Annotated[bool, typer.Option("--plain", help="Lines instead of the live picture.")] = False,
) -> None:
    """Watch a running tracker, speaker by speaker, in the terminal."""
    from emotrack.commands.monitor import monitor_command

    monitor_command(endpoint, server_key, keys, plain)


@app.command()
def devices() -> None:
    """List the cameras and microphones that can be tracked."""
    from emotrack.commands.devices import devices_command

    devices_command()


@app.command()
def doctor(
    profile: ProfileOption = "embedded",
    config: ConfigOption = None,
    set_: SetOption = None,
    settings: Annotated[bool, typer.Option("--settings", help="Print every setting with its value instead.")] = False,
) -> None:
    """Say what works on this machine, what is missing, and the command that mends it."""
    from emotrack.commands.doctor import doctor_command

    doctor_command(profile, config, set_ or [], settings)


@app.command()
def schema() -> None:
    """Print the JSON Schema of all messages."""
    from emotrack.commands.schema import schema_command

    schema_command()


@app.command()
def keys(
    directory: Annotated[Path, typer.Argument(help="Folder for the keys; the publisher is given it with --keys.")],
    client: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--client", help="Name of a client to make keys for; may be repeated."),
    ] = None,
) -> None:
    """Make keys for an encrypted publisher and its clients."""
    from emotrack.commands.keys import keys_command

    keys_command(directory, client or ["client"])


def main() -> None:
    """Entry point: runs the command, and turns what a user can mend into one sentence on stderr."""
    logging.basicConfig(level=logging.WARNING, format="emotrack: %(message)s", stream=sys.stderr)
    try:
        app()
    except UserError as error:
        say(str(error))
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] == "emotrack":
            raise
        say(f"the package {error.name} is missing; pip install 'emotrack[track]' installs what tracking needs.")
        sys.exit(2)


if __name__ == "__main__":
    main()
