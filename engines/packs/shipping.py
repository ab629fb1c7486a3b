"""Makes the engines that ship (`shipped` in cache/entry.py finds them), after weights or networks have
changed: `python -m emotrack.engines.packs.shipping`.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import files
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
from onnx import numpy_helper

from emotrack.engines.backends.backend import ENGINE_FILE
from emotrack.engines.backends.onnx_cpu import EXTERNAL, ExternalTensor, OnnxCpu, weight_tensors
from emotrack.engines.cache.entry import FOLDER, EngineManifest, Entry
from emotrack.engines.catalogue import catalogue
from emotrack.engines.contract.definition import Definition
from emotrack.engines.contract.parity import answers
from emotrack.engines.contract.spec import Spec
from emotrack.engines.running.loading import check_inputs, gated, origin_of, reference_run
from emotrack.engines.settings import EngineSettings
from emotrack.files import write_whole
from emotrack.model.bundle import load_bundle

_SMALL = 256
"""Bytes of an initializer that may as well stay in the graph."""
_SAME = 1e-6
"""How far an initializer may be from a tensor that it is, relative to its greatest number: products are
summed in another order."""
_CHECK_BYTES = 2**19
"""Inputs of the usual size that take more than this are not shipped: those of the least size are."""


def main() -> None:
    """Compile all networks of the shipped bundle anew, hold each to the network as it is written, and put all
    in their place."""
    specs = catalogue(EngineSettings(device="cpu"), load_bundle(), print).networks
    with tempfile.TemporaryDirectory() as made:
        for spec in specs:
            sys.stdout.write(f"{spec.name} …\n")
            folder = Path(made) / spec.name
            folder.mkdir()
            ship(spec, folder)
        shutil.rmtree(FOLDER, ignore_errors=True)
        shutil.copytree(made, FOLDER)
    FOLDER.chmod(0o755)


def ship(spec: Spec, folder: Path) -> None:
    """Put an engine of `spec` into `folder`; raises `EngineRefused` where it differs from the network."""
    assert isinstance(spec.definition, Definition)
    backend = OnnxCpu(threads=1)
    backend.build(spec, "fp32", folder)
    model = onnx.load(folder / ENGINE_FILE)
    external = _externalise(model, weight_tensors(spec.definition))
    _strip(model)
    write_whole(folder / ENGINE_FILE, model.SerializeToString())
    if external:
        write_whole(folder / EXTERNAL, msgspec.json.format(msgspec.json.encode(external)))
    if "weights" not in spec.definition.arguments:  # they are in a package's own folder, and now in the graph
        _put_licences(spec.definition.packages, folder)
    reference = reference_run(spec)
    inputs = check_inputs(spec)
    if sum(array.nbytes for array in inputs.values()) > _CHECK_BYTES:
        inputs = check_inputs(spec, "minimum")
    check = inputs, reference(inputs)
    expected = [*answers(spec, reference), check]
    _, parity, memory = gated(spec, "fp32", expected, backend.on_gpu, lambda: backend.open(spec, folder))
    manifest = EngineManifest(
        origin_of(spec, backend, "fp32"), parity, 0.0, memory, {}, given=spec.definition.given()
    )
    Entry.write(folder, manifest, check)


def _externalise(model: onnx.ModelProto, tensors: Mapping[str, np.ndarray]) -> dict[str, ExternalTensor]:
    """Take those initializers out of a graph that are tensors of the network's weights; which is which."""
    found: dict[str, ExternalTensor] = {}
    for initializer in model.graph.initializer:
        values = numpy_helper.to_array(initializer)
        if values.dtype != np.float32 or values.nbytes < _SMALL:
            continue
        if (external := next(_same(values, tensors), None)) is not None:
            found[initializer.name] = external
            initializer.ClearField("raw_data")
            initializer.data_location = onnx.TensorProto.EXTERNAL
            initializer.external_data.add(
                key="location", value=external.tensor
            )  # no file: whoever runs the graph gives it
    return found


def _same(values: np.ndarray, tensors: Mapping[str, np.ndarray]) -> Iterator[ExternalTensor]:
    near = _SAME * float(np.abs(values).max(initial=0.0))
    for name, tensor in tensors.items():
        for transposed, other in ((False, tensor), (True, tensor.T)):
            if other.shape == values.shape and np.allclose(other, values, rtol=0, atol=near):
                yield ExternalTensor(name, transposed)


def _put_licences(packages: Sequence[str], folder: Path) -> None:
    for package in packages:
        for file in files(package) or ():
            if file.name.upper().startswith("LICEN"):
                write_whole(folder / f"LICENSE-{package}.txt", file.read_binary())


def _strip(model: onnx.ModelProto) -> None:
    """Remove what nothing needs that runs a graph: remarks, and shapes that follow from the rest."""
    del model.graph.value_info[:]
    del model.metadata_props[:], model.graph.metadata_props[:]
    parts: tuple[Any, ...] = (
        *(*model.graph.node, *model.graph.initializer),
        *(*model.graph.input, *model.graph.output),
    )
    for part in parts:
        part.ClearField("doc_string")
        del part.metadata_props[:]


if __name__ == "__main__":
    main()
