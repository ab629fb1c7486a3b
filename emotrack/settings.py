"""All settings of the tracker as one validated whole: a profile, then the user's file, then single values
from the command line."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from emotrack.engines.settings import EngineSettings
from emotrack.errors import UserError
from emotrack.section import Section, merge, override, parse_yaml, put, read_yaml, validate
from emotrack.stream.settings import StreamSettings

DEFAULT_PROFILE = "embedded"


class Settings(Section):
    """Everything that can be set, with the keys used in YAML and in `--set`."""

    bundle: Path | None = None
    """Directory of trained weights; the shipped ones unless set."""
    engines: EngineSettings = EngineSettings()
    stream: StreamSettings = StreamSettings()


def profiles() -> list[str]:
    """Names of the profiles that are shipped."""
    return sorted(
        entry.name.removesuffix(".yaml")
        for entry in files("emotrack.configs").iterdir()
        if entry.name.endswith(".yaml")
    )


def load_settings(
    profile: str = DEFAULT_PROFILE, config: Path | None = None, overrides: Sequence[str] = (), **more: Any
) -> Settings:
    """Compose settings: `profile`, then the YAML file `config`, then `overrides` (`a.b=value`), then `more`
    (dotted keys).

    An engine pack that they name brings its own bundle and models.

    Raises `UserError` for an unknown profile or key, a wrong type, or a file that cannot be read.
    """
    if profile not in profiles():
        raise UserError(f"There is no profile {profile!r}; choose one of {', '.join(profiles())}.")
    merged = parse_yaml(
        (files("emotrack.configs") / f"{profile}.yaml").read_text("utf-8"), f"profile {profile}"
    )
    asked = {} if config is None else read_yaml(config)
    override(asked, overrides)
    for key, value in more.items():
        put(asked, key, value)
    merge(merged, asked)
    return unpacked(
        validate(TypeAdapter(Settings), merged, "`emotrack doctor --settings`"), asked.get("engines") or {}
    )


def unpacked(settings: Settings, asked: Mapping[str, Any]) -> Settings:
    """The same settings with what their engine pack has, if they name one; its models stand in for the
    profile's.

    Raises `UserError` where it does not go with them; `asked`: the settings of the engines that are the
    user's own.
    """
    folder = settings.engines.pack
    if folder is None:
        return settings
    from emotrack.engines.running.pack import BUNDLE, SPEECH_DETECTOR, read_contents  # imports ONNX Runtime

    contents = read_contents(folder)
    if settings.bundle not in (None, folder / BUNDLE):
        raise UserError(
            f"The engine pack {folder} has a bundle of its own: leave out --set bundle={settings.bundle}."
        )
    if settings.engines.body_weights is not None:
        raise UserError(
            f"The engine pack {folder} has no network for bodies: leave out engines.body_weights."
        )
    if settings.stream.speech_detector not in (None, folder / SPEECH_DETECTOR):
        raise UserError(
            f"The engine pack {folder} has a speech detector of its own: leave out stream.speech_detector."
        )
    held = {"text": contents.text, "audio": contents.audio, "face": contents.face}
    for modality, model in held.items():
        if asked.get(modality, model) not in ("none", model):
            raise UserError(
                f"The engine pack {folder} was made with engines.{modality}={model}: leave out "
                f"engines.{modality}."
            )
    models = {
        modality: model for modality, model in held.items() if getattr(settings.engines, modality) != "none"
    }
    return settings.model_copy(
        update={
            "bundle": folder / BUNDLE,
            "engines": settings.engines.model_copy(update=models),
            "stream": settings.stream.model_copy(update={"speech_detector": folder / SPEECH_DETECTOR}),
        }
    )
