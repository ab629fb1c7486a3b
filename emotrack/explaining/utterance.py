"""One utterance as it was tracked, encoded again by the real encoders with words, segments, regions or bodies left out."""

from collections.abc import Collection
from functools import lru_cache

import numpy as np

from emotrack.engines.encoders import Encoders
from emotrack.engines.segments import SegmentRule
from emotrack.explaining.parts import Part
from emotrack.explaining.regions import REGIONS, hide, window
from emotrack.model.configuration import Stream
from emotrack.model.errors import UserError
from emotrack.stream.observing import Conclusion

SEEN = tuple(REGIONS)
TOLERANCE = 0.02
"""Largest difference of two descriptions of the same thing that different machines may account for; descriptors are of order 1."""


class TrackedUtterance:
    """What was kept of an utterance, and the encoders that described it; a `Subject`.

    A word is left out of the text, which is then read again. A segment's descriptor is left out; its sound is also in its
    neighbours, which overlap it, and stays there. A region is blurred in every crop, and the crops described again. A body's
    descriptor is left out.
    """

    def __init__(self, conclusion: Conclusion, encoders: Encoders) -> None:
        self.memory = conclusion.memory
        self._tokens = conclusion.evidence.tokens
        self._crops = conclusion.evidence.crops
        self._context = conclusion.evidence.context
        self._encoders = encoders
        transcript = conclusion.evidence.transcript
        self._words = transcript.text.split() if transcript is not None else []
        # One utterance is explained at a time, and removals repeat the same few words or regions again and again.
        self._read = lru_cache(4096)(self._reading)
        self._look = lru_cache(256)(self._looking)
        self.parts = self._all_parts(conclusion.end - conclusion.start)
        before = self._context.before if "text" in self._tokens else ()
        self.lines = tuple(Part("line", index, line.text) for index, line in enumerate(before))

    def without(self, removed: Collection[Part]) -> dict[Stream, np.ndarray]:
        """Tokens by stream, were `removed` not there; a stream of which nothing is left is absent."""
        gone = {(part.kind, part.index) for part in removed}
        tokens: dict[Stream, np.ndarray] = {}
        for stream, described in self._tokens.items():
            kinds = {part.kind for part in removed if part.stream == stream}
            if not kinds:
                tokens[stream] = described
            elif stream == "text":
                tokens[stream] = self._read(*(frozenset(index for kind, index in gone if kind == of) for of in ("word", "line")))
            elif stream == "face":
                tokens[stream] = self._look(frozenset(SEEN[index] for kind, index in gone if kind == "region"))
            else:
                (kind,) = kinds
                tokens[stream] = described[[(kind, index) not in gone for index in range(len(described))]]
        return {stream: described for stream, described in tokens.items() if len(described)}

    def without_window(self, row: int, column: int) -> dict[Stream, np.ndarray]:
        """Tokens were what is under the heat map's window at one of its places hidden in all face crops."""
        return {**self._tokens, "face": self._describe(window(row, column))}

    @property
    def has_face(self) -> bool:
        return "face" in self._tokens

    def check(self) -> None:
        """Raises `UserError` where an encoder is missing, or describes what was kept otherwise than when it was tracked."""
        encoders = {"text": self._encoders.text, "audio": self._encoders.audio, "face": self._encoders.face}
        if missing := [stream for stream, encoder in encoders.items() if encoder is None and stream in self._tokens]:
            raise UserError(
                f"The {missing[0]} encoder is not there with these settings, but this was tracked with it: "
                "give the same --profile, --config and --set as then."
            )
        again: dict[Stream, np.ndarray] = {}
        if "text" in self._tokens:
            again["text"] = self._read(frozenset(), frozenset())
        if "face" in self._tokens:
            again["face"] = self._describe(np.zeros_like(REGIONS["eyes"]))
        for stream, tokens in again.items():
            kept = self._tokens[stream]
            if kept.shape != tokens.shape or np.abs(kept - tokens).max() > TOLERANCE:
                raise UserError(
                    f"The {stream} encoder of these settings is not the one that this was tracked with: "
                    "give the same --profile, --config and --set as then."
                )

    def _all_parts(self, seconds: float) -> tuple[Part, ...]:
        words = self._words if "text" in self._tokens else []
        bodies = len(self._tokens.get("body", ()))
        return (
            *(Part("word", index, word) for index, word in enumerate(words)),
            *self._segments(seconds),
            *(Part("region", index, name) for index, name in enumerate(SEEN) if self.has_face),
            *(Part("body", index, f"body {index + 1}") for index in range(bodies)),
        )

    def _segments(self, seconds: float) -> list[Part]:
        if "audio" not in self._tokens or self._encoders.audio is None:
            return []
        rule, rate = SegmentRule.of(self._encoders.audio), self._encoders.audio.rate
        parts = []
        for index in range(len(self._tokens["audio"])):
            first, last = rule.span(index)
            span = (first / rate, min(last / rate, seconds))
            parts.append(Part("segment", index, f"{span[0]:.2f}–{span[1]:.2f} s", span))
        return parts

    def _reading(self, words: frozenset[int], lines: frozenset[int]) -> np.ndarray:
        assert self._encoders.text is not None
        said = " ".join(word for index, word in enumerate(self._words) if index not in words)
        before = [line for index, line in enumerate(self._context.before) if index not in lines]
        return self._encoders.text.encode(said, self._context.speaker, before)

    def _looking(self, regions: frozenset[str]) -> np.ndarray:
        if len(regions) == len(REGIONS):
            return np.zeros((0, self._tokens["face"].shape[1]), np.float32)
        return self._describe(np.logical_or.reduce([REGIONS[name] for name in regions]))

    def _describe(self, hidden: np.ndarray) -> np.ndarray:
        assert self._encoders.face is not None and self._crops is not None
        return self._encoders.face.encode(hide(self._crops, hidden))
