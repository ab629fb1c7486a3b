"""The voice network's mel filters, which are kept as a constant."""

import safetensors.torch
import torch
import torchaudio

from emotrack.model.formats import MEL_FILTERS, VOICE_RATE


def test_the_filters_kept_are_those_that_the_weights_learnt_on() -> None:
    made = torchaudio.functional.melscale_fbanks(257, 50.0, 7600.0, 64, VOICE_RATE)
    assert torch.equal(safetensors.torch.load_file(MEL_FILTERS)["filters"], made.T)
