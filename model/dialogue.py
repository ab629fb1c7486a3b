"""One running dialogue: what a live session holds of the network's context, by speaker names and utterance names.

It looks ahead without committing (partial labels), commits once per utterance (final labels), revises earlier
utterances and mends the context when two speakers turn out to be one. Not thread-safe: one owner.
"""

from collections import OrderedDict, deque
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emotrack.model.context import Memory
from emotrack.model.network import EmotionNetwork
from emotrack.model.saved_dialogue import Heard, SavedDialogue
from emotrack.model.state import ContextState

Probabilities = NDArray[np.float64]
"""[C], in the order of the configuration's classes, summing to 1."""

SEATS = 32
"""Speakers whose state is kept; beyond it the least recently heard one is forgotten."""

HISTORY = 256
"""Utterance vectors kept for replay when speakers are merged."""


class Dialogue:
    """The context of one session. Deterministic: the same utterances give the same labels."""

    def __init__(self, network: EmotionNetwork) -> None:
        """`network` must be in evaluation mode; it is shared, never changed."""
        if network.training:
            raise ValueError("a dialogue needs the network in evaluation mode")
        self._network = network
        window = network.configuration.window
        # With at least W seats, a speaker who loses one has left the reviser's window: nobody inherits utterances.
        self._seats = max(SEATS, window)
        self._taken: OrderedDict[str, int] = OrderedDict()  # least recently heard first
        self._history: deque[Heard] = deque(maxlen=max(HISTORY, window))
        with torch.inference_mode():
            self._state = network.initial_state(1, self._seats)

    @property
    def state(self) -> ContextState:
        """The context now, one slot."""
        return self._state

    @property
    def speakers(self) -> tuple[str, ...]:
        """The speakers whose state is kept, least recently heard first."""
        return tuple(self._taken)

    @torch.inference_mode()
    def memory(self, speaker: str) -> Memory:
        """All of the context that the live label of an utterance by `speaker` would depend on now: one dialogue, one speaker."""
        state, seat = self._seated(speaker)
        hidden, cell = state.speaker_hidden[:, seat : seat + 1].clone(), state.speaker_cell[:, seat : seat + 1].clone()
        return Memory(state.dialogue_hidden.clone(), state.dialogue_cell.clone(), hidden, cell)

    @torch.inference_mode()
    def preview(self, vector: Tensor, speaker: str) -> Probabilities:
        """The label that an utterance with fused vector A(u) [d] would get now; commits nothing."""
        return self._step(vector, speaker)[0]

    @torch.inference_mode()
    def commit(self, utterance: str, vector: Tensor, speaker: str) -> Probabilities:
        """Takes a finished utterance into the context, once, and gives its live label."""
        probabilities, self._state, seat = self._step(vector, speaker)
        if speaker not in self._taken and len(self._taken) == self._seats:
            self._taken.popitem(last=False)
        self._taken[speaker] = seat
        self._taken.move_to_end(speaker)
        self._history.append(Heard(utterance, speaker, vector.to(self._state.count.device, copy=True)))
        return probabilities

    @torch.inference_mode()
    def revised(self) -> list[tuple[str, Probabilities]]:
        """New labels of up to R utterances before the last one, oldest first."""
        newest = max(0, len(self._history) - 1)
        earlier = list(self._history)[max(0, newest - self._network.configuration.revisions) : newest]
        logits, _ = self._network.revise(self._state)
        labels = self._network.probabilities(logits[0]).cpu().numpy()[:-1]
        return [(heard.utterance, labels[index - len(earlier)]) for index, heard in enumerate(earlier)]

    @torch.inference_mode()
    def merge(self, old: str, into: str) -> None:
        """Makes `old` and `into` one speaker, as if each utterance of `old` had been said by `into`.

        Replays the merged speaker's stored vectors; exact while all of them are among those stored.
        """
        if old == into:
            return
        renamed = (replace(heard, speaker=into) if heard.speaker == old else heard for heard in self._history)
        self._history = deque(renamed, self._history.maxlen)
        seated = [name for name in self._taken if name in (old, into)]
        if not seated:
            return
        # The seat of the one heard later is kept, and with it that one's place in the order of hearing.
        kept, left = self._taken[seated[-1]], self._taken[seated[0]]
        self._taken = OrderedDict(
            (into if name == seated[-1] else name, seat)
            for name, seat in self._taken.items()
            if name == seated[-1] or name not in seated
        )
        self._replay(into, kept, left)

    def save(self) -> SavedDialogue:
        """Everything needed to continue identically."""
        return SavedDialogue.of(self._state, self._taken, self._history)

    @classmethod
    def restore(cls, network: EmotionNetwork, saved: SavedDialogue) -> "Dialogue":
        """The dialogue as it was saved. Raises `UserError` where it does not go with this network or version."""
        dialogue = cls(network)
        state, dialogue._taken, history = saved.unpack(network.configuration, dialogue._seats)
        device = dialogue._state.count.device
        dialogue._state = state.to(device)
        dialogue._history.extend(replace(heard, vector=heard.vector.to(device)) for heard in history)
        return dialogue

    def _step(self, vector: Tensor, speaker: str) -> tuple[Probabilities, ContextState, int]:
        state, seat = self._seated(speaker)
        device = state.count.device
        active = torch.ones(1, dtype=torch.bool, device=device)
        logits, after = self._network.step(vector[None].to(device), torch.tensor([seat], device=device), active, state)
        return self._network.probabilities(logits)[0].cpu().numpy(), after, seat

    def _seated(self, speaker: str) -> tuple[ContextState, int]:
        """The speaker's seat, and the state with that seat empty where the speaker has just taken it."""
        if speaker in self._taken:
            return self._state, self._taken[speaker]
        free = set(range(self._seats)) - set(self._taken.values())
        seat = min(free) if free else next(iter(self._taken.values()))
        mask = torch.arange(self._seats, device=self._state.count.device)[None] == seat
        return self._state.reset_speakers(mask), seat

    def _replay(self, speaker: str, seat: int, left: int) -> None:
        """Replays one speaker's stored vectors into its seat and the ring, where the seat `left` gives way to it."""
        said = [(index, heard.vector) for index, heard in enumerate(self._history) if heard.speaker == speaker]
        if not said:
            return
        state = self._state
        hidden, cell = self._network.context.replay(torch.stack([vector for _, vector in said]))
        speaker_hidden, speaker_cell = state.speaker_hidden.clone(), state.speaker_cell.clone()
        speaker_hidden[0, seat], speaker_cell[0, seat] = hidden[-1], cell
        ring_speaking = state.ring_speaking.clone()
        oldest = len(self._history) - ring_speaking.shape[1]
        for (index, _), after in zip(said, hidden, strict=True):
            if index >= oldest:
                ring_speaking[0, index - oldest] = after
        self._state = replace(
            state,
            speaker_hidden=speaker_hidden,
            speaker_cell=speaker_cell,
            ring_speaking=ring_speaking,
            ring_speakers=torch.where(state.ring_speakers == left, seat, state.ring_speakers),
        )
