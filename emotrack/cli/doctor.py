"""`emotrack doctor`: what works here, what does not, and the command that mends it."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from emotrack import __version__
from emotrack.cli.options import (
    ClientKeysOption,
    ConfigOption,
    PolicyOption,
    ProfileOption,
    ServerKeyOption,
    SetOption,
    check_pair,
)
from emotrack.errors import UserError, extras, first_line, import_problem
from emotrack.notify import plain, shorten

if TYPE_CHECKING:
    from emotrack.engines.contract.spec import Spec
    from emotrack.engines.running.pool import EnginePool
    from emotrack.settings import Settings


_BY = {"single": "one, whoever speaks", "feed": "one for each source", "voice": "told apart by their voices"}
"""What is taken for a speaker in each mode."""

LONGEST = 400
"""Letters of a finding about a tracker elsewhere, which may say anything."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: `good` True, False, or None for what is merely not there."""

    subject: str
    good: bool | None
    text: str


def doctor(
    profile: ProfileOption = "embedded",
    config: ConfigOption = None,
    overrides: SetOption = None,
    policy: PolicyOption = None,
    show_settings: Annotated[
        bool, typer.Option("--settings", help="Print every setting with its value instead.")
    ] = False,
    live: Annotated[
        bool,
        typer.Option(
            "--live",
            help="Examine the tracker that runs at ENDPOINT instead: a few seconds of listening. The exit "
            "code is 2 where it cannot be reached.",
        ),
    ] = False,
    endpoint: Annotated[
        Optional[str],  # noqa: UP045
        typer.Argument(
            metavar="[ENDPOINT]",
            help="With --live: where it publishes, tcp://127.0.0.1:5556 unless given.",
            show_default=False,
        ),
    ] = None,
    server_key: ServerKeyOption = None,
    keys: ClientKeysOption = None,
) -> None:
    """Say what works on this machine, or with --live of a tracker that runs, and what mends the rest."""
    if not live and not (endpoint is None and server_key is None and keys is None):
        raise UserError("An endpoint and keys are of a tracker that runs: add --live.")
    if live:
        _examine_live(endpoint, server_key, keys)
    elif show_settings:
        _show_settings(profile, config, overrides or (), policy or ())
    elif not _report(examine(profile, config, overrides or (), policy or ())):
        sys.exit(1)


def _report(findings: Iterable[Finding]) -> bool:
    """Print each; whether none is bad."""
    works = True
    for finding in findings:
        mark = {True: "ok  ", False: "FAIL", None: "-   "}[finding.good]
        sys.stdout.write(f"{mark} {plain(finding.subject):<14} {plain(finding.text)}\n")
        works = works and finding.good is not False
    return works


def _examine_live(endpoint: str | None, server_key: str | None, keys: Path | None) -> None:
    """The report of a tracker that runs; exit code 1 where something is wrong, 2 where it is not reached."""
    from emotrack.stream.views.monitor.diagnosis import diagnose
    from emotrack.stream.views.monitor.observation import observe
    from emotrack.stream.wire.protocol.endpoints import DEFAULT_ENDPOINT

    check_pair(server_key, keys)
    observation = observe(endpoint or DEFAULT_ENDPOINT, server_key=server_key, keys=keys)
    findings = (
        Finding(check.subject, check.good, shorten(check.sentence, LONGEST))
        for check in diagnose(observation)
    )
    if not _report(findings):
        sys.exit(1 if observation.unreachable is None else 2)


def _show_settings(
    profile: str, config: Path | None, overrides: Sequence[str], policy: Sequence[Path]
) -> None:
    from emotrack.section import listed
    from emotrack.settings import allowed, load_policy, load_settings

    settings, rules = load_settings(profile, config, overrides), load_policy(*policy)
    sys.stdout.write(listed(settings if rules is None else allowed(settings, rules)) + "\n")


