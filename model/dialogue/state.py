"""The context of a running dialogue as one typed, readable and replaceable value, with room for K
speakers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from emotrack.errors import UserError
from emotrack.modalities import MODALITIES, MODALITY_MODES, MODES, Modality
from emotrack.model.configuration import NetworkConfiguration

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class SpeakerMemory:
    """All that the next live label of one speaker depends on: the recurrent states of the dialogue and of the
    speaker, each [h], and what the speaker has shown so far, `usual` [k, n] on average over `usual_count` [k]
    utterances (see `usual_shape`)."""

    dialogue_hidden: Floats
    dialogue_cell: Floats
    speaker_hidden: Floats
    speaker_cell: Floats
    usual: Floats
    usual_count: Floats

    @classmethod
    def blank(cls, configuration: NetworkConfiguration) -> "SpeakerMemory":
        """Before the first utterance."""
        nothing = np.zeros(configuration.context_hidden, np.float32)
        shown, numbers = configuration.usual_shape
        return cls(
            nothing,
            nothing,
            nothing,
            nothing,
            np.zeros((shown, numbers), np.float32),
            np.zeros(shown, np.float32),
        )


@dataclass(frozen=True)
class LabelLogits:
    """Logits [C] of an utterance; `evidence` [C], the part of them that voice and vision gave; and
    `contributions` [3, C], what each mode gave; `row` [row_width] as it is remembered (see
    `emotrack.model.network.Labelled`)."""

    logits: Floats
    evidence: Floats
    contributions: Floats
    row: Floats


@dataclass(frozen=True)
class ContextState:
    """`dialogue_hidden`, `dialogue_cell` [h]; `speaker_hidden`, `speaker_cell` [K, h]; what speakers usually
    show, `speaker_usual` [K, k, n] and `speaker_usual_count` [K, k]; the ring of the last W utterances,
    newest last: `ring_rows` [W, row_width], `ring_speakers` int64 [W], the live path's own states that each
    of them met, `ring_dialogue`, `ring_speaking` [W, h], and the evidence in its label, `ring_evidence` [W,
    C]; `count` int64 [], utterances committed since the beginning.
    """

    dialogue_hidden: Floats
    dialogue_cell: Floats
    speaker_hidden: Floats
    speaker_cell: Floats
    speaker_usual: Floats
    speaker_usual_count: Floats
    ring_rows: Floats
    ring_speakers: NDArray[np.int64]
    ring_dialogue: Floats
    ring_speaking: Floats
    ring_evidence: Floats
    count: NDArray[np.int64]

    @classmethod
    def initial(cls, configuration: NetworkConfiguration, speakers: int) -> "ContextState":
        """The state before any utterance."""
        window, hidden = configuration.window, configuration.context_hidden
        shown, numbers = configuration.usual_shape

        def zeros(*shape: int) -> Floats:
            return np.zeros(shape, np.float32)

        return cls(
            dialogue_hidden=zeros(hidden),
            dialogue_cell=zeros(hidden),
            speaker_hidden=zeros(speakers, hidden),
            speaker_cell=zeros(speakers, hidden),
            speaker_usual=zeros(speakers, shown, numbers),
            speaker_usual_count=zeros(speakers, shown),
            ring_rows=zeros(window, configuration.row_width),
            ring_speakers=np.zeros(window, np.int64),
            ring_dialogue=zeros(window, hidden),
            ring_speaking=zeros(window, hidden),
            ring_evidence=zeros(window, len(configuration.classes)),
            count=np.zeros((), np.int64),
        )

    @property
    def ring_valid(self) -> NDArray[np.bool_]:
        """Which ring positions hold an utterance, [W] bool."""
        return np.arange(len(self.ring_speakers) - 1, -1, -1) < self.count

    def memory(self, speaker: int) -> SpeakerMemory:
        """What the label of an utterance by this speaker depends on."""
        return SpeakerMemory(
            self.dialogue_hidden,
            self.dialogue_cell,
            self.speaker_hidden[speaker],
            self.speaker_cell[speaker],
            self.speaker_usual[speaker],
            self.speaker_usual_count[speaker],
        )

    def commit(self, speaker: int, label: LabelLogits, after: SpeakerMemory) -> "ContextState":
        """Takes one utterance with its live `label` into the ring, and remembers what is so `after` it."""
        return replace(
            self.with_speaker(speaker, after),
            dialogue_hidden=after.dialogue_hidden,
            dialogue_cell=after.dialogue_cell,
            ring_rows=_pushed(self.ring_rows, label.row),
            ring_speakers=_pushed(self.ring_speakers, np.int64(speaker)),
            ring_dialogue=_pushed(self.ring_dialogue, self.dialogue_hidden),
            ring_speaking=_pushed(self.ring_speaking, self.speaker_hidden[speaker]),
            ring_evidence=_pushed(self.ring_evidence, label.evidence),
            count=np.asarray(self.count + 1),
        )

    def without_speaker(self, speaker: int, configuration: NetworkConfiguration) -> "ContextState":
        """The state with one speaker forgotten."""
        return self.with_speaker(speaker, SpeakerMemory.blank(configuration))

    def with_speaker(self, speaker: int, memory: SpeakerMemory) -> "ContextState":
        """The state with what is remembered of one speaker."""
        return replace(
            self,
            speaker_hidden=_with_row(self.speaker_hidden, speaker, memory.speaker_hidden),
            speaker_cell=_with_row(self.speaker_cell, speaker, memory.speaker_cell),
            speaker_usual=_with_row(self.speaker_usual, speaker, memory.usual),
            speaker_usual_count=_with_row(self.speaker_usual_count, speaker, memory.usual_count),
        )

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The state as a flat dict, by field name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, np.ndarray], configuration: NetworkConfiguration, speakers: int
    ) -> "ContextState":
        """The state from `to_arrays`. Raises `UserError` at a missing, an unknown or a wrongly shaped
        array."""
        expected = cls.initial(configuration, speakers).to_arrays()
        missing, unknown = expected.keys() - arrays.keys(), arrays.keys() - expected.keys()
        for problem, names in (("lacks", missing), ("has an unknown", unknown)):
            if names:
                raise UserError(
                    f"The saved dialogue state {problem} array {min(names)!r}: save it again with this "
                    "version."
                )
        for name, wanted in expected.items():
            given = arrays[name]
            if given.shape != wanted.shape or given.dtype != wanted.dtype:
                raise UserError(
                    f"The saved dialogue state has {name!r} as {given.dtype} {list(given.shape)} where "
                    f"this network needs {wanted.dtype} {list(wanted.shape)}: restore it with the bundle "
                    "it was saved with."
                )
            if not np.isfinite(given).all():
                raise UserError(
                    f"The saved dialogue state has a value that is not finite in {name!r}: start a new "
                    "session."
                )
        seats = arrays["ring_speakers"]
        if ((seats < 0) | (seats >= speakers)).any() or arrays["count"] < 0:
            raise UserError(
                "The saved dialogue state names a speaker or a count out of range: start a new session."
            )
        return cls(**{name: arrays[name].copy() for name in expected})


def _pushed(ring: np.ndarray, newest: np.ndarray | np.int64) -> np.ndarray:
    return np.concatenate([ring[1:], np.asarray(newest, ring.dtype)[None]])


def _with_row(rows: np.ndarray, index: int, row: np.ndarray) -> np.ndarray:
    changed: np.ndarray = rows.copy()
    changed[index] = row
    return changed


def influences(logits: Floats, contributions: Floats) -> NDArray[np.float64]:
    """By how much (nats, absolute) the odds of the most probable label change when each mode is left out,
    [3].

    `logits` [C] would be less by `contributions` [3, C] without each of the modes.
    """
    whole = logits.astype(np.float64)
    named = int(whole.argmax())
    return np.abs(_log_odds(whole, named) - _log_odds(whole - contributions.astype(np.float64), named))


def modality_weights(influence: Sequence[float], tokens: Mapping[Modality, int]) -> dict[Modality, float]:
    """Each modality's share in all that its modes did, summing to 1 (to 0 without any modality); an absent
    modality has none.

    `influence` [3]: of each mode; `tokens`: how many each present modality has. Face and body share the
    weight of vision by them.
    """
    together = {
        mode: sum(count for modality, count in tokens.items() if MODALITY_MODES[modality] == mode)
        for mode in MODES
    }
    parts = {mode: part for mode, part in zip(MODES, influence, strict=True) if together[mode]}
    if not sum(parts.values()):  # nothing that is present says anything: what there is counts alike
        parts = dict.fromkeys(parts, 1.0)
    whole = sum(parts.values())
    return {
        modality: parts[MODALITY_MODES[modality]]
        / whole
        * tokens[modality]
        / together[MODALITY_MODES[modality]]
        if tokens.get(modality)
        else 0.0
        for modality in MODALITIES
    }


def _log_odds(logits: NDArray[np.float64], named: int) -> NDArray[np.float64]:
    """Of one class against all others, [..., C] to [...]."""
    others = np.delete(logits, named, -1)
    largest = others.max(-1, keepdims=True)
    return np.asarray(logits[..., named] - largest[..., 0] - np.log(np.exp(others - largest).sum(-1)))
