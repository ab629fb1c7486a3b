"""All settings of the tracker as one validated whole: a profile, then the user's file, then single values from the command line."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter

from emotrack.composing import merge, override, parse_yaml, put, read_yaml, validate
from emotrack.engines.settings import EngineSettings
from emotrack.model.errors import UserError
from emotrack.stream.settings import StreamSettings

DEFAULT_PROFILE = "embedded"


class Settings(BaseModel):
    """Everything that can be set, with the keys used in YAML and in `--set`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bundle: Path | None = None
    """Directory of trained weights; the shipped ones unless set."""
    engines: EngineSettings = EngineSettings()
    stream: StreamSettings = StreamSettings()


def profiles() -> list[str]:
    """Names of the profiles that are shipped."""
    return sorted(entry.name.removesuffix(".yaml") for entry in files("emotrack.configs").iterdir() if entry.name.endswith(".yaml"))


def load_settings(
    profile: str = DEFAULT_PROFILE, config: Path | None = None, overrides: Sequence[str] = (), **more: Any
) -> Settings:
    """Compose settings: `profile`, then the YAML file `config`, then `overrides` (`a.b=value`), then `more` (dotted keys).

    Raises `UserError` for an unknown profile or key, a wrong type, or a file that cannot be read.
    """
    if profile not in profiles():
        raise UserError(f"There is no profile {profile!r}; choose one of {', '.join(profiles())}.")
    merged = parse_yaml((files("emotrack.configs") / f"{profile}.yaml").read_text("utf-8"), f"profile {profile}")
    if config is not None:
        merge(merged, read_yaml(config))
    override(merged, overrides)
    for key, value in more.items():
        put(merged, key, value)
    return validate(TypeAdapter(Settings), merged, "`emotrack doctor --settings`")
