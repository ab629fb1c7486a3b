"""Listens to one feed while somebody may speak, and says what that means for its utterances: where speech was
missed, and where somebody else begins."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

from emotrack.engines.encoders.sound.turns import HEARD
from emotrack.stream.speakers.ear import Heard
from emotrack.stream.speakers.listening import BLOCK, BLOCKS
from emotrack.stream.speakers.timeline import KEPT, Spoken

HOP = 16
"""Blocks from one listening to the next: half a second."""
LAG = 4
"""Blocks after which what a listening told counts, so that it does not depend on the machine's speed."""
RECONSIDERED = (2 * HOP + LAG + 1) * 0.032
"""Seconds after which no listening in time finds speech any more in what was heard."""
UNSURE = 8
"""Blocks at the end of what was heard in which speakers are not sure yet."""
SHORTEST, SURE = 8, 16
"""Blocks under which nobody had a turn, and from which on the newest turn is one."""
YOUNG = 47
"""Blocks under which there is nothing to listen to yet: in less than a second and a half of sound the network
hears speech in anything."""
OVERDUE = 47
"""Blocks after which a live feed's listening is overdue: a second and a half."""
LATE_SECONDS = 0.3
"""How long a live feed that ends or breaks off waits for what was listened to last."""
POSSIBLE = 0.05
"""Probability of speech in a block from which on it is worth to listen."""
PATIENCE = 94
"""Blocks for which it stays so: three seconds."""
NEAR = 8
"""Blocks within which a turn is moved to where it is quietest."""
SPEECH = 0.5
"""Probability from which on somebody speaks in a block."""


class Block(Protocol):
    """A block of the feed's sound."""

    @property
    def index(self) -> int:
        """Its number within the feed."""
        ...

    @property
    def samples_16k(self) -> np.ndarray:
        """Float32 [512]."""
        ...


class Ear(Protocol):
    """Listens to one feed on the thread of the voices; see `VoiceEar`."""

    def listen(self, end: int, samples: np.ndarray) -> Heard:
        """What the newest samples float32 [HEARD], the last of them the end of block `end` - 1, tell."""
        ...

    def reset(self) -> None:
        """What follows is another sound."""
        ...


@dataclass(frozen=True, slots=True)
class HeardAgain:
    """Blocks by number: in which somebody speaks, and with which somebody else begins to."""

    voiced: tuple[int, ...]
    turns: tuple[int, ...]


