"""All settings of the tracker as one validated whole: a profile, then the user's file, then single values from the command line."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

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
    merged = _parse((files("emotrack.configs") / f"{profile}.yaml").read_text("utf-8"), f"profile {profile}")
    if config is not None:
        _merge(merged, _parse(_read(config), str(config)))
    for override in overrides:
        key, separator, value = override.partition("=")
        if not separator or not key:
            raise UserError(f"--set {override} is not of the form a.b=value.")
        _put(merged, key, _parse_value(value, override))
    for key, value in more.items():
        _put(merged, key, value)
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        raise UserError(_first_problem(error)) from None


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The configuration {path} cannot be read: {error}.") from None


def _parse(text: str, name: str) -> dict[str, Any]:
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        raise UserError(f"{name} is not valid YAML{line}.") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UserError(f"{name} must hold settings as `key: value`, not a {type(content).__name__}.")
    return content


def _parse_value(value: str, override: str) -> Any:
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        raise UserError(f"The value in --set {override} is not valid YAML.") from None


def _merge(into: dict[str, Any], other: Mapping[str, Any]) -> None:
    for key, value in other.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _put(settings: dict[str, Any], dotted: str, value: Any) -> None:
    *path, last = dotted.split(".")
    for name in path:
        inner = settings.setdefault(name, {})
        if not isinstance(inner, dict):
            raise UserError(f"{dotted} cannot be set: {name} is a single value.")
        settings = inner
    settings[last] = value


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"]) or "the settings"
    if problem["type"] == "extra_forbidden":
        return f"There is no setting {key}; `emotrack doctor --settings` lists them."
    return f"{key} is wrong: {problem['msg']}, not {problem['input']!r}."
