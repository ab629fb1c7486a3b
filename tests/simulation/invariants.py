"""What holds of every session, whatever befalls it; each breach is one sentence."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, cast

from emotrack.errors import UserError
from emotrack.stream.hearing.audio import BLOCK_SECONDS
from emotrack.stream.labels.troubles import WITHOUT
from emotrack.stream.people.people import MOST_PEOPLE
from emotrack.stream.wire.protocol.messages import Emotion, Error, Feed, Message, Session, Speaker
from simulation.parts.networks import CONFIGURATION
from simulation.session import Outcome

ENDING_SECONDS = 2.0
"""After a stop, the session is over within this, but for what its outputs and its encoders take."""
VISION_SECONDS = 0.3
"""How long a live final waits for looks."""
SPARE_SECONDS = 0.4
"""Of a live final, for what may keep the loop's thread a moment: voices, half of a turn of the loop."""
LOST = re.compile(r"Utterance (\d+) has no final label")
MODALITIES = ("text", "audio", "face", "body")


def breaches(outcome: Outcome) -> list[str]:
    """Everything that did not hold."""
    return [
        f"{invariant.__name__}: {sentence}" for invariant in INVARIANTS for sentence in invariant(outcome)
    ]


TIMING = ("published_unix_ns", "start_unix_ns", "timing_ms", "lag", "queues", "shed")
"""Fields that say when or how fast a message was made."""


def events(outcome: Outcome) -> list[dict[str, Any]]:
    """The messages as plain data, less these fields."""
    plain = (json.loads(outgoing.json) for outgoing in outcome.messages)
    return [{key: value for key, value in one.items() if key not in TIMING} for one in plain]


def _messages(outcome: Outcome) -> list[Message]:
    return [outgoing.message for outgoing in outcome.messages]


def _labels(outcome: Outcome) -> dict[int, list[Emotion]]:
    """The labels of each utterance, in the order in which they were sent."""
    found: dict[int, list[Emotion]] = defaultdict(list)
    for message in _messages(outcome):
        if isinstance(message, Emotion):
            found[message.utterance].append(message)
    return found


def the_session_ends(outcome: Outcome) -> Iterator[str]:
    """As it began, once, with whatever happened; it raises only where no source is left."""
    states = [message.state for message in _messages(outcome) if isinstance(message, Session)]
    messages = _messages(outcome)
    if states != ["started", "ended"] or not isinstance(messages[0], Session):
        yield f"it says {states}"
    elif after := [one for one in messages[messages.index(_ended(messages)) + 1 :] if not _of_sink(one)]:
        yield f"{type(after[0]).__name__} after its end"
    failure = outcome.failure
    if failure is not None and not (
        isinstance(failure, UserError) and "Nothing is left to track" in str(failure)
    ):
        yield f"it raised {type(failure).__name__}: {failure}"
    for died in outcome.thread_failures:
        yield f"a thread died of {type(died).__name__}: {died}"
    if outcome.threads_left:
        yield f"threads are left: {', '.join(outcome.threads_left)}"


def _ended(messages: list[Message]) -> Message:
    return next(one for one in messages if isinstance(one, Session) and one.state == "ended")


def _of_sink(message: Message) -> bool:
    """Whether it tells of an output, which may fail with the last message, too."""
    told = ("A sink", "SimulatedSink", "Recording")
    return isinstance(message, Error) and message.message.startswith(told)


def every_utterance_has_one_final(outcome: Outcome) -> Iterator[str]:
    """Or it is told that it has none."""
    labels = _labels(outcome)
    lost = {
        int(found[1])
        for message in _messages(outcome)
        if isinstance(message, Error) and (found := LOST.match(message.message))
    }
    for number in outcome.begun.keys() - outcome.forgotten:
        finals = sum(label.state == "final" for label in labels[number])
        if finals + (number in lost) != 1:
            told = " and is told to have none" if number in lost else ""
            yield f"utterance {number} has {finals} finals{told}"
    if unknown := labels.keys() - outcome.begun.keys():
        yield f"utterances that never began have labels: {sorted(unknown)}"
    for number in outcome.forgotten:
        if any(label.state != "partial" for label in labels[number]):
            yield f"utterance {number} showed nothing and has a label"


def labels_follow_one_another(outcome: Outcome) -> Iterator[str]:
    """Partials, the final, revisions; each one revision higher than the one before."""
    order = {"partial": 0, "final": 1, "revised": 2}
    for number, labels in _labels(outcome).items():
        states = [order[label.state] for label in labels]
        if states != sorted(states):
            yield f"utterance {number} goes {[label.state for label in labels]}"
        if (revisions := [label.revision for label in labels]) != list(range(len(labels))):
            yield f"utterance {number} has revisions {revisions}"


