"""Options that several commands take."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from emotrack.errors import UserError

ProfileOption = Annotated[
    str,
    typer.Option("--profile", "-p", metavar="NAME", help="Settings for a kind of machine: embedded or gpu."),
]
ConfigOption = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="YAML file with settings of your own; `doctor --settings` prints all.",
    ),
]
SetOption = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(
        "--set", metavar="KEY=VALUE", help="One setting, such as engines.device=cpu; may be repeated."
    ),
]
PolicyOption = Annotated[
    Optional[list[Path]],  # noqa: UP045
    typer.Option(
        "--policy",
        metavar="FILE",
        help="YAML file that says what is allowed; nothing can switch on what it refuses. May be repeated: "
        "only what all allow is.",
    ),
]
TrainingSetOption = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(
        "--set", metavar="KEY=VALUE", help="One setting, such as optimisation.epochs=3; may be repeated."
    ),
]
ServerKeyOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--server-key", metavar="KEY", help="The publisher's public key, or its .key file, when it encrypts."
    ),
]
ClientKeysOption = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--keys", metavar="FILE", help="Your own .key_secret file, when the publisher encrypts."),
]
PublisherKeysOption = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "--keys", metavar="DIR", help="Made by `emotrack keys`: encrypt, and admit only the clients in it."
    ),
]
InsecureOption = Annotated[
    bool, typer.Option("--insecure", help="Let messages leave this machine without encryption.")
]
OnlyOption = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(
        "--network", "-n", metavar="NAME", help="Just this network (see `engines list`); may be repeated."
    ),
]


SessionOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--session", metavar="NAME", help="Which session, where the recording holds several."),
]


def recording(given: str) -> Path | None:
    """The recording that is meant, or None where an endpoint is (`tcp://…`, `ipc://…`)."""
    return None if "://" in given else Path(given)


def check_pair(server_key: str | None, keys: Path | None) -> None:
    """Raises `UserError` where only one of the two keys that encryption takes is given."""
    if (server_key is None) != (keys is None):
        missing = (
            "--keys FILE, your own .key_secret file"
            if keys is None
            else "--server-key KEY, the publisher's public key"
        )
        raise UserError(f"A publisher that encrypts takes two keys, and one is missing: add {missing}.")
