"""Voice activity: Silero's network (MIT; weights in the package silero-vad), one session for all streams.

The network hears 512 samples at 16 kHz after the last 64 of the window before; that context and its recurrent
state belong to each stream. The file is read without importing silero_vad, which would import torch.
"""

import importlib.util
from pathlib import Path

import numpy as np
import onnxruntime

from emotrack.errors import UserError, first_line
from emotrack.streaming import StreamingAttributes

WINDOW_SAMPLES = 512
CONTEXT_SAMPLES = 64
STATE_SHAPE = (2, 1, 128)
RATE = np.array(16_000, np.int64)


class SileroVad:
    """The network; `stream()` opens the listening state of one feed. Safe to use from several threads."""

    def __init__(self, network: Path | None = None) -> None:
        """`network`: its file, that in the package silero-vad unless given; raises `UserError` where it
        cannot be read."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        path = network or packaged_network()
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            # The runtime raises its own kinds over a file that it cannot read.
            raise UserError(
                f"The speech detector {path} cannot be read ({first_line(error)}): name Silero's file."
            ) from error

    def stream(self) -> "VadStream":
        """A new stream that has heard nothing yet."""
        return VadStream(self._session)


class VadStream(StreamingAttributes):
    """The listening state of one feed; one thread at a time."""

    STATE = ("state", "context")
    WHOSE = "voice activity"

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self.reset()

    def reset(self) -> None:
        """Forget what was heard: after a discontinuity of the audio."""
        self._state = np.zeros(STATE_SHAPE, np.float32)
        self._context = np.zeros(CONTEXT_SAMPLES, np.float32)

    def probability(self, block_16k: np.ndarray) -> float:
        """Probability that somebody speaks in the next block, float32 [512] at 16 kHz."""
        if block_16k.shape != (WINDOW_SAMPLES,):
            raise ValueError(f"a block is {WINDOW_SAMPLES} samples, not {block_16k.shape}")
        heard = np.concatenate([self._context, block_16k])
        output, self._state = self._session.run(
            None, {"input": heard[None], "state": self._state, "sr": RATE}
        )
        self._context = block_16k[-CONTEXT_SAMPLES:]
        return float(output[0, 0])


def packaged_network() -> Path:
    """The file in the package silero-vad; raises `UserError` where that is not installed."""
    package = importlib.util.find_spec("silero_vad")
    if package is None or not package.submodule_search_locations:
        raise UserError(
            "The speech detector silero-vad is not installed; pip install 'emotrack[track]' installs it."
        )
    return Path(package.submodule_search_locations[0]) / "data" / "silero_vad.onnx"