def finals_of_a_feed_do_not_overlap(outcome: Outcome) -> Iterator[str]:
    """Neither of what was said nor of what was seen; of either, one numbered later began later.

    Sound that begins again comes a piece later than the pictures of its beginning.
    """
    piece = {feed.name: feed.chunk + feed.late + BLOCK_SECONDS for feed in outcome.plan.feeds}
    feeds: dict[str, list[Emotion]] = {}
    last: dict[tuple[str, bool], Emotion] = {}
    for label in _messages(outcome):
        if not isinstance(label, Emotion) or label.state != "final":
            continue
        if label.end < label.start:
            yield f"utterance {label.utterance} ends before it begins"
        feeds.setdefault(label.source, []).append(label)
        kind = label.source, label.modalities["audio"].present
        if (before := last.get(kind)) is not None and before.start > label.start:
            yield f"utterance {label.utterance} of {label.source} began before {before.utterance}"
        last[kind] = label
    for source, labels in feeds.items():
        for before, label in pairwise(sorted(labels, key=lambda label: (label.start, label.end))):
            silent = before.modalities["audio"].reason in ("no audio", "muted")
            if before.end > label.start + (piece[source] if silent else 0.002):
                yield (
                    f"utterances {before.utterance} ({before.start}-{before.end} s) and {label.utterance} "
                    f"({label.start}-{label.end} s) of {source} overlap"
                )


def finals_come_in_the_order_of_their_endpoints(outcome: Outcome) -> Iterator[str]:
    """In one conversation where there is time for it, else in one feed; the summary counts them."""
    apart = outcome.plan.realtime or outcome.plan.overrides["speakers"]["conversations"] == "apart"
    last: dict[str, tuple[float, float, int]] = {}
    counts: dict[str, int] = defaultdict(int)
    for label in _messages(outcome):
        if not isinstance(label, Emotion) or label.state != "final":
            continue
        counts[label.source] += 1
        utterance = outcome.begun[label.utterance]
        whose = label.source if apart else ""
        start = 0.0 if outcome.plan.realtime else utterance.start  # which may not be known yet
        place = utterance.endpoint, start, utterance.feed
        if whose in last and last[whose] > place:
            yield f"utterance {label.utterance}, which ended at {place[0]} s, is labelled too late"
        last[whose] = place
    for feed, labels in outcome.labels.items():
        if counts[feed] != labels:
            yield f"{feed} has {counts[feed]} finals, and the summary says {labels}"


def live_finals_do_not_wait_too_long(outcome: Outcome) -> Iterator[str]:
    """No longer than their words may take, unless something keeps the loop's own thread. At the end of the
    session all that was taken is looked at first."""
    plan = outcome.plan
    if not plan.realtime or plan.stall is not None or any(sink.plan.kind == "slow" for sink in outcome.sinks):
        return
    deadline = cast(float, plan.overrides["labels"]["text_deadline"])
    for label in _messages(outcome):
        if isinstance(label, Emotion) and label.state == "final":
            total = (label.timing_ms.total or 0.0) / 1e3
            late = max(feed.late + feed.chunk for feed in plan.feeds)  # what ended before may be known later
            looks = 2 * len(plan.feeds) * plan.look_seconds
            if total > max(deadline, VISION_SECONDS) + late + looks + SPARE_SECONDS:
                yield f"utterance {label.utterance} has its final {total:.2f} s after its end"


def positions_are_gapless(outcome: Outcome) -> Iterator[str]:
    """As each output has them; one that failed has the beginning."""
    everything = [outgoing.json for outgoing in outcome.messages]
    topics: dict[str, int] = defaultdict(int)
    for place, outgoing in enumerate(outcome.messages, 1):
        topics[outgoing.topic] += 1
        if outgoing.message.seq != place or outgoing.message.topic_seq != topics[outgoing.topic]:
            yield f"message {place} is numbered {outgoing.message.seq} and {outgoing.message.topic_seq}"
    for sink in outcome.sinks:
        taken = [outgoing.json for outgoing in sink.taken]
        if taken != everything[: len(taken)]:
            yield f"a sink that {sink.plan.kind} has other messages than were sent"
        whole = sink.plan.kind in ("slow", "watches")
        if len(taken) < len(everything) and whole:
            yield f"a sink that {sink.plan.kind} has {len(taken)} of {len(everything)} messages"
        if not sink.closed:
            yield f"a sink that {sink.plan.kind} is not closed"
    for lines in outcome.records:
        if lines != everything[: len(lines)]:
            yield "a recording has other lines than were sent"
        if len(lines) < len(everything) and not any("Recording" in one for one in outcome.incomplete):
            yield f"a recording has {len(lines)} of {len(everything)} lines, and nothing is told"


