"""What follows the dialogue and tells speakers apart fails; names and numbers that are too many; sessions
that are gone on with."""

import pickle
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from emotrack.demo import clip_path
from emotrack.stream.speakers.assign import AssignedSpeaker, SpeakerEvent
from emotrack.stream.wire.protocol.messages import Emotion, Session
from faults.bench import Bench, spoken
from faults.breaking import Replaced, Struck, hanging, raising
from faults.matrix import NEW, Observation, fault
from faults.watching import Trial, is_final
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


def _senseless(bench: Bench) -> Callable[..., Any]:
    step = bench.workbench.heads.context.step

    def nonsense(row: np.ndarray, memory: Any) -> Any:
        label, after = step(row, memory)
        return replace(label, logits=np.full_like(label.logits, np.nan)), after

    return nonsense


def _numberless(state: Any) -> np.ndarray:
    return np.full((4, 7), np.nan, np.float32)


# What fails once is answered at the second attempt: nothing is lost of it, and there is nothing to tell.
_follows("its network fails once", "step", lambda _: raising, times=1, told=False)
_follows("its network fails each time", "step", lambda _: raising, short=True)
_follows("its network hangs", "step", hanging)
_follows("its network gives no numbers", "step", _senseless)
_follows("revising fails once", "revise", lambda _: raising, times=1, told=False)
_follows("revising fails each time", "revise", lambda _: raising)
_follows("revising gives no numbers", "revise", lambda _: _numberless)


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


def _kept(bench: Bench, *more: str) -> Trial:
    """The demonstration clip in a process that keeps its session, or goes on with it; after the first final
    label it is killed without warning, unless it goes on."""
    bench.patch.setenv("XDG_STATE_HOME", str(bench.folder))
    goes_on = (bench.folder / "emotrack").exists()
    command = [str(clip_path()), "--fast", "--publish", "none", "--modalities", "text,audio", *more]
    with bench.process(*command, "--resume", "kitchen") as trial:
        if not goes_on:
            trial.wait_for(is_final, 60.0)
            trial.strike()
            assert trial.process is not None
            trial.process.kill()
    return trial


@fault("dialogue", "its process is killed, and started again", told=False, short=True, seconds=150.0)
def killed(bench: Bench) -> Observation:
    before, after = _kept(bench), _kept(bench)
    complaints = []
    messages = [*before.messages, *after.messages]
    numbers = [message.seq for message in messages]
    # What the dead process had written, nobody may have read.
    if len(set(numbers)) < len(numbers) or numbers != sorted(numbers):
        complaints.append("numbers are given twice")
    if len({message.session for message in messages}) > 1:
        complaints.append("it is another session")
    begun = {message.utterance for message in messages if isinstance(message, Emotion)}
    final = {message.utterance for message in messages if is_final(message)}  # type: ignore[union-attr]
    if not any(isinstance(message, Session) and message.reason == "resumed" for message in after.messages):
        complaints.append("nobody is told that it goes on")
    return Observation(
        f"{len(final)} finals in two processes", lost=len(begun - final), complaints=tuple(complaints)
    )


def _unfit(name: str, spoil: Callable[[Path], object], *more: str) -> None:
    """What is kept does not go with what is to go on: refused in a sentence, and left as it is."""

    def inject(bench: Bench) -> Observation:
        _kept(bench)
        folder = bench.folder / "emotrack" / "sessions" / "kitchen"
        spoil(folder)
        kept = {path.name: path.read_bytes() for path in folder.iterdir()}
        began = time.monotonic()
        trial = _kept(bench, *more)
        refused = next((line for line in reversed(trial.said) if line.startswith("emotrack: ")), "")
        complaints = [] if trial.process is not None and trial.process.returncode == 2 else ["it is taken"]
        if kept != {path.name: path.read_bytes() for path in folder.iterdir()}:
            complaints.append("what is kept has changed")
        took = time.monotonic() - began if refused else None
        return Observation(refused, took, complaints=tuple(complaints))

    fault("dialogue", f"what is kept of it {name}", seconds=150.0, limit=20.0)(inject)


def _both(folder: Path, data: bytes) -> None:
    for name in ("state", "state.before"):
        (folder / name).write_bytes(data)


_unfit("is damaged", lambda folder: _both(folder, b"session 1 0\n\x80"))
_unfit("is of another version", lambda folder: _both(folder, b"session 99 0\n\x80"))
_unfit("is a pickle", lambda folder: _both(folder, pickle.dumps({"a": 1})))
_unfit("lacks a message", lambda folder: _without_line(folder / "messages.jsonl", 3))
_unfit("is of other settings", lambda folder: None, "--set", "stream.labels.partial_interval=3")


def _without_line(path: Path, number: int) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:number], *lines[number + 1 :]]))
