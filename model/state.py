"""The context of running dialogues as one typed, readable and replaceable value: S slots, each with room for K
speakers.

A state is never changed in place: each step makes a new one, so that keeping the old one is how to look ahead without
committing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from emotrack.model.configuration import NetworkConfiguration
from emotrack.model.context import Memory
from emotrack.model.errors import UserError


@dataclass(frozen=True)
class ContextState:
    """Every tensor has the slot axis first.

    `dialogue_hidden`, `dialogue_cell` [S, h]; `speaker_hidden`, `speaker_cell` [S, K, h]; the ring of the last W
    utterances, newest last: `ring_vectors` [S, W, d], `ring_speakers` [S, W] long, and the live path's own states
    after each of them `ring_dialogue`, `ring_speaking` [S, W, h]; `count` [S] long, utterances committed since the
    slot began.
    """

    dialogue_hidden: Tensor
    dialogue_cell: Tensor
    speaker_hidden: Tensor
    speaker_cell: Tensor
    ring_vectors: Tensor
    ring_speakers: Tensor
    ring_dialogue: Tensor
    ring_speaking: Tensor
    count: Tensor

    @classmethod
    def initial(
        cls, configuration: NetworkConfiguration, slots: int, speakers: int, device: torch.device | str = "cpu"
    ) -> "ContextState":
        """The state before any utterance."""
        window, width, hidden = configuration.window, configuration.width, configuration.context_hidden

        def zeros(*shape: int) -> Tensor:
            return torch.zeros(slots, *shape, device=device)

        return cls(
            dialogue_hidden=zeros(hidden),
            dialogue_cell=zeros(hidden),
            speaker_hidden=zeros(speakers, hidden),
            speaker_cell=zeros(speakers, hidden),
            ring_vectors=zeros(window, width),
            ring_speakers=zeros(window).long(),
            ring_dialogue=zeros(window, hidden),
            ring_speaking=zeros(window, hidden),
            count=zeros().long(),
        )

    @property
    def slots(self) -> int:
        """S."""
        return self.count.shape[0]

    @property
    def speakers(self) -> int:
        """K."""
        return self.speaker_hidden.shape[1]

    @property
    def memory(self) -> Memory:
        """The recurrent part."""
        return Memory(self.dialogue_hidden, self.dialogue_cell, self.speaker_hidden, self.speaker_cell)

    @property
    def ring_valid(self) -> Tensor:
        """Which ring positions hold an utterance, [S, W] bool."""
        window = self.ring_speakers.shape[1]
        age = torch.arange(window - 1, -1, -1, device=self.count.device)
        return age < self.count[:, None]

    def commit(self, memory: Memory, vector: Tensor, speaker: Tensor, speaking: Tensor, active: Tensor) -> "ContextState":
        """Takes one utterance per slot into the ring, with the states it led to; slots not `active` [S] stay as they are."""

        def push(ring: Tensor, newest: Tensor) -> Tensor:
            return torch.cat([ring[:, 1:], newest[:, None].to(ring.dtype)], 1)

        after = ContextState(
            dialogue_hidden=memory.dialogue_hidden,
            dialogue_cell=memory.dialogue_cell,
            speaker_hidden=memory.speaker_hidden,
            speaker_cell=memory.speaker_cell,
            ring_vectors=push(self.ring_vectors, vector),
            ring_speakers=push(self.ring_speakers, speaker),
            ring_dialogue=push(self.ring_dialogue, memory.dialogue_hidden),
            ring_speaking=push(self.ring_speaking, speaking),
            count=self.count + 1,
        )
        return self._where(~active, after)

    def reset(self, mask: Tensor) -> "ContextState":
        """The state with the slots in `mask` [S] bool set back to the beginning."""
        blank = ContextState(**{name: torch.zeros_like(tensor) for name, tensor in self.to_tensors().items()})
        return self._where(~mask, blank)

    def reset_speakers(self, mask: Tensor) -> "ContextState":
        """The state with the speakers in `mask` [S, K] bool forgotten."""
        return replace(
            self,
            speaker_hidden=torch.where(mask[..., None], 0.0, self.speaker_hidden),
            speaker_cell=torch.where(mask[..., None], 0.0, self.speaker_cell),
        )

    def slot(self, index: int) -> "ContextState":
        """One slot as a state of its own."""
        return ContextState(**{name: tensor[index : index + 1].clone() for name, tensor in self.to_tensors().items()})

    def with_slot(self, index: int, state: "ContextState") -> "ContextState":
        """The state with one slot replaced by a one-slot state."""
        tensors, others = self.to_tensors(), state.to_tensors()
        return ContextState(
            **{name: torch.cat([tensors[name][:index], others[name], tensors[name][index + 1 :]]) for name in tensors}
        )

    def to(self, device: torch.device | str) -> "ContextState":
        """The state on another device."""
        return ContextState(**{name: tensor.to(device) for name, tensor in self.to_tensors().items()})

    def to_tensors(self) -> dict[str, Tensor]:
        """The state as a flat dict, by field name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, Tensor], configuration: NetworkConfiguration, slots: int, speakers: int
    ) -> "ContextState":
        """The state from `to_tensors`. Raises `UserError` at a missing, an unknown or a wrongly shaped tensor."""
        expected = cls.initial(configuration, slots, speakers).to_tensors()
        missing, unknown = expected.keys() - tensors.keys(), tensors.keys() - expected.keys()
        for problem, names in (("lacks", missing), ("has an unknown", unknown)):
            if names:
                raise UserError(f"The saved dialogue state {problem} tensor {min(names)!r}: save it again with this version.")
        for name, wanted in expected.items():
            given = tensors[name]
            if given.shape != wanted.shape or given.dtype != wanted.dtype:
                raise UserError(
                    f"The saved dialogue state has {name!r} as {given.dtype} {list(given.shape)} "
                    f"where this network needs {wanted.dtype} {list(wanted.shape)}: "
                    "restore it with the bundle it was saved with."
                )
        seats = tensors["ring_speakers"]
        if bool(((seats < 0) | (seats >= speakers)).any() | (tensors["count"] < 0).any()):
            raise UserError("The saved dialogue state names a speaker or a count out of range: start a new session.")
        return cls(**{name: tensors[name].clone() for name in expected})

    def _where(self, keep: Tensor, other: "ContextState") -> "ContextState":
        """This state in the slots of `keep` [S] bool, `other` elsewhere."""
        others = other.to_tensors()
        return ContextState(
            **{
                name: torch.where(keep.reshape(-1, *[1] * (tensor.ndim - 1)), tensor, others[name])
                for name, tensor in self.to_tensors().items()
            }
        )
