"""Ways to spoil a bundle on disk, and what is said of each."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from emotrack.model.manifest import BundleManifest


def rewrite_manifest(directory: Path, change: Callable[[dict[str, Any]], None], seal: bool = False) -> None:
    path = directory / "bundle.json"
    content = json.loads(path.read_text())
    change(content)
    if seal:
        content = BundleManifest.model_validate(content).sealed().model_dump(mode="json")
    path.write_text(json.dumps(content))


def rewrite_weights(directory: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    """A change with a manifest that vouches for it, so that only the weights can be at fault."""
    path = directory / "network.safetensors"
    tensors = safetensors.torch.load(path.read_bytes())
    change(tensors)
    data = safetensors.torch.save(tensors)
    path.write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    rewrite_manifest(directory, lambda content: content["parts"]["network"].update(sha256=digest), seal=True)


def set_not_finite(tensors: dict[str, torch.Tensor]) -> None:
    tensors["null_vector"] = torch.full_like(tensors["null_vector"], float("nan"))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no manifest": (lambda d: (d / "bundle.json").unlink(), "cannot be read"),
    "manifest cut": (lambda d: cut(d / "bundle.json"), "not readable as JSON"),
    "manifest is something else": (
        lambda d: (d / "bundle.json").write_text("[]"),
        "not a bundle of emotrack",
    ),
    "manifest edited": (
        lambda d: rewrite_manifest(d, lambda c: c["metrics"].update(weighted_f1=1)),
        "was changed",
    ),
    "other version": (lambda d: rewrite_manifest(d, lambda c: c.update(version=2)), "has version 2"),
    "unknown key": (lambda d: rewrite_manifest(d, lambda c: c.update(more=1)), "wrong at 'more'"),
    "unknown setting": (
        lambda d: rewrite_manifest(d, lambda c: c["configuration"].update(x=1)),
        "configuration.x",
    ),
    "no network": (lambda d: rewrite_manifest(d, lambda c: c["parts"].clear(), seal=True), "has no network"),
    "no weights": (lambda d: (d / "network.safetensors").unlink(), "cannot be read"),
    "weights cut": (lambda d: cut(d / "network.safetensors"), "damaged or was replaced"),
    "missing tensor": (
        lambda d: rewrite_weights(d, lambda t: t.pop("null_vector")),
        "lacks tensor 'null_vector'",
    ),
    "unknown tensor": (
        lambda d: rewrite_weights(d, lambda t: t.update(x=torch.zeros(1))),
        "unknown tensor 'x'",
    ),
    "wrong shape": (
        lambda d: rewrite_weights(d, lambda t: t.update(null_vector=torch.zeros(9))),
        r"\[9\] where",
    ),
    "wrong type": (
        lambda d: rewrite_weights(d, lambda t: t.update(null_vector=torch.zeros(8).half())),
        "float16",
    ),
    "not finite": (lambda d: rewrite_weights(d, set_not_finite), "not finite in 'null_vector'"),
}
"""By name: what does it, and what the sentence that refuses the bundle says."""
