"""Describes an utterance's audio while it is spoken: each segment is encoded once, as soon as it is
complete."""

import numpy as np

from emotrack.engines.encoders.sound.segments import AudioEncoder, SegmentRule
from emotrack.stream.hearing.audio import AudioBlock
from emotrack.stream.sources.media import AUDIO_RATE
from emotrack.streaming import StreamingAttributes


class AudioDescription(StreamingAttributes):
    """The audio descriptors of one utterance, growing with it."""

    STATE = ("samples", "described")
    WHOSE = "sound"

    def __init__(self, encoder: AudioEncoder) -> None:
        self._encoder = encoder
        self._rule = SegmentRule.of(encoder)
        self.reset()

    def reset(self) -> None:
        """Forget the utterance."""
        self._samples = np.zeros(0, np.float32)
        self._described: list[np.ndarray] = []
        self._failure: Exception | None = None

    def extend(self, block: AudioBlock) -> None:
        """Append a block and describe what has become complete with it."""
        samples = block.samples_32k if self._encoder.rate == AUDIO_RATE else block.samples_16k
        self._samples = np.concatenate([self._samples, samples])
        for index in range(len(self._described), self._rule.complete(len(self._samples))):
            start, end = self._rule.span(index)
            try:
                self._described.append(self._encoder.encode(self._samples[None, start:end])[0])
            except Exception as failure:  # noqa: BLE001 - raised where the description is asked for
                self._failure = failure
                return

    def keep(self, seconds: float) -> None:
        """Forget what comes after the first `seconds`."""
        self._samples = self._samples[: round(seconds * self._encoder.rate)]
        del self._described[self._rule.complete(len(self._samples)) :]

    def so_far(self) -> np.ndarray:
        """Descriptors of the complete segments, or of what there is while none is: float32 [k, dim].

        Raises what the encoder failed with, at any of them."""
        self._raise_failure()
        return np.stack(self._described) if self._described else self.finished()

    def finished(self) -> np.ndarray:
        """Descriptors of all segments with the padded tail, were the utterance to end here: float32 [k,
        dim].

        Raises what the encoder failed with, at any of them."""
        self._raise_failure()
        tail = self._rule.tail(self._samples)
        ending = self._encoder.encode(tail) if len(tail) else tail
        if len(ending) != len(tail):
            raise ValueError(f"the encoder described {len(ending)} of {len(tail)} segments")
        described = [*self._described, *ending]
        return np.stack(described) if described else np.zeros((0, self._encoder.dim), np.float32)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure
