"""The utterances to be explained: tracked now or read from a recording, and encoded again with parts of them
left out."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from emotrack.engines.encoders.sound.segments import SegmentRule
from emotrack.engines.open import Encoders, open_encoders
from emotrack.engines.running.pool import EnginePool
from emotrack.errors import UserError
from emotrack.explaining.evidence import evidence_of, unpacked
from emotrack.explaining.parts import REGIONS, UtterancePart, hide, window
from emotrack.modalities import Modality
from emotrack.model.bundle import Bundle, load_bundle
from emotrack.notify import Notify
from emotrack.settings import Settings
from emotrack.stream.labels.evidence import LabelledUtterance
from emotrack.stream.sources.open import open_source
from emotrack.stream.sources.timing.timeline import END_OF_FILE
from emotrack.stream.wire.protocol.messages import Feed
from emotrack.stream.wire.publish.sinks import Outgoing
from emotrack.stream.wire.recordings.reading import SUFFIXES
from emotrack.tracking.tracker import Tracker

SEEN = tuple(REGIONS)
TOLERANCE = 0.02
"""Largest difference of two descriptions of the same thing that different machines may account for;
descriptors are of order 1."""


class TrackedUtterance:
    """What was kept of an utterance, and the encoders that described it; a `Subject`.

    A word is left out of the text, which is then read again. A segment's descriptor is left out; its sound is
    also in its neighbours, which overlap it, and stays there. A region is blurred in every crop, and the
    crops described again. A body's descriptor is left out.
    """

    def __init__(self, labelled: LabelledUtterance, encoders: Encoders) -> None:
        self.memory = labelled.memory
        self._tokens = labelled.evidence.tokens
        self._crops = labelled.evidence.crops
        self._context = labelled.evidence.context
        self._encoders = encoders
        transcript = labelled.evidence.transcript
        self._words = transcript.text.split() if transcript is not None else []
        # One utterance is explained at a time, and removals repeat the same few words or regions again and
        # again.
        self._read = lru_cache(4096)(self._reading)
        self._look = lru_cache(256)(self._looking)
        self.parts = self._all_parts(labelled.end - labelled.start)
        before = self._context.before if "text" in self._tokens else ()
        self.lines = tuple(UtterancePart("line", index, line.text) for index, line in enumerate(before))

    def without(self, removed: Collection[UtterancePart]) -> dict[Modality, np.ndarray]:
        """Tokens by modality, were `removed` not there; a modality of which nothing is left is absent."""
        gone = {(part.kind, part.index) for part in removed}
        tokens: dict[Modality, np.ndarray] = {}
        for modality, described in self._tokens.items():
            kinds = {part.kind for part in removed if part.modality == modality}
            if not kinds:
                tokens[modality] = described
            elif modality == "text":
                tokens[modality] = self._read(
                    *(frozenset(index for kind, index in gone if kind == of) for of in ("word", "line"))
                )
            elif modality == "face":
                tokens[modality] = self._look(
                    frozenset(SEEN[index] for kind, index in gone if kind == "region")
                )
            else:
                (kind,) = kinds
                tokens[modality] = described[[(kind, index) not in gone for index in range(len(described))]]
        return {modality: described for modality, described in tokens.items() if len(described)}

    def without_window(self, row: int, column: int) -> dict[Modality, np.ndarray]:
        """Tokens were what is under the heat map's window at one of its places hidden in all face crops."""
        return {**self._tokens, "face": self._describe(window(row, column))}

    @property
    def has_face(self) -> bool:
        """Whether there is a face to hide regions of."""
        return "face" in self._tokens

    def check(self) -> None:
        """Raises `UserError` where an encoder is missing, or describes what was kept otherwise than when it
        was tracked."""
        encoders = {"text": self._encoders.text, "audio": self._encoders.audio, "face": self._encoders.face}
        if missing := [
            modality for modality, encoder in encoders.items() if encoder is None and modality in self._tokens
        ]:
            raise UserError(
                f"The {missing[0]} encoder is not there with these settings, but this was tracked with it: "
                "give the same --profile, --config and --set as then."
            )
        again: dict[Modality, np.ndarray] = {}
        if "text" in self._tokens:
            again["text"] = self._read(frozenset(), frozenset())
        if "face" in self._tokens:
            again["face"] = self._describe(np.zeros_like(REGIONS["eyes"]))
        for modality, tokens in again.items():
            kept = self._tokens[modality]
            if kept.shape != tokens.shape or np.abs(kept - tokens).max() > TOLERANCE:
                raise UserError(
                    f"The {modality} encoder of these settings is not the one that this was tracked with: "
                    "give the same --profile, --config and --set as then."
                )

    def _all_parts(self, seconds: float) -> tuple[UtterancePart, ...]:
        words = self._words if "text" in self._tokens else []
        bodies = len(self._tokens.get("body", ()))
        return (
            *(UtterancePart("word", index, word) for index, word in enumerate(words)),
            *self._segments(seconds),
            *(UtterancePart("region", index, name) for index, name in enumerate(SEEN) if self.has_face),
            *(UtterancePart("body", index, f"body {index + 1}") for index in range(bodies)),
        )

    def _segments(self, seconds: float) -> list[UtterancePart]:
        if "audio" not in self._tokens or self._encoders.audio is None:
            return []
        rule, rate = SegmentRule.of(self._encoders.audio), self._encoders.audio.rate
        parts = []
        for index in range(len(self._tokens["audio"])):
            first, last = rule.span(index)
            span = (first / rate, min(last / rate, seconds))
            parts.append(UtterancePart("segment", index, f"{span[0]:.2f}–{span[1]:.2f} s", span))
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


