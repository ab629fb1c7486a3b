"""What fuses utterances and follows the dialogue, with the same network as it is written for when its engine
fails: a label is nobody's modality, and there is nothing to mask in its place."""

import logging
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TypeVar

import numpy as np

from emotrack.engines.heads import Fused, Heads
from emotrack.modalities import Modality
from emotrack.model.dialogue.state import ContextState, Floats, LabelLogits, SpeakerMemory

Tell = Callable[[Exception | None], None]
"""Is told why the engine failed, and None whenever all of it answers (again)."""
Found = TypeVar("Found")

NO_NUMBER = "the network gave what is no number"

log = logging.getLogger(__name__)


class StandbyHeads:
    """A `ContextNetwork`, and what fuses utterances. Each question is asked once more where it fails, for a
    device that was lost or had no memory for a moment; what fails twice the standby answers, which is opened
    then, and whose state is the same: the dialogue's."""

    def __init__(self, heads: Heads, open_standby: Callable[[], Heads], tell: Tell) -> None:
        """`open_standby` may take seconds, and raise; `tell` is called before it, on the same thread."""
        self.configuration = heads.context.configuration
        self._heads = heads
        self._open_standby = open_standby
        self._tell = tell
        self._failing: set[str] = set()
        """Questions that the engine did not answer the last time."""

    def fuse(self, tokens: Mapping[Modality, np.ndarray]) -> Fused:
        """See `UtteranceFusion.fuse`; raises what the engine did where nothing answers, as all here do."""
        return self._ask("fuse", lambda heads: heads.fusion.fuse(tokens), lambda fused: fused.row)

    def step(self, row: Floats, memory: SpeakerMemory) -> tuple[LabelLogits, SpeakerMemory]:
        """See `ContextNetwork.step`."""
        return self._ask("step", lambda heads: heads.context.step(row, memory), lambda found: found[0].logits)

    def revise(self, state: ContextState) -> Floats:
        """See `ContextNetwork.revise`."""
        return self._ask(
            "revise", lambda heads: heads.context.revise(state), lambda logits: logits[state.ring_valid]
        )

    def _ask(
        self, name: str, question: Callable[[Heads], Found], numbers: Callable[[Found], np.ndarray]
    ) -> Found:
        """The answer, of which `numbers` have to be some."""

        def answer(heads: Heads) -> Found:
            found = question(heads)
            if not np.isfinite(numbers(found)).all():
                raise ValueError(NO_NUMBER)
            return found

        try:
            found = _once_more(lambda: answer(self._heads))
        except Exception as failure:
            self._failing.add(name)
            self._tell(failure)
            try:
                return answer(self._standby)
            except Exception as further:  # noqa: BLE001 - why the engine failed says more
                log.warning(
                    "The network as it is written fails, too: %s: %s", type(further).__name__, further
                )
            raise
        self._failing.discard(name)
        if not self._failing:
            self._tell(None)
        return found

    @cached_property
    def _standby(self) -> Heads:
        return self._open_standby()


def _once_more(ask: Callable[[], Found]) -> Found:
    try:
        return ask()
    except Exception as failure:  # noqa: BLE001 - what fails twice is raised
        log.warning("A network failed and is asked once more: %s: %s", type(failure).__name__, failure)
        return ask()