class FeedTurns:
    """Owned by the loop; listening itself goes on in a thread of its own. In a `patient` run what it told is
    waited for, so that the same sound gives the same turns; else what is late counts when it is there."""

    def __init__(
        self,
        ear: Ear,
        take: Callable[[Heard], None],
        between: Callable[[int, int], Spoken],
        thread: Executor,
        *,
        patient: bool,
    ) -> None:
        """`ear` listens on `thread`; what it hears is shown to `take`, after which `between` tells who speaks
        in the blocks from one to another (exclusive)."""
        self._ear = ear
        self._take = take
        self._between = between
        self._thread = thread
        self._patient = patient
        self._failure: Exception | None = None
        self._begin(0)

    def _restart(self, index: int) -> None:
        """Nothing that was heard before the block `index` counts."""
        self._begin(index)
        self._thread.submit(self._ear.reset)

    def _begin(self, index: int) -> None:
        self._blocks: deque[np.ndarray] = deque(maxlen=BLOCKS + 1)
        self._levels: deque[float] = deque(maxlen=KEPT)
        self._next = index
        self._listened = index
        self._possible_until = -1
        self._at_pause = False
        self._pending: Future[Heard] | None = None

    @property
    def failure(self) -> Exception | None:
        """What listening failed with: nothing is listened to any more."""
        return self._failure

    @property
    def overdue(self) -> bool:
        """Whether what is listened to takes so long that nothing can be told of turns."""
        pending = self._pending is not None and not self._pending.done()
        return pending and not self._patient and self._next - self._listened > OVERDUE

    def hear(self, block: Block, speech: float, open_from: int | None, *, paused: bool) -> HeardAgain | None:
        """Take the feed's next block, `speech` the probability that somebody speaks in it; `open_from`: the
        first block of the utterance that is open, `paused`: whether it may have ended."""
        if self._failure is not None:
            return None
        if block.index != self._next:
            self._learn_pending()
            self._restart(block.index)
        self._next = block.index + 1
        self._blocks.append(block.samples_16k)
        self._levels.append(float(np.mean(np.square(block.samples_16k, dtype=np.float64))))
        if speech >= POSSIBLE:
            self._possible_until = block.index + PATIENCE
        news = None
        pending = self._pending
        if pending is not None and self._next >= self._listened + LAG and (self._patient or pending.done()):
            self._learn_pending()
            news = self._news(self._listened, open_from, paused=paused)
            if news.voiced and news.voiced[-1] >= self._listened - 1:
                self._at_pause = False  # there was none
        if self._pending is None and self._is_due(paused=paused):
            self._start()
        self._at_pause = paused and (self._at_pause or self._listened == self._next)
        return news

    def finish(self, open_from: int | None) -> HeardAgain | None:
        """The feed's sound ends or breaks off: what its last blocks tell. What follows is heard by itself."""
        self._learn_pending()
        news = None
        if open_from is not None and len(self._blocks) >= YOUNG and self._failure is None:
            if self._listened < self._next:
                self._start()
                self._learn_pending()
            news = self._news(self._next, open_from, paused=True)
        self._restart(self._next)
        return news

    def _is_due(self, *, paused: bool) -> bool:
        if self._next > self._possible_until or len(self._blocks) < YOUNG:
            return False
        return self._next - self._listened >= HOP or (paused and not self._at_pause)

    def _start(self) -> None:
        heard = np.concatenate(
            [np.zeros(max(0, HEARD - BLOCK * len(self._blocks)), np.float32), *self._blocks]
        )
        self._listened = self._next
        self._pending = self._thread.submit(self._ear.listen, self._next, heard[-HEARD:])

    def _learn_pending(self) -> None:
        """Take in what the listening tells that is under way, if one is; where nothing may wait for it and it
        takes long, it is given up."""
        pending, self._pending = self._pending, None
        if pending is None:
            return
        done, _ = wait([pending], None if self._patient else LATE_SECONDS)
        if not done:
            return
        try:
            heard = pending.result()
        except Exception as failure:  # noqa: BLE001 - told by the loop: sessions go on without
            self._failure = failure
            return
        self._take(heard)

    def _news(self, end: int, open_from: int | None, *, paused: bool) -> HeardAgain:
        """What is known of the blocks before `end`."""
        recent = max(end - 2 * HOP, 0)
        voiced = recent + np.flatnonzero(self._between(recent, end).speech >= SPEECH)
        if len(voiced) and voiced[-1] >= end - HOP:
            self._possible_until = max(self._possible_until, end + PATIENCE)
        sure = end if paused else end - UNSURE
        turns: tuple[int, ...] = ()
        if open_from is not None and sure > open_from:
            first = max(open_from, self._next - len(self._levels))
            levels = list(self._levels)[first - self._next + len(self._levels) :]
            turns = tuple(
                first + quietest(np.array(levels), place)
                for place in turns_in(self._between(first, sure), over=paused)
            )
        return HeardAgain(tuple(map(int, voiced)), turns)


def turns_in(spoken: Spoken, *, over: bool) -> tuple[int, ...]:
    """The places at which another speaker begins; `over`: whether nothing follows."""
    runs = _runs(spoken)
    if runs and not over and runs[-1][2] - runs[-1][1] < SURE:
        runs.pop()
    return tuple((before_end + begin) // 2 for (_, _, before_end), (_, begin, _) in pairwise(runs))


def quietest(levels: np.ndarray, place: int) -> int:
    """The place near this one where it is quietest: where voices change, there is a gap between words as a
    rule."""
    first = max(0, place - NEAR)
    around = np.convolve(np.pad(levels, 1, mode="edge"), np.ones(3), "valid")[first : place + NEAR + 1]
    return first + int(around.argmin())


def _runs(spoken: Spoken) -> list[tuple[int, int, int]]:
    """Who speaks from which place to which (exclusive), one after the other; those too short are nobody's."""
    voices = np.where(spoken.speech >= SPEECH, spoken.first_voice, -1)
    runs: list[tuple[int, int, int]] = []
    for place in np.flatnonzero(voices >= 0):
        who = int(voices[place])
        if runs and runs[-1][0] == who:
            runs[-1] = (who, runs[-1][1], int(place) + 1)
        else:
            runs.append((who, int(place), int(place) + 1))
    while len(runs) > 1:
        shortest = min(runs, key=lambda run: run[2] - run[1])
        if shortest[2] - shortest[1] >= SHORTEST:
            break
        runs.remove(shortest)
        runs = _joined(runs)
    return runs


def _joined(runs: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Runs of one speaker that follow one another, as one."""
    found: list[tuple[int, int, int]] = []
    for who, begin, end in runs:
        if found and found[-1][0] == who:
            found[-1] = (who, found[-1][1], end)
        else:
            found.append((who, begin, end))
    return found