@dataclass(frozen=True, slots=True)
class UtterancesToExplain:
    """Final labels with their evidence, in the order of their utterances, and what they are to be explained
    with."""

    labelled: Iterable[LabelledUtterance]
    bundle: Bundle
    encoders: Encoders


def read_utterances(
    source: str, settings: Settings, utterance: int | None, notify: Notify
) -> UtterancesToExplain:
    """What is to be explained of `source`: every final label, or the one asked for.

    Raises `UserError` where there is no such utterance, none at all, or no evidence.
    """
    recorded = Path(source).is_dir() or source.endswith(SUFFIXES)
    return (_from_recording if recorded else _from_file)(source, settings, utterance, notify)


def _from_recording(
    source: str, settings: Settings, utterance: int | None, notify: Notify
) -> UtterancesToExplain:
    recording = Path(source)
    if not recording.exists():
        raise UserError(f"There is no recording {recording}.")
    kept = evidence_of(recording)
    labelled = (unpacked(kept[number]) for number in _chosen(sorted(kept), utterance, str(recording)))
    bundle = load_bundle(settings.bundle, settings.makers, notify)
    return UtterancesToExplain(
        labelled,
        bundle,
        open_encoders(EnginePool(settings.engines, notify), settings.engines, bundle, notify),
    )


def _from_file(source: str, settings: Settings, utterance: int | None, notify: Notify) -> UtterancesToExplain:
    """The file tracked as fast as possible, as `emotrack run --fast` does it; no further than the utterance
    asked for."""
    opened = open_source(source, settings=settings.stream.sources)
    if opened.live:
        raise UserError(
            f"{source} is live: `emotrack run {source} --record DIR --keep-evidence`, then explain DIR."
        )
    found: dict[int, LabelledUtterance] = {}

    def observe(labelled: LabelledUtterance) -> None:
        found[labelled.utterance] = labelled
        if labelled.utterance == utterance:
            tracker.stop()

    notify(f"tracking {source} …")
    tracker = Tracker(
        [opened], settings, realtime=False, observe=observe, sinks=[Troubles(notify)], notify=notify
    )
    tracker.run()
    labelled = [found[number] for number in _chosen(sorted(found), utterance, source)]
    return UtterancesToExplain(labelled, tracker.bundle, tracker.encoders)


class Troubles:
    """A sink that says why a medium ended where it should not: the labels of a file that is cut off are not
    those of the whole."""

    def __init__(self, notify: Notify) -> None:
        self._notify = notify
        self._begun: set[str | None] = {None}

    def write(self, outgoing: Outgoing) -> None:
        """Say one message, if it is of that kind."""
        message = outgoing.message
        if not isinstance(message, Feed):
            return
        if message.state == "up":
            self._begun.add(message.medium)
        elif message.state == "down" and message.medium in self._begun and message.reason != END_OF_FILE:
            self._notify(f"{message.medium or 'all'} of it ends early: {message.reason}.")

    def close(self) -> None:
        """Nothing is open."""


def _chosen(numbers: Sequence[int], utterance: int | None, where: str) -> Sequence[int]:
    if not numbers:
        raise UserError(f"There is no utterance in {where}: nobody was heard speaking in it.")
    if utterance is None:
        return numbers
    if utterance not in numbers:
        raise UserError(f"There is no utterance {utterance} in {where}; there are {_ranges(numbers)}.")
    return [utterance]


def _ranges(numbers: Sequence[int]) -> str:
    """`1–4, 6` for 1, 2, 3, 4, 6."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)
