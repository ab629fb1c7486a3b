"""One running dialogue: what a live session holds of the network's context, by speaker names and utterance
names.

It looks ahead without committing (partial labels), commits once per utterance (final labels), revises earlier
utterances, and mends the context when two speakers turn out to be one or more comes to be known of an
utterance. Not thread-safe: one owner.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from emotrack.modalities import MODES
from emotrack.model.configuration import NetworkConfiguration
from emotrack.model.dialogue.saved import DialogueEvent, DialogueTurn, Merge, SavedDialogue
from emotrack.model.dialogue.state import ContextState, Floats, LabelLogits, SpeakerMemory, influences
from emotrack.streaming import State

Probabilities = NDArray[np.float64]
"""[C], in the order of the configuration's classes, summing to 1."""


class ContextNetwork(Protocol):
    """The part of the network that follows a dialogue, however it is run; many dialogues may share one."""

    configuration: NetworkConfiguration

    def step(self, row: Floats, memory: SpeakerMemory) -> tuple[LabelLogits, SpeakerMemory]:
        """Live label of an utterance with this row [row_width], and the memory of its speaker after it."""
        ...

    def revise(self, state: ContextState) -> Floats:
        """Revised logits of the last W utterances, newest last, [W, C]; without meaning where there is
        none."""
        ...


@dataclass(frozen=True)
class LiveLabel:
    """What an utterance is labelled."""

    probabilities: Probabilities
    influences: NDArray[np.float64]
    """By how much the log-odds of the most probable label would change without each mode, [3]; 0 where it is
    read from A(u)."""
    usual: Floats
    """From how many utterances what is usual for the speaker was known, [k] (see `SpeakerMemory`)."""


SEATS = 32
"""Speakers whose state is kept; beyond it the least recently heard one is forgotten."""

NO_NUMBER = "the dialogue's network gave what is no number"
"""What is said of a network that has lost its senses: nothing of it is taken."""

HISTORY = 256
"""Utterance rows kept for replay when speakers are merged."""


@dataclass(frozen=True)
class _Step:
    """One event of a dialogue, and all that the dialogue was before it."""

    event: DialogueEvent
    state: ContextState
    taken: "OrderedDict[str, int]"
    history: tuple[DialogueTurn, ...]


