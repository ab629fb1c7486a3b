"""Streaming state: one word and one shape for whatever hears, cuts, describes or remembers while time goes
on.

`reset` forgets everything, `snapshot` copies all that decides what comes next, and `restore` goes on from
such a copy, exactly: the same inputs give the same outputs as if nothing had happened in between (the idea is
moshi's, Kyutai, arXiv 2410.00037).
"""

from collections import deque
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, ClassVar, Protocol

import numpy as np

from emotrack.errors import UserError

State = dict[str, Any]
"""Plain values (numbers, texts, None, lists and dictionaries of them) and numpy arrays, by name."""


class Streaming(Protocol):
    """What has streaming state; one thread at a time."""

    def reset(self) -> None:
        """Forget everything: as if it were new."""
        ...

    def snapshot(self) -> State:
        """A copy of all that decides what it does from now on."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a snapshot of one of its kind with the same settings.

        Raises `UserError` where something is missing, too much, or of another kind; nothing has changed then.
        """
        ...


def checked(state: Mapping[str, Any], names: Mapping[str, object], whose: str) -> None:
    """Raise `UserError` unless `state` has just the entries of `names`, arrays of the shape and kind that
    they have there."""
    missing, extra = sorted(names.keys() - state.keys()), sorted(map(str, state.keys() - names.keys()))
    if missing or extra:
        wrong = " and ".join(
            f"{what} {', '.join(found)}"
            for what, found in (("lacks", missing), ("has no use for", extra))
            if found
        )
        raise UserError(f"The saved state of {whose} {wrong}: start a new session.")
    for name, example in names.items():
        given = state[name]
        fits = not isinstance(example, np.ndarray) or (
            isinstance(given, np.ndarray) and (given.dtype, given.ndim) == (example.dtype, example.ndim)
        )
        if not fits:
            raise UserError(f"The saved state of {whose} is damaged at {name}: start a new session.")


class StreamingAttributes:
    """Implements `snapshot` and `restore` for a class whose state is all in the private attributes that
    `STATE` names."""

    STATE: ClassVar[tuple[str, ...]]
    WHOSE: ClassVar[str]
    """What its saved state is called to people."""

    def snapshot(self) -> State:
        """See `Streaming.snapshot`."""
        return {name: _plain(getattr(self, f"_{name}")) for name in self.STATE}

    def restore(self, state: Mapping[str, Any]) -> None:
        """See `Streaming.restore`."""
        checked(state, {name: getattr(self, f"_{name}") for name in self.STATE}, self.WHOSE)
        for name in self.STATE:
            held = getattr(self, f"_{name}")
            given = deepcopy(state[name])
            setattr(self, f"_{name}", deque(given, held.maxlen) if isinstance(held, deque) else given)


def _plain(value: object) -> object:
    return deepcopy(list(value)) if isinstance(value, deque) else deepcopy(value)
