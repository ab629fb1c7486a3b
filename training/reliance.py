"""Where the joint embedding stands in for missing modes, and where it does not: dev decides, for each set of modes present."""

import torch

from emotrack.model.configuration import MODES, STREAM_MODES
from emotrack.model.joint_embedding import PAIRS
from emotrack.model.network import EmotionNetwork
from emotrack.training.evaluation import DialogueSet, score


@torch.no_grad()
def choose_reliance(network: EmotionNetwork, dev: DialogueSet) -> None:
    """Set ρ to 0 for every set of present modes with which the live labels of `dev` are no better by JE than by fusion alone.

    This is of JE as the paper has it; how much is made of what a speaker showed before, where JE remembers, is learnt alone.
    """
    trained = network.configuration.trained
    for present in sorted({subset for _, subset in PAIRS}):
        streams = [stream for stream in trained if present >> MODES.index(STREAM_MODES[stream]) & 1]
        if not streams or score(network, dev, streams, absent="joint") > score(network, dev, streams, absent="masked"):
            continue
        for place, (_, subset) in enumerate(PAIRS):
            if subset == present:
                network.joint.raw_reliance[place] = 0.0
