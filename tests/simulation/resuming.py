"""Sessions that are kept, whose process ends at some message, and that another one goes on with: what both
publish is what the session would have published.

The moment is any message: what is on the disk then is all that a killed process leaves.
"""

import tempfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

from emotrack.stream.session.kept import open_kept
from simulation.invariants import events
from simulation.plan import Plan, Trouble
from simulation.session import Ending, Outcome, play

NAME = "kitchen"
OWN = ("seq", "topic_seq")
"""What differs where labels come a second time."""


def resumed(plan: Plan) -> list[str]:
    """What is wrong with a session that is ended at a moment that its seed draws, and gone on with."""
    plan = _repeatable(plan)
    with tempfile.TemporaryDirectory(prefix="simulation-") as made:
        folder = Path(made)
        whole = play(plan)
        if len(whole.messages) < 3 or whole.failure is not None:
            return []
        seq = Random(f"end {plan.seed}").randrange(2, len(whole.messages))
        ending = Ending(seq, folder / "then")
        with open_kept(NAME, folder / "first") as kept:
            play(plan, kept=kept, ending=ending)
        with open_kept(NAME, ending.folder) as kept:
            before = len(kept.published.messages)
            after = play(plan, kept=kept)
            first = [outgoing.json for outgoing in kept.published.messages]
    return [f"ended at message {seq}: {wrong}" for wrong in _differences(whole, before, first, after)]


def _repeatable(plan: Plan) -> Plan:
    """The same session over files, where what fails does not depend on how often something was asked."""
    # A recogniser that is given up on by the clock has less to do for who goes on.
    recogniser = plan.recogniser and replace(
        plan.recogniser, silent_share=0.0, slow_share=0.0, trouble=Trouble()
    )
    feeds = tuple(
        replace(feed, live=False, outages=(), fails_at=None, fails_known=False) for feed in plan.feeds
    )
    speakers = {**plan.overrides["speakers"], "mode": "feed"}
    return replace(
        plan,
        realtime=False,
        feeds=feeds,
        recogniser=recogniser,
        troubles={},
        stall=None,
        sinks=(),
        watched_only=False,
        stops_at=None,
        chosen=(),
        overrides={**plan.overrides, "speakers": speakers},
    )


def _differences(whole: Outcome, before: int, first: list[bytes], after: Outcome) -> list[str]:
    if after.failure is not None:
        return [f"who goes on fails: {after.failure!r}"]
    numbers = [outgoing.message.seq for outgoing in after.messages]
    if numbers != list(range(before + 1, before + 1 + len(numbers))):
        return ["numbers do not go on"]
    expected = _labels(events(whole))
    found = _labels([*events(Outcome(whole.plan, messages=_parsed(first))), *events(after)])
    wrong = [f"{label} is lost" for label in expected.keys() - found.keys()]
    wrong += [f"{label} is nobody's" for label in found.keys() - expected.keys()]
    for label in expected.keys() & found.keys():
        if any(one != expected[label][0] for one in found[label]):
            wrong.append(f"{label} is another one")
    return wrong


def _parsed(lines: list[bytes]) -> list[Any]:
    return [SimpleNamespace(json=line) for line in lines]


def _labels(told: list[dict[str, Any]]) -> dict[tuple[int, str, int], list[dict[str, Any]]]:
    """Finished labels by utterance, state and revision."""
    found: dict[tuple[int, str, int], list[dict[str, Any]]] = defaultdict(list)
    for one in told:
        if one["type"] == "emotion" and one["state"] != "partial":
            name = one["utterance"], one["state"], one["revision"]
            found[name].append({key: value for key, value in one.items() if key not in (*OWN, "session")})
    return found
