"""What is to be said of a session: its breaches, its counts, and all that it sent."""

from collections import Counter
from dataclasses import dataclass
from pprint import pformat

import msgspec

from emotrack.stream.wire.protocol.messages import Heartbeat
from simulation.invariants import breaches, events
from simulation.plan import Plan, draw
from simulation.resuming import resumed
from simulation.session import Outcome, play

REPEATED = 20
"""One session in so many is played again as it was, one in another order of its threads, and one is ended
and gone on with."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a session comes to."""

    seed: int
    counts: "Counter[str]"
    wrong: tuple[str, ...]


def ended_and_gone_on_with(seed: int) -> Result:
    """Play the session of a seed over files, ended at some message and gone on with by another process."""
    return Result(seed, Counter(sessions=1), tuple(resumed(draw(seed))))


def judged(seed: int) -> Result:
    """Play the session of a seed."""
    plan = draw(seed)
    outcome = play(plan)
    wrong = breaches(outcome)
    if seed % REPEATED == 0:
        wrong += repeated(outcome)
    if seed % REPEATED == 5 and depends_on_media_alone(plan):
        wrong += reordered(outcome)
    if seed % REPEATED == 10:
        wrong += resumed(plan)
    return Result(seed, _counted(outcome), tuple(wrong))


def repeated(outcome: Outcome) -> list[str]:
    """Whether the same seed gives the same bytes."""
    again = play(outcome.plan)
    return [] if again.bytes == outcome.bytes else ["the same seed gives another session"]


def depends_on_media_alone(plan: Plan) -> bool:
    """Whether nothing but the media decides what is labelled: nobody intervenes, and every answer is waited
    for."""
    recogniser = plan.recogniser
    patient = recogniser is None or not (recogniser.silent_share or recogniser.trouble.share)
    return not (plan.realtime or plan.chosen or plan.sinks) and patient and plan.stall is None


def reordered(outcome: Outcome) -> list[str]:
    """Whether threads that take turns in another order give the same events."""
    first, other = events(outcome), events(play(outcome.plan, order=1))
    if first == other:
        return []
    place = next(
        (place for place, pair in enumerate(zip(first, other, strict=False)) if pair[0] != pair[1]),
        min(len(first), len(other)),
    )
    return [f"event {place + 1} depends on the order of threads: {first[place : place + 1]}"]


def told(seed: int) -> str:
    """A session for people: its plan, and what it sent, but for heartbeats."""
    plan = draw(seed)
    sent = [
        msgspec.json.encode(outgoing.message).decode()
        for outgoing in play(plan).messages
        if not isinstance(outgoing.message, Heartbeat)
    ]
    return "\n".join([pformat(plan, width=120), *sent])


def _counted(outcome: Outcome) -> "Counter[str]":
    """What there was in a session."""
    counts: Counter[str] = Counter(sessions=1, utterances=len(outcome.begun))
    for outgoing in outcome.messages:
        kind = type(outgoing.message).__name__.lower()
        counts[str(getattr(outgoing.message, "state", kind)) if kind == "emotion" else kind] += 1
    counts["simulated seconds"] = round(outcome.seconds)
    return counts