def failures_are_told_once(outcome: Outcome) -> Iterator[str]:
    """Until the part has worked again, or the medium was up again."""
    working: dict[tuple[str, str | None], bool] = {}
    parts = {sentence: part for part, sentence in WITHOUT.items()}
    speech: dict[str, int] = defaultdict(int)
    down: dict[tuple[str, str | None], bool] = {}
    troubles = outcome.plan.troubles
    shown = not any(troubles[part].share for part in ("fusion", "context") if part in troubles)
    """Whether a part that works shows in a label."""
    for message in _messages(outcome):
        match message:
            case Emotion(source=source, modalities=modalities):
                for modality in MODALITIES:
                    if modalities[modality].present:
                        working[modality, source] = True
            case Error(message=sentence, source=source):
                part = parts.get(sentence.split(":")[0])
                if LOST.match(sentence):  # what was described for it worked, too
                    working |= dict.fromkeys(((modality, source) for modality in MODALITIES), True)
                if part in MODALITIES and source is not None:
                    if shown and not working.get((part, source), True):
                        yield f"told twice of {source}: {sentence}"
                    working[part, source] = False
                if part == "speech":
                    speech[str(source)] += 1
            case Feed(source=source, medium=medium, state=state):
                if state == "down" and down.get((source, medium)):
                    yield f"{medium} of {source} goes down twice: {message.reason}"
                down[source, medium] = state == "down"
    for feed, begun in zip(outcome.plan.feeds, outcome.speech_spells, strict=False):
        if speech[feed.name] > begun:
            yield f"that speech cannot be detected in {feed.name} is told too often"


def errors_are_sentences(outcome: Outcome) -> Iterator[str]:
    """And nothing that is no number leaves the session."""
    for outgoing in outcome.messages:
        message = outgoing.message
        if isinstance(message, Error) and not message.message.endswith("."):
            yield f"no sentence: {message.message!r}"
        goes_on = outcome.failure is None and outcome.stopped_at is None
        if isinstance(message, Error) and not message.continues and goes_on:
            yield f"the session goes on after: {message.message}"
        if b"NaN" in outgoing.json or b"Infinity" in outgoing.json:
            yield f"no number in {outgoing.json[:80]!r}"


def what_is_held_is_bounded(outcome: Outcome) -> Iterator[str]:
    """Queues, and what is kept of utterances, people and labels."""
    ordered = not outcome.plan.realtime
    most: dict[str, float] = {
        "heard": 60.0,
        "shown": 12 if ordered else 1,
        # at the end nobody waits for room any more, and what was read comes on top
        "looks": (8 + 12) * len(outcome.plan.feeds) if ordered else len(outcome.plan.feeds),
        "people": MOST_PEOPLE,
        "published": CONFIGURATION.revisions + 1 + outcome.bounds.get("late words", 0),
        "early": 3 * len(outcome.plan.feeds),
    }
    for what, limit in most.items():
        if outcome.bounds.get(what, 0) > limit + 1e-6:
            yield f"{what}: {outcome.bounds[what]} are held, not {limit}"
    if outcome.streams_left:
        yield f"{outcome.streams_left} streams of the recogniser are left open"


def a_stopped_session_ends_in_time(outcome: Outcome) -> Iterator[str]:
    """Two seconds after it was asked to, unless an output or the recogniser keeps the loop's own thread."""
    slow = any(sink.plan.kind == "slow" for sink in outcome.sinks)
    if outcome.stopped_at is None or slow:
        return
    took = outcome.seconds - outcome.stopped_at
    if took > ENDING_SECONDS:
        yield f"it took {took:.2f} s"


def who_was_renamed_is_called_so(outcome: Outcome) -> Iterator[str]:
    """From then on, in every label; who is told of was introduced."""
    gone: dict[str, str] = {}
    known: set[str] = set()
    for message in _messages(outcome):
        match message:
            case Speaker(event="new", speaker=name):
                if name in known:
                    yield f"{name} is introduced twice"
                known.add(name)
            case Speaker(event="alias", speaker=name, alias_of=str(other)):
                if other not in known:
                    yield f"{name} turns out to be {other}, who was never told of"
                gone[name] = other
            case Emotion(speaker=speaker, utterance=number, others=others):
                for name in (speaker.id, *(other.speaker for other in others)):
                    if name in gone:
                        yield f"utterance {number} is {name}'s, who is {gone[name]}"


def labels_can_be_read(outcome: Outcome) -> Iterator[str]:
    """Scores are a distribution; modalities that are absent say why."""
    for number, labels in _labels(outcome).items():
        for label in labels:
            if abs(sum(label.scores.values()) - 1) > 0.01:
                yield f"the scores of utterance {number} sum to {sum(label.scores.values()):.3f}"
            for name, modality in label.modalities.items():
                if modality.present == bool(modality.reason):
                    yield f"{name} of utterance {number} is there: {modality.present}, for: {modality.reason}"


INVARIANTS: tuple[Callable[[Outcome], Iterator[str]], ...] = (
    the_session_ends,
    every_utterance_has_one_final,
    labels_follow_one_another,
    finals_of_a_feed_do_not_overlap,
    finals_come_in_the_order_of_their_endpoints,
    live_finals_do_not_wait_too_long,
    positions_are_gapless,
    failures_are_told_once,
    errors_are_sentences,
    what_is_held_is_bounded,
    a_stopped_session_ends_in_time,
    who_was_renamed_is_called_so,
    labels_can_be_read,
)
