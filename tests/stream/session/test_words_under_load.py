"""A recogniser that gets more to do than it can: whose words it makes, what labels do without, and the way
back,
by a clock of the test's own."""

import itertools
from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotrack.stream.labels.waiting.patience import (
    PROMPT_SECONDS,
    SHORT_SECONDS,
    WORD_STEPS,
    Patience,
    WordStep,
)
from emotrack.stream.session.health import LoadChange, WordLadder
from emotrack.stream.transcription.transcript import Transcript
from emotrack.stream.transcription.turns import Request, Turns

TURN = 0.02
"""Seconds of a turn of the loop."""
WORK = 0.5
"""Seconds that each transcription takes."""
seeds = st.integers(0, 2**32 - 1)


@dataclass
class Room:
    """One recogniser, the ladder that watches it, and a clock that moves by turns."""

    now: float = 0.0
    waits: list[float] = field(default_factory=list)
    """From the end of each utterance until its words were there."""
    served: list[float] = field(default_factory=list)
    """When each of them had ended."""
    changes: list[tuple[float, LoadChange[WordStep]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.turns = Turns(lambda: self.now)
        self.ladder = WordLadder()
        self.waiting = 0
        self._free_at = self._ended = 0.0
        self._running: Request | None = None

    def ends(self, session: str = "session") -> Request:
        """An utterance ends."""
        request = Request(session, lambda: Transcript("so", "en", "test", None))
        self.turns.speculate(request)
        self.turns.conclude(request, PROMPT_SECONDS)
        self.waiting += 1
        return request

    def turn(self) -> None:
        self.now += TURN
        if self._running is not None and self.now >= self._free_at:
            self.waits.append(self.now - self._ended)
            self.served.append(self._ended)
            self._running.run()
            self._running = None
        if self._running is None and self.waiting:
            self._running = self.turns.take()
            assert self._running is not None
            self._ended = self._running.concluded_at
            self.waiting -= 1
            self._free_at = self.now + WORK
        change = self.ladder.step(self.now, self.turns.backlog)
        if change is not None:
            self.changes.append((self.now, change))

    def talk(self, seconds: float, load: float, seed: int) -> None:
        """Utterances end at random, `load` times as many as can be transcribed."""
        chance, until = Random(seed), self.now + seconds
        while self.now < until:
            if chance.random() < load * TURN / WORK:
                self.ends()
            self.turn()

    def converse(self, seconds: float) -> None:
        """An utterance ends every other second."""
        until, due = self.now + seconds, self.now + 2.0
        while self.now < until:
            if self.now >= due:
                due += 2.0
                self.ends()
            self.turn()


def overloaded(seed: int, seconds: float = 60.0) -> Room:
    room = Room()
    room.talk(seconds, 2.0, seed)
    return room


@settings(deadline=None, max_examples=20)
@given(seeds)
def test_with_half_the_work_that_can_be_done_labels_keep_their_words(seed: int) -> None:
    room = Room()
    for _, _ in itertools.product(range(60), range(50)):
        if len(room.waits) + room.waiting < room.now:  # one a second
            room.ends()
        room.turn()
    assert not room.changes and max(room.waits) < PROMPT_SECONDS


@settings(deadline=None, max_examples=20)
@given(seeds)
def test_with_twice_the_work_words_are_shed_in_order_and_the_newest_still_come_soon(seed: int) -> None:
    room = overloaded(seed)
    level = reached = 0
    for _, change in room.changes:
        assert change.step == WORD_STEPS[level if change.shed else level - 1]
        level += 1 if change.shed else -1
        reached = max(reached, level)
    assert reached == len(WORD_STEPS)
    soon = [wait for wait in room.waits if wait <= PROMPT_SECONDS]
    assert len(soon) > 0.6 * len(room.waits)  # served in order, none would be


@settings(deadline=None, max_examples=20)
@given(seeds)
def test_what_is_shed_does_not_come_and_go_while_the_load_lasts(seed: int) -> None:
    assert len(overloaded(seed).changes) <= len(WORD_STEPS) + 60 / 2


@settings(deadline=None, max_examples=20)
@given(seeds)
def test_within_ten_seconds_of_relief_labels_wait_for_words_again_and_everything_is_made_up_for(
    seed: int,
) -> None:
    room = overloaded(seed, 20.0)
    owed, relieved = len(room.waits) + room.waiting, room.now
    room.converse(10.0)
    assert not {"words", "wait for words"} & set(room.ladder.shedding)
    fresh = [wait for wait, ended in zip(room.waits, room.served, strict=True) if ended > relieved + 1]
    assert max(fresh, default=0.0) < PROMPT_SECONDS  # what is late keeps nobody waiting
    room.converse(60.0)
    assert len(room.waits) > owed and room.waiting <= 1 and not room.ladder.shedding


def test_while_more_waits_than_can_be_done_the_newest_is_next() -> None:
    room = Room()
    first, second, third = room.ends(), room.ends(), room.ends()
    assert room.turns.take() is first  # nobody has waited for long
    room.now += 0.6
    assert room.turns.backlog == pytest.approx(0.6)
    assert [room.turns.take(), room.turns.take()] == [third, second]
    assert room.turns.backlog == 0


def test_what_nobody_waits_for_any_more_lets_all_others_go_first_but_work_ahead() -> None:
    room = Room()
    old, older = room.ends("one"), room.ends("other")
    room.now += 0.1
    newer = room.ends("one")
    room.now += PROMPT_SECONDS + 0.1
    speculation, ahead, fresh = (Request("third", lambda: Transcript("", None, "", None)) for _ in range(3))
    room.turns.work_ahead(ahead, 1)
    room.turns.speculate(speculation)
    fresh.session = "one"
    room.turns.speculate(fresh)
    room.turns.conclude(fresh, PROMPT_SECONDS)
    assert room.turns.backlog == 0
    taken = [room.turns.take() for _ in range(6)]
    assert taken[:3] == [fresh, speculation, newer] and set(taken[3:5]) == {old, older} and taken[5] is ahead


def test_what_is_given_up_while_it_is_late_is_never_begun() -> None:
    room = Room()
    late, kept = room.ends(), room.ends()
    room.now += PROMPT_SECONDS + 0.1
    assert room.turns.backlog == 0
    late.abandon()
    assert room.turns.take() is kept and not room.turns._late


@given(st.lists(st.floats(0, 10), min_size=2, max_size=20))
def test_who_waits_without_end_is_served_in_order(pauses: list[float]) -> None:
    now = 0.0
    turns = Turns(lambda: now)
    asked = []
    for pause in pauses:
        request = Request("session", lambda: Transcript("", None, "", None))
        turns.speculate(request)
        turns.conclude(request)
        asked.append(request)
        now += pause
    assert [turns.take() for _ in asked] == asked


@given(st.floats(0.1, 10), st.lists(st.floats(0, 20), max_size=30), st.integers(0, len(WORD_STEPS)))
def test_labels_wait_the_less_for_words_the_more_is_shed_and_never_beyond_their_deadline(
    deadline: float, took: list[float], level: int
) -> None:
    patience = Patience(deadline)
    for seconds in took:
        patience.took(seconds)
    waits = []
    for steps in range(len(WORD_STEPS) + 1):
        patience.shedding = WORD_STEPS[:steps]
        waits.append(patience.seconds)
    assert waits == sorted(waits, reverse=True) and waits[0] < deadline and waits[-1] == 0
    assert waits[2] <= deadline / 2 and waits[3] <= SHORT_SECONDS
    patience.shedding = WORD_STEPS[:level]
    assert patience.prompt >= PROMPT_SECONDS


def test_what_labels_take_is_kept_of_the_wait_for_words_and_a_hitch_forgotten() -> None:
    patience = Patience(1.5)
    before = patience.seconds
    patience.took(before + 0.4)
    assert patience.seconds == pytest.approx(1.1)
    for _ in range(30):
        patience.took(patience.seconds + 0.01)
    assert patience.seconds == before
