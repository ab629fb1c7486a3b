"""Options that several commands take."""

from pathlib import Path
from typing import Annotated, Optional

import typer

ProfileOption = Annotated[str, typer.Option("--profile", "-p", help="Settings for a kind of machine: embedded or gpu.")]
ConfigOption = Annotated[Optional[Path], typer.Option("--config", "-c", help="YAML file with settings of your own.")]  # noqa: UP045
SetOption = Annotated[Optional[list[str]], typer.Option("--set", help="One setting as a.b=value; may be repeated.")]  # noqa: UP045