def examine(
    profile: str, config: Path | None, overrides: Sequence[str], policy: Sequence[Path] = ()
) -> Iterator[Finding]:
    """Every finding, as it is made; without what tracks, what is installed and no more."""
    yield Finding(
        "emotrack", True, f"{__version__}, Python {platform.python_version()}, {platform.platform()}"
    )
    installed = extras()
    settings = rules = None
    if not _missing(installed["edge"]):
        try:
            from emotrack.settings import SYSTEM_POLICY, allowed, load_policy, load_settings
        except (ImportError, OSError) as error:
            yield Finding("settings", False, _cause(error))
            return
        settings = load_settings(profile, config, overrides)
        rules = load_policy(*policy)
        if rules is None:
            text = f"none; everything is allowed that the settings switch on ({SYSTEM_POLICY}, --policy)"
            yield Finding("policy", None, text)
        else:
            settings = allowed(settings, rules)
            yield Finding("policy", True, f"refuses {', '.join(rules.refused) or 'nothing'}")
    packed = settings is not None and settings.engines.pack is not None
    needed = {"edge"} if packed else {"edge", "track"}
    for extra, packages in installed.items():
        yield _extra(extra, packages, needed=extra in needed)
    if settings is None:
        yield Finding(
            "subscribing", True, "works; tracking needs the extra `track`, or `edge` and an engine pack"
        )
        return
    parts: dict[str, Callable[[Settings], Iterator[Finding]]] = {
        "bundle": _bundle,
        "GPU": _graphics,
        "speech detector": _ears,
        "encoders": _encoders,
        "transcription": _recogniser,
        "speakers": _speakers,
        "people": _people,
        "devices": _devices,
    }
    for subject, look in parts.items():
        try:
            for finding in look(settings):
                masked = rules is not None and finding.subject in rules.masked
                yield Finding(finding.subject, None, "left out by the policy") if masked else finding
        except (ImportError, OSError) as error:  # of a library that does not load; the others may
            yield Finding(subject, False, _cause(error))


def _cause(error: ImportError | OSError) -> str:
    return import_problem(error) or first_line(error)


def _missing(packages: Iterable[str]) -> list[str]:
    return [package for package in packages if _version(package) is None]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _extra(extra: str, packages: Sequence[str], *, needed: bool) -> Finding:
    missing = _missing(packages)
    if not missing:
        return Finding(
            f"[{extra}]", True, ", ".join(f"{package} {_version(package)}" for package in packages)
        )
    fix = f"{', '.join(missing)} not installed; pip install 'emotrack[{extra}]'"
    return Finding(f"[{extra}]", False if needed else None, fix)


def _bundle(settings: Settings) -> Iterator[Finding]:
    from emotrack.model.bundle import load_bundle

    told: list[str] = []
    try:
        bundle = load_bundle(settings.bundle, settings.makers, told.append)
    except UserError as error:
        yield Finding("bundle", False, str(error))
        return
    signed = "" if bundle.maker is None else f", signed by {bundle.maker}"
    yield Finding(
        "bundle", True, f"{bundle.identifier}, trained on {', '.join(bundle.configuration.trained)}{signed}"
    )
    for sentence in told:
        yield Finding("  maker", None, sentence)
    for part in bundle.parts.values():
        yield Finding(f"  {part.name}", True, f"{part.licence} (trained on {part.trained_on})")


def _graphics(_: Settings) -> Iterator[Finding]:
    from emotrack.engines.backends.machine import gpu_obstacle

    if (obstacle := gpu_obstacle()) is not None:
        yield Finding("GPU", None, f"{obstacle}; everything runs on the processor")
        return
    import torch

    yield Finding("GPU", True, torch.cuda.get_device_name())


def _ears(settings: Settings) -> Iterator[Finding]:
    from emotrack.stream.hearing.vad import SileroVad

    try:
        SileroVad(settings.stream.speech_detector)
    except UserError as error:
        yield Finding("speech detector", False, str(error))
    else:
        yield Finding("speech detector", True, "Silero")


