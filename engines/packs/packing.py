"""Makes engine packs (see running/pack.py), on a machine that can compile what is in them."""

import os
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path

import msgspec

from emotrack.engines.backends.backend import ENGINE_FILE
from emotrack.engines.backends.onnx_cpu import EXTERNAL, OnnxCpu, external_weights
from emotrack.engines.cache.cache import EngineCache
from emotrack.engines.cache.entry import Entry
from emotrack.engines.catalogue import catalogue
from emotrack.engines.contract.spec import Precision, Spec
from emotrack.engines.encoders.text.encoder import tokenizer_files
from emotrack.engines.running.loading import entry_for
from emotrack.engines.running.pack import BUNDLE, CONTENTS, ENGINES, SPEECH_DETECTOR, TEXT, PackContents
from emotrack.engines.settings import EngineSettings
from emotrack.errors import UserError
from emotrack.files import file_digest, write_whole
from emotrack.model.bundle import MANIFEST as BUNDLE_MANIFEST
from emotrack.model.bundle import Bundle
from emotrack.model.signature import ENDING
from emotrack.notify import Notify


def pack(
    target: Path,
    settings: EngineSettings,
    bundle: Bundle,
    speech_detector: Path,
    cache: EngineCache,
    notify: Notify,
    *,
    voices: bool,
) -> PackContents:
    """Write a pack of all that `settings` and `bundle` ask for (`voices`: see `catalogue`) into the new
    folder `target`, which appears whole or not at all.

    Raises `UserError` where something cannot be had or compiled, or `target` is there already.
    """
    if settings.body_weights is not None or settings.audio == "passt":
        raise UserError(
            "Bodies and PaSST cannot be packed: leave out engines.body_weights, and set engines.audio to "
            "voice."
        )
    if target.exists():
        raise UserError(f"{target} is there already: name a new folder.")
    missing: list[str] = []
    listed = catalogue(settings, bundle, missing.append, voices=voices)
    if missing:
        raise UserError(f"A pack would not be whole: {missing[0]}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as made:
            folder = Path(made) / target.name
            for spec in listed.networks:
                notify(f"packing {spec.name} …")
                _put_engine(spec, settings, cache, folder / ENGINES / spec.name, notify)
            _put_bundle(bundle, folder / BUNDLE)
            if settings.text != "none":
                _copy(tokenizer_files(settings.text), folder / TEXT)
            shutil.copyfile(speech_detector, folder / SPEECH_DETECTOR)
            paths = sorted(path for path in folder.rglob("*") if path.is_file())
            files = {path.relative_to(folder).as_posix(): file_digest(path) for path in paths}
            contents = PackContents(
                version("emotrack"), bundle.identifier, settings.text, settings.audio, settings.face, files
            )
            write_whole(folder / CONTENTS, msgspec.json.format(msgspec.json.encode(contents)))
            os.replace(folder, target)
    except OSError as error:
        raise UserError(
            f"The engine pack {target} cannot be written ({error.strerror or error}): name another folder."
        ) from error
    return contents


def _put_engine(
    spec: Spec, settings: EngineSettings, cache: EngineCache, folder: Path, notify: Notify
) -> None:
    precisions: tuple[Precision, ...] = ("int8", "fp32") if settings.precision == "int8" else ("fp32",)
    shutil.copytree(entry_for(spec, OnnxCpu(settings.threads), precisions, cache, notify).folder, folder)
    folder.chmod(0o755)  # one of the cache is its owner's only
    if (folder / EXTERNAL).exists():
        _fill(spec, folder)


def _fill(spec: Spec, folder: Path) -> None:
    """Put the weights that are not in a graph into it: where a pack goes, the files that they are in are
    not."""
    import onnx
    from onnx import numpy_helper

    values = external_weights(spec, folder)
    model = onnx.load(folder / ENGINE_FILE, load_external_data=False)
    for initializer in model.graph.initializer:
        if initializer.name in values:
            initializer.CopyFrom(numpy_helper.from_array(values[initializer.name], initializer.name))
    write_whole(folder / ENGINE_FILE, model.SerializeToString())
    (folder / EXTERNAL).unlink()
    entry = Entry.read(folder)
    Entry.write(folder, msgspec.structs.replace(entry.manifest, given=None), entry.check())


def _put_bundle(bundle: Bundle, folder: Path) -> None:
    parts = [part.path for part in bundle.parts.values()]
    # The signature is the maker's own: it stays good, for the manifest is copied as it is.
    notes = [path for path in parts[0].parent.iterdir() if path.suffix in (".txt", ".md", ENDING)]
    _copy([*parts, parts[0].parent / BUNDLE_MANIFEST, *notes], folder)


def _copy(paths: list[Path], folder: Path) -> None:
    folder.mkdir(parents=True)
    for path in paths:
        shutil.copyfile(path, folder / path.name)
