"""Sessions with every kind of trouble hold what they promise, and the machine that they are simulated on is
one.

`PYTHONPATH=tests python -m simulation` plays thousands; here are a few hundred and the seeds that broke
something once.
"""

import logging
from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest

pytest.importorskip("greenlet", reason="simulated threads need greenlet")

from simulation.installing import installed
from simulation.invariants import breaches
from simulation.judging import depends_on_media_alone, judged, reordered, repeated
from simulation.machine import Condition, Lock, Machine, Stuck, Thread
from simulation.plan import draw
from simulation.resuming import resumed
from simulation.session import play

FOUND = {
    25: "a reviser that gave what is no number made a published utterance one without a final",
    33: "a clock that stood still changed the order in which pictures were looked at",
    62: "what was open of a feed that had ended was finished with the session only",
    113: "at the end a conversation waited for what another lacked, beyond its own deadline",
    50081: "a window over what was seen reached back into sound in which speech was found later",
    391: "a window that the end of sound closed was known earlier than what showed that",
    102459: "the end waited for words and then as long again for a look that hung",
    577: "a dialogue that failed while two speakers were merged left labels with the former name",
}
"""Seeds that broke an invariant, and what was mended. A change of `plan.py` makes other sessions of them:
with it, seeds that find the same are to be looked for."""
SESSIONS = 30
BATCHES = 4


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """What sessions warn of is what was done to them."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_sessions_hold_what_they_promise(batch: int) -> None:
    seeds = range(1_000_000 + batch * SESSIONS, 1_000_000 + (batch + 1) * SESSIONS)
    broken = {seed: found.wrong for seed in seeds if (found := judged(seed)).wrong}
    assert not broken


def test_a_session_that_is_ended_anywhere_is_gone_on_with_as_if_it_were_not() -> None:
    seeds = range(2_000_000, 2_000_000 + SESSIONS)
    broken = {seed: wrong for seed in seeds if (wrong := resumed(draw(seed)))}
    assert not broken


@pytest.mark.parametrize("seed", FOUND)
def test_what_was_found_once_is_mended(seed: int) -> None:
    outcome = play(draw(seed))
    assert not [*breaches(outcome), *repeated(outcome)]
    assert not depends_on_media_alone(outcome.plan) or not reordered(outcome)


def test_what_an_invariant_is_to_find_it_finds() -> None:
    """A session from which a final is taken away, doubled, put after its end, or sent with a gap."""
    outcome = play(draw(next(seed for seed in range(100) if len(_finals(seed)) > 2)))
    assert not breaches(outcome)
    sent = outcome.messages
    place = next(at for at, one in enumerate(sent) if getattr(one.message, "state", "") == "final")
    for changed, named in (
        ([*sent[:place], *sent[place + 1 :]], "every_utterance_has_one_final"),
        ([*sent[: place + 1], *sent[place:]], "every_utterance_has_one_final"),
        ([*sent[:place], *sent[place + 1 :], sent[place]], "the_session_ends"),
        ([*sent[:2], *sent[3:]], "positions_are_gapless"),
        (sent[:-1], "the_session_ends"),
    ):
        broken = breaches(replace(outcome, messages=changed))
        assert any(sentence.startswith(named) for sentence in broken), named


def _finals(seed: int) -> list[object]:
    messages = play(draw(seed)).messages
    return [one for one in messages if getattr(one.message, "state", "") == "final"]


def test_threads_take_turns_as_the_seed_says() -> None:
    assert _order("one") == _order("one")
    assert len({tuple(_order(str(seed))) for seed in range(10)}) > 1


def _order(seed: str) -> list[str]:
    """In which three threads come to their turns, of which each has five."""
    machine = Machine(seed)
    order: list[str] = []

    def take_turns(name: str) -> None:
        for _ in range(5):
            order.append(name)
            machine.sleep(0.1)

    for name in "abc":
        Thread(machine, target=take_turns, args=(name,)).start()
    machine.run(10.0)
    return order


def test_a_simulated_clock_goes_on_only_where_everybody_waits() -> None:
    machine = Machine("clock")
    seen: list[float] = []

    def sleep() -> None:
        machine.sleep(3_600.0)
        seen.append(machine.seconds)

    machine.spawn(sleep, "sleeper")
    machine.run(4_000.0)
    assert seen == [3_600.0]


def test_simulated_locks_keep_others_out_and_conditions_tell_who_waits() -> None:
    machine = Machine("locks")
    lock, inside, most = Lock(machine), 0, 0
    changed, ready = Condition(machine), False
    told = []

    def enter() -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
            machine.sleep(Random(str(machine.seconds)).random())
            inside -= 1

    def wait() -> None:
        with changed:
            told.append((changed.wait_for(lambda: ready, 1.0), changed.wait_for(lambda: ready, 100.0)))

    def tell() -> None:
        nonlocal ready
        machine.sleep(50.0)
        with changed:
            ready = True
            changed.notify_all()

    for target in (enter, enter, enter, wait, wait, tell):
        Thread(machine, target=target).start()
    machine.run(200.0)
    assert most == 1 and inside == 0
    assert told == [(False, True)] * 2


def test_who_waits_for_ever_or_goes_round_in_circles_is_found() -> None:
    machine = Machine("stuck")

    def go_on() -> None:
        while True:
            machine.sleep(1.0)

    machine.spawn(go_on, "long")
    with pytest.raises(Stuck):
        machine.run(100.0)
    lock = Lock(machine := Machine("locked"))
    machine.spawn(lambda: (lock.acquire(), lock.acquire()), "itself")
    machine.run(100.0)
    assert machine.switch_off() == ["itself"]


def test_afterwards_sessions_have_the_real_clock_again() -> None:
    from emotrack.stream.session import loop

    before = dict(vars(loop))
    with installed(Machine("clock"), {"session.loop.SileroVad": None}):
        names = vars(loop)
        assert names["time"].monotonic() == 1_000.0 and names["SileroVad"] is None
    assert vars(loop) == before
