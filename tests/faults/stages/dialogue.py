"""What follows the dialogue and tells speakers apart fails; names and numbers that are too many."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from emotrack.stream.speakers.assign import AssignedSpeaker, SpeakerEvent
from faults.bench import Bench, spoken
from faults.breaking import Replaced, Struck, hanging, raising
from faults.matrix import NEW, Observation, fault
from faults.watching import Trial
from helpers.media.scripted import Scripted, by_time, clip_line, up

COUNT = 6
Make = Callable[[Bench], Callable[..., Any]]


def _follows(
    name: str,
    function: str,
    make: Make,
    *,
    times: int | None = None,
    short: bool = False,
    told: bool = True,
) -> None:
    """A fault of the network that follows the dialogue."""

    def inject(bench: Bench) -> Observation:
        trial = Trial()
        heads = bench.workbench.heads
        struck = Struck(getattr(heads.context, function), make(bench), trial, after=3, times=times)
        heads = replace(heads, context=Replaced(heads.context, **{function: struck}))  # type: ignore[arg-type]  # stands in
        source = Scripted("desk", spoken(COUNT))
        with bench.session([source], "stream.modalities=[audio]", heads=heads, trial=trial):
            pass
        return trial.observe(COUNT)

    fault("dialogue", name, short=short, told=told)(inject)


_follows("its network fails once", "step", lambda _: raising, times=1, told=False, short=True)
_follows("its network fails each time", "step", lambda _: raising)
_follows("its network hangs", "step", hanging)
_follows("revising fails once", "revise", lambda _: raising, times=1)
_follows("revising fails each time", "revise", lambda _: raising)
_follows("revising gives no numbers", "revise", lambda _: _numberless)


def _numberless(state: Any) -> np.ndarray:
    return np.full((4, 7), np.nan, np.float32)


class Assigner:
    """Assigns speakers as `assign` does."""

    voices = None

    def __init__(self, assign: Callable[[str], tuple[AssignedSpeaker, list[SpeakerEvent]]]) -> None:
        self._assign = assign

    def assign(self, feed: str, blocks: range) -> tuple[AssignedSpeaker, list[SpeakerEvent]]:
        return self._assign(feed)

    def guess(self, feed: str, blocks: range) -> AssignedSpeaker:
        return AssignedSpeaker("spk1", 0.5)

    def reconsider(self, feed: str, blocks: range, speaker: str) -> tuple[None, list[SpeakerEvent]]:
        return None, []


def _assigns(
    name: str,
    make: Callable[[Trial], Callable[[str], tuple[AssignedSpeaker, list[SpeakerEvent]]]],
    *,
    told: bool = True,
) -> None:
    def inject(bench: Bench) -> Observation:
        trial = Trial()
        assign = make(trial)
        bench.patch.setattr(
            "emotrack.stream.labels.conversations.make_assigners",
            lambda settings, count, people: [Assigner(assign)],
        )
        with bench.session([Scripted("desk", spoken(COUNT))], "stream.modalities=[audio]", trial=trial):
            pass
        return trial.observe(COUNT)

    fault("dialogue", name, told=told)(inject)


def _failing(trial: Trial) -> Callable[[str], Any]:
    calls: list[str] = []

    def assign(feed: str) -> Any:
        calls.append(feed)
        if len(calls) > 2:
            trial.strike()
            raise RuntimeError("lost the thread")
        return AssignedSpeaker("spk1", 1.0), []

    return assign


def _naming(name: Callable[[int], str], confidence: float = 1.0) -> Callable[[Trial], Callable[[str], Any]]:
    def make(trial: Trial) -> Callable[[str], Any]:
        calls: list[str] = []

        def assign(feed: str) -> Any:
            calls.append(feed)
            trial.strike()
            new = name(len(calls))
            return AssignedSpeaker(new, confidence), [SpeakerEvent("new", new, None, 1.0)]

        return assign

    return make


_assigns("telling speakers apart fails", _failing)
_assigns("a speaker is named with escapes", _naming(lambda _: "\x1b[2Jspk"))
_assigns("a speaker has a name of 10,000 letters", _naming(lambda _: "x" * 10_000))
_assigns("each utterance has another speaker", _naming(lambda number: f"spk{number}"), told=False)
_assigns("a speaker's certainty is no number", _naming(lambda _: "spk1", float("nan")))


@fault("dialogue", "an observer of the labels fails", NEW)
def observer(bench: Bench) -> Observation:
    trial = Trial()

    def fail(labelled: object) -> None:
        trial.strike()
        raise RuntimeError("the observer is blind")

    loop = "emotrack.stream.session.loop.Loop.__init__"
    from emotrack.stream.session.loop import Loop

    begin = Loop.__init__

    def observed(self: Loop, *given: Any, **named: Any) -> None:
        begin(self, *given, **{**named, "observe": fail})

    bench.patch.setattr(loop, observed)
    with bench.session([Scripted("desk", spoken(COUNT))], "stream.modalities=[audio]", trial=trial):
        pass
    return trial.observe(COUNT)


def _voices(name: str, make: Make, times: int | None) -> None:
    """A fault of what tells voices apart, in a session that does."""

    def inject(bench: Bench) -> Observation:
        from emotrack.engines.encoders.sound.turns import TurnEncoder

        trial = Trial()
        whole = TurnEncoder.activity
        bench.patch.setattr(
            TurnEncoder, "activity", _method(Struck(whole, make(bench), trial, after=1, times=times))
        )
        lines = [clip_line(number, at=4.2 * place, pictures=False) for place, number in enumerate((0, 1))]
        source = Scripted("clip", by_time(up("audio"), *lines))
        with bench.session(
            [source], "stream.modalities=[audio]", "stream.speakers.mode=voice", trial=trial, loud=False
        ):
            pass
        return trial.observe(2)

    fault("dialogue", name)(inject)


def _method(struck: Struck) -> Callable[..., Any]:
    return lambda self, *given: struck(self, *given)


_voices("telling voices apart fails each time", lambda _: raising, None)
_voices("telling voices apart hangs", hanging, None)


@fault("dialogue", "300 utterances without a pause between sessions' clocks", told=False, seconds=120.0)
def many(bench: Bench) -> Observation:
    """As fast as it goes: a dialogue of 300 lines, whose state is bounded."""
    trial = Trial()
    began = time.monotonic()
    trial.strike()
    with bench.session(
        [Scripted("desk", spoken(300))], "stream.modalities=[audio]", trial=trial, realtime=False
    ):
        trial.wait(100.0)
    seen = trial.observe(300)
    return replace(seen, effect=f"300 labels in {time.monotonic() - began:.0f} s")
