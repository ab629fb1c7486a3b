"""All settings of the tracker as one validated whole: a profile, then the user's file, then single values
from the command line; and the policy, which says what of that is allowed."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from platformdirs import site_config_path
from pydantic import TypeAdapter

from emotrack.engines.settings import EngineSettings
from emotrack.errors import UserError
from emotrack.modalities import MODALITIES, Modality
from emotrack.model.signature import Makers
from emotrack.section import Section, merge, override, parse_yaml, put, read_yaml, validate
from emotrack.stream.settings import StreamSettings

DEFAULT_PROFILE = "embedded"
# Not site_config_path where that can be helped: whoever starts the tracker could move it by a variable.
_SYSTEM = Path("/etc/emotrack") if os.name == "posix" else site_config_path("emotrack")
SYSTEM_POLICY = _SYSTEM / "policy.yaml"
"""The policy of a machine: it holds for every tracker on it, beside the one that is given to it."""


class Settings(Section):
    """Everything that can be set, with the keys used in YAML and in `--set`."""

    bundle: Path | None = None
    """Directory of trained weights; the shipped ones unless set."""
    bundle_keys: Path | None = None
    """Folder of public keys (`NAME.pub`, as `minisign -G` writes them) of the makers whose bundles are
    trusted; `bundle_keys` in the user's folder of configuration unless set. What none of them signed is
    told."""
    require_signature: bool = False
    """Whether a bundle that none of those makers signed is refused; the shipped one is not."""
    engines: EngineSettings = EngineSettings()
    stream: StreamSettings = StreamSettings()

    @property
    def makers(self) -> Makers:
        """Whose bundles are trusted."""
        return Makers(self.bundle_keys, self.require_signature)


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


class Policy(Section):
    """What may be used, told and kept. What it refuses, no flag, setting or message can switch on."""

    modalities: tuple[Modality, ...] = MODALITIES
    """Those that may be used: of the others no network is loaded. Speech is still told from silence where
    only what is said is refused; where only faces are, they are found to be hidden from what describes
    bodies."""
    identities: bool = True
    """Whether people may be told apart by their voices, or known by voice or face."""
    transcripts: bool = True
    """Whether what is said may be recognised: else no recogniser is loaded, and labels have no words."""
    evidence: bool = True
    """Whether what labels were made from, voice and pictures of faces above all, may be kept
    (`--keep-evidence`) or given away (`emotrack explain`, `Tracker(observe=…)`)."""
    records: bool = True
    """Whether messages may be written to files (`--record`, `--jsonl FILE`, `--to rerun:FILE.rrd`; what reads
    `--jsonl -` or is passed on to by another `--to` may)."""

    pictures: bool = True
    """Whether pictures may be shown to subscribers (`--pictures`)."""

    @property
    def refused(self) -> tuple[str, ...]:
        """Everything that it refuses, by name."""
        flags = ("identities", "transcripts", "evidence", "records", "pictures")
        return (
            *(modality for modality in MODALITIES if modality not in self.modalities),
            *(name for name in flags if not getattr(self, name)),
        )

    @property
    def masked(self) -> tuple[Modality, ...]:
        """The modalities that reach no label: words cannot without a transcript."""
        silent = () if self.transcripts else ("text",)
        return tuple(one for one in MODALITIES if one not in self.modalities or one in silent)

    @property
    def digest(self) -> str:
        """SHA-256 of what it says."""
        return hashlib.sha256(" ".join(sorted(self.refused)).encode()).hexdigest()

    def refuse(self, what: str, remedy: str) -> None:
        """Raise `UserError` where it refuses `what`; `remedy` is what to do then."""
        if what in self.refused:
            raise UserError(f"The policy of this tracker refuses {what}: {remedy}.")


def load_policy(*paths: Path) -> Policy | None:
    """What the machine's policy and those in the files `paths` all allow; None where there is none.

    Raises `UserError` where one cannot be read, or says nothing: nothing is allowed then.
    """
    system = (SYSTEM_POLICY,) if os.path.lexists(SYSTEM_POLICY) else ()
    read = [_read_policy(path) for path in (*system, *paths)]
    if not read:
        return None
    return Policy(
        modalities=tuple(one for one in MODALITIES if all(one in policy.modalities for policy in read)),
        identities=all(policy.identities for policy in read),
        transcripts=all(policy.transcripts for policy in read),
        evidence=all(policy.evidence for policy in read),
        records=all(policy.records for policy in read),
        pictures=all(policy.pictures for policy in read),
    )


def _read_policy(path: Path) -> Policy:
    content = read_yaml(path)
    if not content:
        raise UserError(f"The policy {path} says nothing: write into it what is allowed, or leave it out.")
    try:
        return validate(TypeAdapter(Policy), content, "docs/settings.md")
    except UserError as error:
        raise UserError(f"The policy {path} cannot be used. {error}") from None


def allowed(settings: Settings, policy: Policy) -> Settings:
    """The settings with all switched off that the policy refuses; raises `UserError` where nothing is left,
    or speakers are to be told apart and may not be."""
    kept = tuple(one for one in settings.stream.modalities if one not in policy.masked)
    if not kept:
        raise UserError(
            f"The policy of this tracker refuses {', '.join(settings.stream.modalities)}: nothing is left to "
            "make labels from."
        )
    if settings.stream.speakers.mode == "voice":
        for refused in ("identities", "audio"):
            policy.refuse(refused, "leave out stream.speakers.mode=voice")
    engines: dict[str, Any] = {one: "none" for one in ("text", "audio") if one in policy.masked}
    if "face" in policy.masked:
        engines["face"] = "hidden"  # where bodies are looked for, not even these show a face
    if "body" in policy.masked:
        engines["body_weights"] = None
    stream: dict[str, Any] = {"modalities": kept}
    if settings.stream.speakers.mode == "auto" and not (policy.identities and "audio" in policy.modalities):
        stream["speakers"] = settings.stream.speakers.model_copy(update={"mode": "feed"})
    if "text" in policy.masked:
        stream["transcription"] = settings.stream.transcription.model_copy(update={"recogniser": "none"})
    return settings.model_copy(
        update={
            "engines": settings.engines.model_copy(update=engines),
            "stream": settings.stream.model_copy(update=stream),
        }
    )
