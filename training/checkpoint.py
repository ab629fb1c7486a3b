"""Where a run stands after an epoch, in one safetensors file: weights, averages, the best so far, and the optimizer.

The file is replaced whole, so a kill leaves the last finished epoch. What is not a tensor travels as JSON in the file's metadata,
and so does a hash of everything: a checkpoint that was damaged is refused rather than gone on with.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from emotrack.model.errors import UserError
from emotrack.model.whole_file import write_whole

VERSION = 1
CHECKPOINT = "checkpoint.safetensors"
"""Its name in the folder of a run."""


def save_checkpoint(path: Path, tensors: Mapping[str, Mapping[str, Tensor]], facts: Mapping[str, Any]) -> None:
    """Write groups of named tensors and JSON-able `facts`, durable before the old file is given up."""
    # Copies: names may share storage, which safetensors refuses.
    flat = {
        f"{group}/{name}": value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for group, named in tensors.items()
        for name, value in named.items()
    }
    noted = json.dumps(facts)
    data = safetensors.torch.save(flat, {"version": str(VERSION), "facts": noted, "sha256": _hash(flat, noted)})
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, data)


def load_checkpoint(path: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """What `save_checkpoint` wrote. Raises `UserError` where the file is damaged or of another version."""
    remedy = "delete it to train from the beginning"
    try:
        with safe_open(path, "pt") as file:
            notes = file.metadata() or {}
            if notes.get("version") != str(VERSION):
                raise UserError(f"The checkpoint {path} is of another version of emotrack: {remedy}.")
            flat = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
            if notes["sha256"] != _hash(flat, notes["facts"]):
                raise UserError(f"The checkpoint {path} is damaged: {remedy}.")
            facts = json.loads(notes["facts"])
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise UserError(f"The checkpoint {path} cannot be read ({error}): {remedy}.") from None
    tensors: dict[str, dict[str, Tensor]] = {}
    for key, value in flat.items():
        group, _, name = key.partition("/")
        tensors.setdefault(group, {})[name] = value
    return tensors, facts


def _hash(tensors: Mapping[str, Tensor], facts: str) -> str:
    return hashlib.sha256(safetensors.torch.save(dict(tensors)) + facts.encode()).hexdigest()
