"""Whose transcription is next: every session gets its turn, no final is lost, and only the newest speculation
is worked on."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from emotrack.stream.transcription import turns as turns_module
from emotrack.stream.transcription.transcript import Transcript
from emotrack.stream.transcription.turns import Request, Turns, Workers

PATIENCE = 60
"""Seconds after which a test gives up."""

SESSIONS = range(4)


def said(text: str) -> Transcript:
    return Transcript(text, "en", "test", None)


def request(session: object, text: str = "") -> Request:
    return Request(session, lambda: said(text))


def final(turns: Turns, session: object, work: Callable[[], Transcript] = lambda: said("")) -> Request:
    """A request that is asked for and concluded at once."""
    asked = Request(session, work)
    turns.speculate(asked)
    turns.conclude(asked)
    return asked


class Impatience(threading.Condition):
    """Fails a test in which somebody would wait for ever."""

    def wait(self, timeout: float | None = None) -> bool:
        raise AssertionError("nothing is next")


def unshared_turns() -> Turns:
    """Turns for one thread, which takes only what must be there."""
    turns = Turns()
    turns._changed = Impatience()
    return turns


class Overtaking:
    """Counts how often each waiting session was passed over for each other one."""

    def __init__(self) -> None:
        self._passed: dict[Hashable, Counter[Hashable]] = {}

    def serve(self, session: Hashable, waiting: set[Hashable]) -> None:
        """`session` has its turn, of those that were `waiting`."""
        self.forget(waiting)
        del self._passed[session]
        for other in waiting - {session}:
            self._passed[other][session] += 1
            assert self._passed[other][session] == 1, (
                f"session {session} was served twice while {other} waited"
            )

    def forget(self, waiting: set[Hashable]) -> None:
        """Only these wait; those that have come do so since now."""
        self._passed = {session: self._passed.get(session, Counter()) for session in waiting}


class TakingTurns(RuleBasedStateMachine):
    """Any sequence of requests, ends, second thoughts and turns, against lists that say what is owed."""

    asked = Bundle("asked")

    def __init__(self) -> None:
        super().__init__()
        self.turns = unshared_turns()
        self.newest: dict[Hashable, Request] = {}
        self.owed: dict[Hashable, list[Request]] = {session: [] for session in SESSIONS}
        self.running: list[Request] = []
        self.overtaking = {"finals": Overtaking(), "speculations": Overtaking()}

    @rule(target=asked, session=st.sampled_from(SESSIONS))
    def speculate(self, session: int) -> Request:
        self.newest[session] = request(session)
        self.turns.speculate(self.newest[session])
        return self.newest[session]

    @rule(concluded=consumes(asked))
    def conclude(self, concluded: Request) -> None:
        if concluded.waiting:
            self.owed[concluded.session].append(concluded)
            self._vacate(concluded)
        self.turns.conclude(concluded)

    @rule(unwanted=asked)
    def cancel_speculation(self, unwanted: Request) -> None:
        if unwanted.cancel():
            self._vacate(unwanted)

    @precondition(lambda self: self._waiting())
    @rule(data=st.data())
    def cancel_final(self, data: st.DataObject) -> None:
        unwanted = data.draw(st.sampled_from([final for finals in self.owed.values() for final in finals]))
        assert unwanted.cancel()
        self.owed[unwanted.session].remove(unwanted)

    @precondition(lambda self: self._waiting() or self.newest)
    @rule()
    def take(self) -> None:
        waiting = self._waiting()
        taken = self.turns.take()
        assert taken is not None
        assert taken.running()
        if waiting:
            assert taken is self.owed[taken.session].pop(0)  # finals come first, and in their session's order
            self.overtaking["finals"].serve(taken.session, waiting)
        else:
            self.overtaking["speculations"].serve(taken.session, set(self.newest))
            assert taken is self.newest.pop(taken.session)  # of a session only the newest
        self.running.append(taken)

    @precondition(lambda self: self.running)
    @rule()
    def finish(self) -> None:
        done = self.running.pop(0)
        done.run()
        assert done.result(0) == said("")

    @invariant()
    def sessions_without_work_do_not_wait(self) -> None:
        self.overtaking["finals"].forget(self._waiting())
        self.overtaking["speculations"].forget(set(self.newest))

    def teardown(self) -> None:
        """Whatever has happened before, everything that is still wanted gets its turn."""
        while self._waiting() or self.newest:
            self.take()

    def _waiting(self) -> set[Hashable]:
        return {session for session, finals in self.owed.items() if finals}

    def _vacate(self, gone: Request) -> None:
        if self.newest.get(gone.session) is gone:
            del self.newest[gone.session]


TestTakingTurns = TakingTurns.TestCase


@given(flood=st.integers(1, 200), sessions=st.integers(2, 12))
def test_a_flood_lets_every_other_session_through_within_a_round(flood: int, sessions: int) -> None:
    turns = unshared_turns()
    for _ in range(flood):
        final(turns, "flood")
    others = {final(turns, session) for session in range(sessions - 1)}
    assert others < {turns.take() for _ in range(sessions)}


@given(st.lists(st.sampled_from(SESSIONS), min_size=1, max_size=60))
def test_finals_displace_no_final_and_speculation_displaces_none(sessions: list[int]) -> None:
    turns = unshared_turns()
    finals = [final(turns, session) for session in sessions]
    for session in sessions:
        turns.speculate(request(session))
    taken = [turns.take() for _ in finals]
    assert set(taken) == set(finals)
    for session in SESSIONS:
        assert [one for one in taken if one in finals and one.session == session] == [
            one for one in finals if one.session == session
        ]


def test_a_displaced_speculation_comes_once_its_utterance_has_ended() -> None:
    turns = unshared_turns()
    one, other = request("session"), request("session")  # two people of one session pause together
    turns.speculate(one)
    turns.speculate(other)
    assert turns.take() is other
    assert one.waiting
    turns.conclude(one)
    turns.conclude(other)  # started already
    assert turns.take() is one


def test_a_newer_speculation_keeps_its_sessions_turn() -> None:
    turns = unshared_turns()
    first, other, newer = request("restless"), request("calm"), request("restless")
    for asked in (first, other, newer):
        turns.speculate(asked)
    assert turns.take() is newer
    assert turns.take() is other


def test_what_was_cancelled_costs_its_session_no_turn() -> None:
    turns = unshared_turns()
    hesitant = [final(turns, "hesitant") for _ in range(3)]
    steady = [final(turns, "steady") for _ in range(2)]
    for unwanted in hesitant[:2]:
        unwanted.cancel()
    assert [turns.take() for _ in range(3)] == [hesitant[2], *steady]


def test_work_ahead_waits_for_everything_that_somebody_waits_for() -> None:
    turns = unshared_turns()
    ahead, speculation = request("one"), request("other")
    turns.work_ahead(ahead, "an utterance")
    turns.speculate(speculation)
    owed = final(turns, "third")
    assert [turns.take() for _ in range(3)] == [owed, speculation, ahead]


def test_an_utterance_has_one_turn_for_work_ahead_and_only_the_newest_has_it() -> None:
    turns = unshared_turns()
    old, other, new, unwanted = (request("session") for _ in range(4))
    for ahead, utterance in ((old, 1), (other, 2), (unwanted, 3), (new, 1)):
        turns.work_ahead(ahead, utterance)
    unwanted.abandon()
    assert [turns.take() for _ in range(2)] == [new, other]
    assert not turns._ahead


def test_what_is_abandoned_does_not_start_and_what_runs_is_told() -> None:
    turns, told = unshared_turns(), threading.Event()
    running, waiting = Request("session", lambda: said(""), told), request("session")
    turns.speculate(running)
    assert turns.take() is running
    turns.speculate(waiting)
    for unwanted in (running, waiting):
        unwanted.abandon()
    assert told.is_set() and waiting.cancelled() and not running.cancelled()


def test_after_the_close_nothing_starts() -> None:
    turns = Turns()
    left = final(turns, "session")
    turns.close()
    assert turns.take() is None
    assert left.waiting


@pytest.mark.parametrize("count", [1, 3])
def test_threads_that_ask_and_end_at_once_all_get_their_answers(count: int) -> None:
    turns = Turns()
    workers = Workers(turns, count)
    answers: dict[int, list[Request]] = {session: [] for session in SESSIONS}
    done: list[str] = []

    def work(text: str) -> Transcript:
        done.append(text)
        return said(text)

    def talk(session: int) -> None:
        for number in range(200):
            asked = Request(session, partial(work, f"{session} {number}"))
            turns.speculate(asked)
            if number % 3 == 2:
                asked.cancel()
            else:
                turns.conclude(asked)
                answers[session].append(asked)

    talking = [threading.Thread(target=talk, args=(session,)) for session in SESSIONS]
    for thread in talking:
        thread.start()
    for thread in talking:
        thread.join()
    for session, finals in answers.items():
        texts = [final.result(PATIENCE).text for final in finals]
        assert texts == [f"{session} {number}" for number in range(200) if number % 3 != 2]
    workers.close()
    assert max(Counter(done).values()) == 1


def test_a_speculation_wakes_a_worker() -> None:
    turns = Turns()
    workers = Workers(turns, 1)
    asked = request("session", "perhaps")
    turns.speculate(asked)
    assert asked.result(PATIENCE) == said("perhaps")
    workers.close()


def test_workers_work_at_once() -> None:
    turns, together = Turns(), threading.Barrier(3)
    workers = Workers(turns, 3)

    def meet() -> Transcript:
        together.wait(PATIENCE)
        return said("met")

    meetings = [final(turns, "session", meet) for _ in range(3)]
    assert [meeting.result(PATIENCE).text for meeting in meetings] == ["met"] * 3
    workers.close()


def test_work_that_fails_fails_its_request_alone() -> None:
    turns = Turns()
    workers = Workers(turns, 1)

    def fail() -> Transcript:
        raise ValueError("not like this")

    failed, next_one = final(turns, "session", fail), final(turns, "session")
    with pytest.raises(ValueError, match="not like this"):
        failed.result(PATIENCE)
    assert next_one.result(PATIENCE) == said("")
    workers.close()


def test_workers_tell_when_they_were_done_with_anything_last() -> None:
    """Wanted or not, with words or without: a recogniser that hangs is done with nothing."""
    turns = Turns()
    workers = Workers(turns, 1)
    assert workers.answered_at < 0
    before, release = time.monotonic(), threading.Event()

    def fail() -> Transcript:
        release.wait(10)
        raise RuntimeError

    request = Request("session", fail)
    turns.speculate(request)
    while not request.running():
        time.sleep(0.001)
    request.abandon()
    assert workers.answered_at < 0
    release.set()
    assert workers.close()
    assert before <= workers.answered_at <= time.monotonic()


def test_closing_leaves_behind_what_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns_module, "CLOSING_SECONDS", 0.2)
    turns, entered, go_on = Turns(), threading.Event(), threading.Event()
    workers = Workers(turns, 3)

    def hang() -> Transcript:
        entered.set()
        go_on.wait(PATIENCE)
        return said("at last")

    hanging = final(turns, "session", hang)
    assert entered.wait(PATIENCE)
    began = time.monotonic()
    assert not workers.close()
    assert time.monotonic() - began < 2
    go_on.set()
    assert hanging.result(PATIENCE) == said("at last")


def test_closing_waits_for_what_is_running() -> None:
    turns, entered, go_on = Turns(), threading.Event(), threading.Event()
    workers = Workers(turns, 1)

    def tarry() -> Transcript:
        entered.set()
        assert go_on.wait(PATIENCE)
        return said("done")

    running, left = final(turns, "session", tarry), final(turns, "session")
    assert entered.wait(PATIENCE)
    threading.Timer(0.1, go_on.set).start()
    assert workers.close()
    assert running.result(0) == said("done")
    assert left.waiting