class Dialogue:
    """The context of one session. Deterministic: the same utterances give the same labels."""

    def __init__(self, network: ContextNetwork) -> None:
        self._network = network
        window = network.configuration.window
        # With at least W seats, a speaker who loses one has left the reviser's window: nobody inherits
        # utterances.
        self._seats = max(SEATS, window)
        self._history: deque[DialogueTurn] = deque(maxlen=max(HISTORY, window))
        self.reset()

    def reset(self) -> None:
        """Forget what was said: as a new session."""
        self._taken: OrderedDict[str, int] = OrderedDict()  # least recently heard first
        self._history.clear()
        self._state = ContextState.initial(self._network.configuration, self._seats)
        self._steps: deque[_Step] = deque()  # back to the oldest utterance that may be amended

    @property
    def state(self) -> ContextState:
        """The context now."""
        return self._state

    @property
    def speakers(self) -> tuple[str, ...]:
        """The speakers whose state is kept, least recently heard first."""
        return tuple(self._taken)

    def memory(self, speaker: str) -> SpeakerMemory:
        """All of the context that the live label of an utterance by `speaker` would depend on now."""
        state, seat = self._seated(speaker)
        return state.memory(seat)

    def preview(self, row: Floats, speaker: str) -> LiveLabel:
        """The label that an utterance with this row [row_width] would get now; commits nothing."""
        memory = self.memory(speaker)
        label, _ = self._step(row, memory)
        return self._labelled(label, row, memory)

    def commit(self, utterance: str, row: Floats, speaker: str) -> LiveLabel:
        """Takes a finished utterance into the context, once, and gives its live label."""
        state, seat = self._seated(speaker)
        memory = state.memory(seat)
        label, after = self._step(row, memory)
        heard = DialogueTurn(utterance, speaker, row.copy())
        self._remember(heard)  # nothing has changed where the network failed
        self._state = state.commit(seat, label, after)
        if speaker not in self._taken and len(self._taken) == self._seats:
            self._taken.popitem(last=False)
        self._taken[speaker] = seat
        self._taken.move_to_end(speaker)
        self._history.append(heard)
        return self._labelled(label, row, memory)

    def amend(self, utterance: str, row: Floats, speaker: str | None = None) -> LiveLabel:
        """Takes one of the last R + 1 utterances for one whose row was `row` [row_width] all along, and said
        by `speaker` where one is given: the live label it gets.

        What came after it, merged speakers included, is replayed with the rows that it came with, so that the
        context is that of a dialogue which never knew otherwise. Raises `KeyError` for any other utterance.
        """
        steps = list(self._steps)
        known = {
            step.event.utterance: place
            for place, step in enumerate(steps)
            if isinstance(step.event, DialogueTurn)
        }
        first, *later = steps[known[utterance] :]
        assert isinstance(first.event, DialogueTurn)
        with self._whole_or_not_at_all():
            self._steps = deque(steps[: known[utterance]])
            self._state, self._taken = first.state, first.taken.copy()
            self._history = deque(first.history, self._history.maxlen)
            label = self.commit(utterance, row, speaker or first.event.speaker)
            self._tell_again(step.event for step in later)
        return label

    def _tell_again(self, events: Iterable[DialogueEvent]) -> None:
        for event in events:
            match event:
                case DialogueTurn(name, theirs, said):
                    self.commit(name, said, theirs)
                case Merge(old, into):
                    self.merge(old, into)

    def revised(self) -> list[tuple[str, Probabilities]]:
        """New labels of up to R utterances before the last one, oldest first."""
        newest = max(0, len(self._history) - 1)
        earlier = list(self._history)[max(0, newest - self._network.configuration.revisions) : newest]
        if not earlier:
            return []
        logits = self._network.revise(self._state)
        if not np.isfinite(logits[-len(earlier) - 1 :]).all():
            raise ValueError(NO_NUMBER)
        labels = probabilities(logits, self._state.ring_rows, self._network.configuration)[:-1]
        return [(heard.utterance, labels[index - len(earlier)]) for index, heard in enumerate(earlier)]

    def merge(self, old: str, into: str) -> None:
        """Makes `old` and `into` one speaker, as if each utterance of `old` had been said by `into`.

        Replays the merged speaker's stored rows; exact while all of them are among those stored.
        """
        if old == into:
            return
        with self._whole_or_not_at_all():
            self._merge(old, into)

    def _merge(self, old: str, into: str) -> None:
        self._remember(Merge(old, into))
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

    def snapshot(self) -> State:
        """Everything needed to continue identically: arrays by name, and "meta", which is plain JSON."""
        later = [step.event for step in self._steps]
        if self._steps:  # what may still be amended is told again to the dialogue that was before it
            first = self._steps[0]
            saved = SavedDialogue.of(first.state, first.taken, first.history, later)
        else:
            saved = SavedDialogue.of(self._state, self._taken, self._history, later)
        return {**saved.arrays, "meta": saved.meta}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Be the dialogue of a snapshot.

        Raises `UserError` where it does not go with this network or version; nothing has changed then.
        """
        arrays = {name: array for name, array in state.items() if name != "meta"}
        saved = SavedDialogue(arrays, state.get("meta", {}))
        self._state, self._taken, history, later = saved.unpack(self._network.configuration, self._seats)
        self._history.clear()
        self._history.extend(history)
        self._steps.clear()
        self._tell_again(later)

    def _step(self, row: Floats, memory: SpeakerMemory) -> tuple[LabelLogits, SpeakerMemory]:
        """What the network makes of an utterance; raises `ValueError` where that is no number."""
        label, after = self._network.step(row, memory)
        if not np.isfinite(label.logits).all():
            raise ValueError(NO_NUMBER)
        return label, after

    def _labelled(self, label: LabelLogits, row: Floats, memory: SpeakerMemory) -> LiveLabel:
        values = probabilities(label.logits, row, self._network.configuration)
        return LiveLabel(values, influences(label.logits, label.contributions), memory.usual_count)

    @contextmanager
    def _whole_or_not_at_all(self) -> Iterator[None]:
        """Where the network fails in the middle, the dialogue is what it was."""
        before = self._state, self._taken.copy(), self._history.copy(), self._steps.copy()
        try:
            yield
        except BaseException:
            self._state, self._taken, self._history, self._steps = before
            raise

    def _remember(self, event: DialogueEvent) -> None:
        self._steps.append(_Step(event, self._state, self._taken.copy(), tuple(self._history)))
        while (
            sum(isinstance(step.event, DialogueTurn) for step in self._steps)
            > self._network.configuration.revisions + 1
        ):
            self._steps.popleft()

    def _seated(self, speaker: str) -> tuple[ContextState, int]:
        """The speaker's seat, and the state with that seat empty where the speaker has just taken it."""
        if speaker in self._taken:
            return self._state, self._taken[speaker]
        free = set(range(self._seats)) - set(self._taken.values())
        seat = min(free) if free else next(iter(self._taken.values()))
        return self._state.without_speaker(seat, self._network.configuration), seat

    def _replay(self, speaker: str, seat: int, left: int) -> None:
        """Replays one speaker's stored rows into its seat and the ring, where the seat `left` gives way to
        it."""
        state = self._state
        ring_rows, ring_speaking, ring_evidence = (
            state.ring_rows.copy(),
            state.ring_speaking.copy(),
            state.ring_evidence.copy(),
        )
        oldest = len(self._history) - len(ring_speaking)
        memory = SpeakerMemory.blank(self._network.configuration)
        said = [(index, heard.row) for index, heard in enumerate(self._history) if heard.speaker == speaker]
        if not said:
            return
        for index, row in said:
            label, after = self._step(row, memory)
            if index >= oldest:
                ring_speaking[index - oldest] = memory.speaker_hidden
                ring_evidence[index - oldest] = label.evidence
                ring_rows[index - oldest] = label.row
            memory = after
        self._state = replace(
            state.with_speaker(seat, memory),
            ring_rows=ring_rows,
            ring_speaking=ring_speaking,
            ring_evidence=ring_evidence,
            ring_speakers=np.where(state.ring_speakers == left, seat, state.ring_speakers),
        )


def probabilities(logits: Floats, rows: Floats, configuration: NetworkConfiguration) -> Probabilities:
    """Calibrated probabilities [..., C] of live or revised logits of utterances with these `rows` [...,
    row_width], in double precision."""
    modes = (rows[..., -len(MODES) :] > 0.5) @ (1 << np.arange(len(MODES)))
    scaled = logits.astype(np.float64) / np.asarray(configuration.temperatures)[modes][..., None]
    raised = np.exp(scaled - scaled.max(-1, keepdims=True))
    return np.asarray(raised / raised.sum(-1, keepdims=True))
