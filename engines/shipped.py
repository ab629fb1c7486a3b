"""Engines that come with the package, so that the shipped networks start at once everywhere, without compiling and without torch.

Each is a graph for ONNX Runtime, which runs anywhere. It is recognised by the weights and settings of its network alone: source
text and versions are what they were made with, as a test sees to that compares them with the networks as they are written.
"""

import contextlib
from importlib import resources
from pathlib import Path

from emotrack.engines.backends.backend import Backend
from emotrack.engines.cache_entry import Damaged, Entry
from emotrack.engines.definition import Definition
from emotrack.engines.spec import Precision, Spec

FOLDER = Path(str(resources.files("emotrack.engines"))) / "graphs"


def shipped(spec: Spec, backend: Backend, precision: Precision) -> Entry | None:
    """The engine of just these weights for a backend, where one ships and is whole."""
    folder = FOLDER / spec.name
    if not folder.is_dir() or not isinstance(spec.definition, Definition):
        return None
    with contextlib.suppress(Damaged, OSError):
        entry = Entry.read(folder)
        origin = entry.manifest.origin
        if (origin.backend, origin.precision, origin.shapes) == (backend.name, precision, spec.shapes) and (
            entry.manifest.given == spec.definition.given()
        ):
            entry.require_whole()
            return entry
    return None
