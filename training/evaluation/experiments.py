"""The experiments on MOSI, where the modes are truly parallel: the network is trained for every ablation and
seed."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from emotrack.training.tasks.network.settings import NetworkTraining

VARIANTS: dict[str, dict[str, dict[str, Any]]] = {
    "full": {},
    "no multimodal attention": {"network": {"layers": 0}},
    "equal fusion weights": {"network": {"fusion": "equal"}},
    "no guided NCE": {"objective": {"nce": 0.0}},
    "ACN layers 1": {"network": {"layers": 1}},
    "ACN layers 3": {"network": {"layers": 3}},
    "ACN layers 5": {"network": {"layers": 5}},
    "focal γ 0.5": {"objective": {"gamma": 0.5}},
    "focal γ 0.75": {"objective": {"gamma": 0.75}},
    "focal γ 1.25": {"objective": {"gamma": 1.25}},
    "fusion test 1: constant α": {"network": {"fusion": "constant"}},
    "fusion test 2: concatenation": {"network": {"fusion": "concatenation"}},
    "fusion test 3: product": {"network": {"fusion": "product"}},
    "JE with memory": {"network": {"memory": True}},
}
"""What each experiment changes in the recipe, by the papers' names of the rows; the recipe itself has 4
layers and γ = 1."""

FULL, MEMORY, ALL_MODES = "full", "JE with memory", "T+A+V"
RECIPE = "mosi.yaml"


@dataclass(frozen=True, slots=True)
class Experiment:
    """One training and its measurement. `settings` in full, so that a finished one is told from any other."""

    variant: str
    seed: int
    settings: NetworkTraining
    data: str
    """Key of the store."""

    @property
    def name(self) -> str:
        """Of its file: the hash of everything that decides the figures."""
        chosen = self.settings.model_dump(mode="json", exclude={"out", "store", "seeds", "device"})
        text = json.dumps([chosen, self.seed, self.data], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def recipe(store: Path) -> NetworkTraining:
    """The settings that ship with emotrack, on a store of MOSI."""
    content = yaml.safe_load((files("emotrack.configs") / "training" / RECIPE).read_text("utf-8"))
    return NetworkTraining.model_validate(content | {"store": store})


def experiments_of(settings: NetworkTraining, data: str, variants: Sequence[str]) -> list[Experiment]:
    """Every variant with every seed of `settings`."""
    found = []
    for variant in variants:
        changes = {
            group: getattr(settings, group).model_copy(update=fields)
            for group, fields in VARIANTS[variant].items()
        }
        changed = settings.model_copy(update=changes)
        found += [Experiment(variant, seed, changed, data) for seed in settings.seeds]
    return found
