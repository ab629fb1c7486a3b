"""Engine packs: everything that tracking with a profile needs beside its libraries, in one folder, for
machines without torch.

A pack is read, never written. Its files are known by their hashes, and each engine has to answer as it did
where it was made.
"""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import msgspec

from emotrack.engines.backends.backend import Backend
from emotrack.engines.backends.onnx_cpu import OnnxCpu
from emotrack.engines.cache.entry import Damaged, Entry
from emotrack.engines.contract.engine import Engine, EngineRefused
from emotrack.engines.contract.spec import Spec
from emotrack.engines.running.loading import open_entry
from emotrack.engines.settings import EngineSettings
from emotrack.errors import UserError
from emotrack.files import file_digest
from emotrack.section import brief

CONTENTS = "pack.json"
BUNDLE, ENGINES, TEXT, SPEECH_DETECTOR = "bundle", "engines", "text", "silero_vad.onnx"
"""What lies in a pack: folders of the bundle, of each engine by its network's name, of the text model's
tokenizer, and a file."""
_MEND = "make it again with `emotrack engines pack`"


class PackContents(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`pack.json`: what a pack was made of and from, and the SHA-256 of every other file in it, by its
    path."""

    emotrack: str
    """The version that made it; no other can read it."""
    bundle: str
    """Identifier of the bundle."""
    text: str
    """The text model, and so on: as in `EngineSettings`."""
    audio: str
    face: str
    files: dict[str, str]


class PackRefused(UserError):
    """A pack that cannot be used: nothing stands in for what it lacks."""


class EnginePack:
    """A pack that is whole."""

    def __init__(self, folder: Path) -> None:
        """Raises `PackRefused` where there is none, or a file in it is not as it was written."""
        self.folder = folder
        self.contents = read_contents(folder)
        for name, digest in self.contents.files.items():
            try:
                found = file_digest(folder / name)
            except OSError as error:
                raise PackRefused(
                    f"The engine pack's {folder / name} cannot be read ({error.strerror}): {_MEND}."
                ) from None
            if found != digest:
                raise PackRefused(
                    f"The engine pack's {folder / name} is damaged or was replaced (its SHA-256 differs): "
                    f"{_MEND}."
                )

    @property
    def text(self) -> Path:
        """The text model's directory, without its weights."""
        return self.folder / TEXT

    def require(self, settings: EngineSettings, own: Sequence[Backend] = ()) -> None:
        """Raises `PackRefused` where the settings, or backends of one's `own`, ask for other arithmetic than
        its engines do."""
        if own:
            raise PackRefused(
                f"The engine pack {self.folder} holds compiled engines, which {own[0].name} does not run: "
                "leave out engines.pack or that backend."
            )
        precisions = {
            Entry.read(folder).manifest.origin.precision for folder in (self.folder / ENGINES).iterdir()
        }
        done = {
            "device": "cpu",
            "backend": OnnxCpu.name,
            "precision": "int8" if "int8" in precisions else "fp32",
        }
        for name, value in done.items():
            if (asked := getattr(settings, name)) not in ("auto", value):
                raise PackRefused(
                    f"The engine pack {self.folder} does not do engines.{name}={asked}: set it to {value} "
                    "or auto."
                )

    def holds(self, spec: Spec) -> bool:
        """Whether it has an engine of this network."""
        return (self.folder / ENGINES / spec.name).is_dir()

    def open(self, spec: Spec, threads: int) -> Engine:
        """The engine of a network; raises `PackRefused` where the pack has none, or it answers otherwise on
        this machine."""
        backend = OnnxCpu(threads)
        try:
            entry = Entry.read(self.folder / ENGINES / spec.name)
        except (Damaged, OSError):
            raise PackRefused(
                f"The engine pack {self.folder} has no engine of the network {spec.name}: {_MEND}."
            ) from None
        if entry.manifest.origin.shapes != spec.shapes:
            raise PackRefused(
                f"The engine pack {self.folder} has the network {spec.name} with other shapes: {_MEND}."
            )
        try:
            return open_entry(spec, backend, entry)
        except EngineRefused as refusal:
            made, here = entry.manifest.origin.made_for.get("onnxruntime"), backend.runtime
            raise PackRefused(
                f"The engine of {spec.name} in {self.folder} does not do here ({refusal}); it was made "
                f"with ONNX Runtime {made}, and here is {here}: {_MEND}."
            ) from refusal


def read_contents(folder: Path) -> PackContents:
    """What a pack says of itself; raises `PackRefused` where it is none, or of another version of
    emotrack."""
    path = folder / CONTENTS
    try:
        made_by, here = msgspec.json.decode(path.read_bytes(), type=_Version).emotrack, version("emotrack")
        if made_by != here:
            raise PackRefused(
                f"The engine pack {folder} was made by emotrack {brief(made_by)}, and here is {here}: "
                f"{_MEND}."
            )
        return msgspec.json.decode(path.read_bytes(), type=PackContents)
    except OSError as error:
        raise PackRefused(f"{folder} is no engine pack ({CONTENTS}: {error.strerror}): {_MEND}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PackRefused(
            f"The engine pack's {path} cannot be read ({brief(str(error))}): {_MEND}."
        ) from None


class _Version(msgspec.Struct):
    """As much of `PackContents` as every version can read."""

    emotrack: str