def _encoders(settings: Settings) -> Iterator[Finding]:
    from emotrack.engines.catalogue import catalogue, standing
    from emotrack.engines.contract.engine import reasons
    from emotrack.engines.running.pool import EnginePool
    from emotrack.model.bundle import load_bundle

    try:
        voices = settings.stream.speakers.by_voice
        found = catalogue(settings.engines, load_bundle(settings.bundle), lambda _: None, voices=voices)
        pool = EnginePool(settings.engines, lambda _: None)
    except UserError as error:
        yield Finding("encoders", False, str(error))
        return
    for report in found.encoders.report:
        unusable = found.encoders.unusable.get(report.modality)
        text = report.reason or (f"{report.model}, masked: {unusable}" if unusable else str(report.model))
        if report.modality not in settings.stream.modalities:
            yield Finding(report.modality, None, f"left out by stream.modalities ({text})")
            continue
        used = report.model is not None and unusable is None
        yield Finding(report.modality, used or (False if report.amiss else None), text)
    if settings.engines.pack is not None:
        for spec in found.networks:
            failure = _failure(spec, pool)
            yield Finding(
                f"  {spec.name}",
                failure is None,
                failure or f"out of the engine pack {settings.engines.pack}",
            )
        return
    standings = [standing(spec, pool.policy, pool.cache) for spec in found.networks]
    for spec, one in zip(found.networks, standings, strict=True):
        if one.backend is None:
            yield Finding(f"  {spec.name}", False, f"nothing can run it ({reasons(one.skipped)})")
        elif (failure := _failure(spec, pool, compiled=one.compiled)) is not None:
            yield Finding(f"  {spec.name}", False, failure)
        else:
            yield Finding(
                f"  {spec.name}",
                True,
                one.backend if one.compiled else f"{one.backend}, compiled at the first start",
            )
    skipped = dict.fromkeys(skip for one in standings for skip in one.skipped)
    if skipped:
        yield Finding("  not used", None, reasons(skipped))
    if not all(one.compiled for one in standings):
        yield Finding(
            "  compiling", None, "`emotrack engines build` does it now, so that tracking starts at once"
        )


def _failure(spec: Spec, pool: EnginePool, *, compiled: bool = True) -> str | None:
    """Why a network does not run, or cannot be compiled, though there is what runs it: tried, without
    compiling it."""
    from emotrack.engines.contract.definition import Definition, NetworkFailed

    try:
        if compiled:
            pool.engine(spec)
        elif isinstance(spec.definition, Definition):
            spec.definition.build()
    except (UserError, NetworkFailed) as error:
        return str(error)
    return None


def _recogniser(settings: Settings) -> Iterator[Finding]:
    from emotrack.model.bundle import load_bundle
    from emotrack.stream.transcription.open import open_transcriber

    try:
        trained = load_bundle(settings.bundle).configuration.trained
    except UserError:  # told of the bundle
        trained = ()
    asked = "none" not in (settings.engines.text, settings.stream.transcription.recogniser)
    wanted = asked and "text" in trained and "text" in settings.stream.modalities
    said: list[str] = []
    try:
        transcriber = open_transcriber(settings.stream.transcription, said.append)
    except UserError as error:
        yield Finding("transcription", False if wanted else None, f"none: {error}")
        return
    for sentence in said:
        yield Finding("transcription", False if wanted and transcriber is None else None, sentence)
    if transcriber is not None:
        yield Finding("transcription", True, transcriber.name)
        transcriber.close()


def _speakers(settings: Settings) -> Iterator[Finding]:
    from emotrack.engines.encoders.sound.turns import find_turns
    from emotrack.engines.running.pool import EnginePool

    speakers = settings.stream.speakers
    if not speakers.by_voice:
        yield Finding("speakers", True, _BY[speakers.mode])
        return
    try:
        find_turns(EnginePool(settings.engines, lambda _: None))
    except UserError as error:
        needed = speakers.mode == "voice"
        told = str(error) if needed else f"{_BY['feed']}: {error}"
        yield Finding("speakers", False if needed else None, told)
    else:
        yield Finding("speakers", True, _BY["voice"])


def _people(settings: Settings) -> Iterator[Finding]:
    from emotrack.engines.encoders.face.identity import find_identity
    from emotrack.stream.people.enrolment.store import enrolled_people, read_people

    told: list[str] = []
    try:
        people = read_people(enrolled_people(settings.stream.speakers), told.append)
        if any(one.face for one in people):
            find_identity(settings.engines.face_identity, lambda _: None)
    except UserError as error:
        told.append(str(error))
    for sentence in told:
        yield Finding("people", False, sentence)
    if not told:
        yield Finding("people", True, ", ".join(one.name for one in people) or "nobody is enrolled")


def _devices(_: Settings) -> Iterator[Finding]:
    from emotrack.stream.sources.devices.listing import device_remarks, list_devices

    for device in list_devices():
        yield Finding(device.kind, True, f"{device.id} {device.name}")
    for remark in device_remarks():
        yield Finding("devices", None, remark)
