"""A small random network, utterances for it, and a bundle of it on disk; the same seed gives the same
thing."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emotrack.modalities import MODALITIES, MODES, Modality
from emotrack.model.batch import UtteranceBatch, collate
from emotrack.model.bundle import network_part, save_bundle
from emotrack.model.configuration import ModalityWidths, NetworkConfiguration
from emotrack.model.manifest import EncoderNote
from emotrack.model.modules.context import Said
from emotrack.model.network import EmotionNetwork

Utterance = dict[Modality, NDArray[np.floating] | None]


def small_configuration(**changes: Any) -> NetworkConfiguration:
    """A configuration with every part but hardly any width; all four modalities count as trained."""
    defaults: dict[str, Any] = {
        "widths": ModalityWidths(text=6, audio=5, face=4, body=3),
        "width": 8,
        "unimodal_hidden": 4,
        "layers": 2,
        "heads": 2,
        "context_hidden": 6,
        "trained": MODALITIES,
        "window": 4,
        "revisions": 3,
    }
    return NetworkConfiguration(**{**defaults, **changes})


def small_network(seed: int = 0, **changes: Any) -> EmotionNetwork:
    """A random network in evaluation mode whose joint embedding counts as fitted and is relied on."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = EmotionNetwork(small_configuration(**changes)).eval()
        joint = network.joint
        with torch.no_grad():
            joint.raw_reliance.uniform_(0.2, 0.8)
            joint.mean.normal_()
            joint.offset.normal_()
            joint.gain.uniform_()
            joint.fitted.fill_(True)
            if network.configuration.memory:
                joint.raw_carry.uniform_(0.2, 0.8)
                joint.raw_recall.uniform_(0.2, 0.8)
    return network.requires_grad_(False)


def linear(module: nn.Module) -> nn.Linear:
    """A module that is a linear layer."""
    assert isinstance(module, nn.Linear)
    return module


def random_utterance(
    generator: np.random.Generator,
    configuration: NetworkConfiguration,
    modalities: tuple[Modality, ...] = MODALITIES,
) -> Utterance:
    """One to six random tokens for each of the named modalities; the other modalities are absent."""
    return {
        name: generator.normal(size=(generator.integers(1, 7), getattr(configuration.widths, name))).astype(
            np.float32
        )
        if name in modalities
        else None
        for name in MODALITIES
    }


def random_batch(
    configuration: NetworkConfiguration,
    rows: int = 5,
    seed: int = 0,
    modalities: tuple[Modality, ...] = MODALITIES,
) -> UtteranceBatch:
    """A batch of random utterances that all have the named modalities."""
    generator = np.random.default_rng(seed)
    return collate(
        [random_utterance(generator, configuration, modalities) for _ in range(rows)], configuration.widths
    )


def random_rows(configuration: NetworkConfiguration, count: int, seed: int = 0) -> Tensor:
    """What `count` utterances with random modes might leave to their dialogue, [count, row_width]."""
    generator = torch.Generator().manual_seed(seed)
    shown = torch.randn(count, *configuration.usual_shape, generator=generator)
    shown = shown.log_softmax(-1) if configuration.weighs_evidence else shown
    vector, words = torch.randn(2, count, configuration.width, generator=generator)
    modes = torch.rand(count, len(MODES), generator=generator) < 0.7
    return Said(vector, words, shown, modes).row(configuration)


def save_small_bundle(directory: Path, seed: int = 0, **changes: Any) -> str:
    """Writes a bundle of `small_network` without voice and face networks; gives its identifier."""
    network = small_network(seed, **changes)
    widths = network.configuration.widths
    return save_bundle(
        directory,
        {"network": network_part(network, "none: random weights", "nothing")},
        configuration=network.configuration,
        encoders={
            "embedded": {name: EncoderNote(name="random", width=getattr(widths, name)) for name in MODALITIES}
        },
        metrics={"weighted_f1": 0.1},
    )
