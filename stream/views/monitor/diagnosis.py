"""Judging what was observed of a running tracker: one check after the other, each with its verdict and, where
all is not well, what mends it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import pairwise

from emotrack.notify import clock
from emotrack.stream.views.monitor.header import LATE_AFTER, STALE_AFTER
from emotrack.stream.views.monitor.observation import Observation
from emotrack.stream.views.monitor.state import LASTING
from emotrack.stream.wire.protocol.messages import SCHEMA, Feed
from emotrack.stream.wire.protocol.parts import EngineInfo

CLOCKS_APART = 0.5
"""Seconds between two machines' clocks from which on words are placed wrongly beside what others recorded."""
SLOW_ANSWER = 1.0
"""Seconds for a snapshot from which on a late joiner is not caught up in time."""
GROWN = 20
"""Items by which a queue must have grown, without ever shrinking, to be said to grow."""
FRESH = 60.0
"""Seconds for which an error is news."""
SHOWN_FEEDS = 32
SHOWN_ENGINES = 32
SHOWN = 8
"""Names in a list."""
BUSY = (
    "give it less to do (fewer sources, --modalities, --set stream.vision.face_rate=2, a smaller Whisper) or "
    "a faster machine"
)
REPLACED = ("video_frames", "frames_replaced")
"""Of pictures the newest counts, so that one is dropped for it now and then is how it should be."""
BROKEN = ("failed", "encoder failed", "transcription failed", "not finite", "no recogniser", "late", "shed")
"""Reasons of a masked modality that are the tracker's, not of who is seen and heard."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line: `good` True, False, or None for what can neither be called good nor bad."""

    subject: str
    good: bool | None
    text: str
    remedy: str = ""
    """What mends it; empty where nothing is to be mended, or the text says so."""

    @property
    def sentence(self) -> str:
        """Both in one."""
        return f"{self.text}; {self.remedy}" if self.remedy else self.text


def diagnose(observation: Observation) -> Iterator[Check]:
    """Every check of a tracker that was listened to; the first alone where it could not be."""
    if observation.unreachable is not None:
        yield Check("reachable", False, observation.unreachable)
        return
    encrypted = ", encrypted, with these keys" if observation.encrypted else ""
    yield Check("reachable", True, f"a publisher answers at {observation.address}{encrypted}")
    yield _protocol(observation)
    yield _session(observation)
    yield _heartbeat(observation)
    if observation.beats:
        yield _lag(observation)
        yield _queues(observation)
        yield _load(observation)
        yield _dropped(observation)
    yield from _feeds(observation)
    yield from _engines(observation)
    yield from _modalities(observation)
    yield from _people(observation)
    yield _errors(observation)
    if observation.delay is not None:
        yield _clock(observation.delay)
    yield _losses(observation)
    yield _snapshots(observation)


def _protocol(observation: Observation) -> Check:
    if observation.skipped:
        return Check(
            "protocol",
            False,
            f"{observation.skipped} messages are none of {SCHEMA}",
            "something else publishes at this address, or a version that this one does not read",
        )
    session = observation.state.session
    return Check("protocol", True, SCHEMA if session is None else f"{SCHEMA}, {session.encoding}")


def _session(observation: Observation) -> Check:
    name, session = observation.state.session_id, observation.state.session
    if not name:
        return Check("session", False, "none has begun", "wait until its networks are loaded, or start one")
    since = _moment(observation, 0.0)
    if session is not None and session.state == "ended":
        return Check("session", False, f"{name} has ended: {session.reason or 'no reason given'}", "start it")
    if observation.restarts:
        return Check(
            "session",
            False,
            f"{name}, and {observation.restarts} before it within these seconds",
            "something ends it and starts it again: its own words on stderr say what",
        )
    return Check("session", True, f"{name} since {since}")


def _heartbeat(observation: Observation) -> Check:
    if not observation.beats:
        waited = observation.ended - observation.began
        return Check(
            "heartbeat",
            False,
            f"none within {waited:.0f} s",
            "its session has not begun, or it hangs: start it again",
        )
    came = [beat.came for beat in observation.beats]
    silent = observation.ended - came[-1]
    widest = max([after - before for before, after in pairwise(came)] + [silent])
    if widest > STALE_AFTER and not _over(observation):
        return Check(
            "heartbeat",
            False,
            f"{observation.beaten}, and none for {widest:.1f} s" + (" up to now" if widest == silent else ""),
            "it hangs or is held up by its machine or the network: start it again if that lasts",
        )
    return Check("heartbeat", True, f"{observation.beaten} in {observation.ended - came[0]:.1f} s")


def _over(observation: Observation) -> bool:
    return observation.state.session is not None and observation.state.session.state == "ended"


def _lag(observation: Observation) -> Check:
    lags = [beat.message.lag for beat in observation.beats]
    if min(lags) > LATE_AFTER:
        return Check("lag", False, f"{lags[-1]:.2f} s behind what is said and seen", BUSY)
    return Check("lag", True, f"{lags[-1]:.2f} s, at most {max(lags):.2f} s")


def _queues(observation: Observation) -> Check:
    histories: dict[str, list[int]] = {}
    for beat in observation.beats:
        for name, depth in beat.message.queues.items():
            histories.setdefault(name, []).append(depth)
    growing = [
        name
        for name, depths in histories.items()
        if depths[-1] - depths[0] >= GROWN and all(before <= after for before, after in pairwise(depths))
    ]
    depths = _listed([f"{name} {depths[-1]}" for name, depths in histories.items()]) or "none"
    if growing:
        return Check("queues", False, f"{_listed(growing)} grows without a pause ({depths})", BUSY)
    return Check("queues", True, depths)


def _load(observation: Observation) -> Check:
    last = observation.beats[-1].message
    grown = _grown([beat.message.shed for beat in observation.beats])
    less = _listed([f"{name} {count}" for name, count in last.shed.items() if count])
    before = f"; since it began {less}" if less else ""
    if last.shedding:
        return Check("load", False, f"leaves out {_listed(last.shedding)}{before}", BUSY)
    if grown:
        return Check("load", False, f"{_counted(grown)} left out meanwhile{before}", BUSY)
    return Check("load", True, f"nothing is left out{before}")


def _dropped(observation: Observation) -> Check:
    last = observation.beats[-1].message
    grown = _grown([beat.message.dropped for beat in observation.beats])
    lost = [name for name in grown if name not in REPLACED]
    sums = _listed([f"{name} {count}" for name, count in last.dropped.items() if count])
    before = f"; since it began {sums}" if sums else ""
    if lost:
        return Check("dropped", False, f"{_counted(grown)} dropped meanwhile{before}", BUSY)
    if grown:
        return Check("dropped", None, f"{_counted(grown)}: pictures that newer ones replaced{before}")
    return Check("dropped", True, f"nothing meanwhile{before}")


def _feeds(observation: Observation) -> Iterator[Check]:
    feeds = observation.state.feeds
    session = observation.state.session
    named = () if session is None else (feed.source for feed in session.feeds)
    sources = list(dict.fromkeys([*named, *(source for source, _ in feeds)]))
    for source in sources[:SHOWN_FEEDS]:
        told = [feed for (name, _), feed in feeds.items() if name == source]
        yield _feed(observation, source, sorted(_holding(told), key=lambda feed: feed.medium or ""))
    if len(sources) > SHOWN_FEEDS:
        yield Check("feed", None, f"and {len(sources) - SHOWN_FEEDS} more")
    if not sources:
        yield Check("feed", False, "none is told of", "the tracker has no source: name one when starting it")


def _holding(told: Sequence[Feed]) -> Iterator[Feed]:
    """What holds of one source: that all of it is degraded is the load's matter, and that all of it is down
    is over once one of its media is up again."""
    revived = max((feed.time for feed in told if feed.medium and feed.state != "down"), default=float("-inf"))
    for feed in told:
        if feed.medium is not None or (feed.state == "down" and feed.time >= revived):
            yield feed


def _feed(observation: Observation, source: str, media: Sequence[Feed]) -> Check:
    """One source: bad where it gives nothing, or something of it has gone since the beginning."""
    parts, bad = [], False
    for feed in media:
        absent = feed.state == "down" and feed.medium is not None and feed.time <= 0
        bad = bad or (feed.state != "up" and not absent)
        since = "" if absent else f" since {_moment(observation, feed.time)}"
        why = f" ({feed.reason})" if feed.reason and feed.state != "up" else ""
        parts.append(f"{feed.medium or 'all of it'} {feed.state}{since}{why}")
    states = {feed.state for feed in media if feed.medium is not None}
    if not media:
        return Check("feed", False, f"{source}: nothing of it yet", "see whether its device or address is up")
    if bad or states == {"down"}:
        remedy = "see to what the reason names; a live source is tried again by itself"
        return Check("feed", False, f"{source}: {', '.join(parts)}", remedy)
    return Check("feed", True, f"{source}: {', '.join(parts)}")


def _engines(observation: Observation) -> Iterator[Check]:
    if (session := observation.state.session) is None:
        return
    for engine in session.engines[:SHOWN_ENGINES]:
        yield _engine(engine)


def _engine(engine: EngineInfo) -> Check:
    subject = f"engine {engine.part}"
    skipped: dict[str, list[str]] = {}
    for one in engine.skipped:
        skipped.setdefault(one.reason, []).append(one.backend)
    if engine.model is None:
        return Check(subject, None, f"nothing computes it: {'; '.join(skipped) or 'no reason given'}")
    backend = "" if engine.backend in (None, engine.model) else f" on {engine.backend}"
    reasons = "; ".join(f"{_listed(backends)}: {reason}" for reason, backends in skipped.items())
    return Check(subject, True, f"{engine.model}{backend}" + (f" (not {reasons})" if reasons else ""))


def _modalities(observation: Observation) -> Iterator[Check]:
    """What the newest labels lack."""
    if not observation.labels:
        yield Check("modalities", None, "nothing was labelled yet")
        return
    masked: Counter[tuple[str, str]] = Counter()
    for label in observation.labels.values():
        for name, modality in label.modalities.items():
            if modality.reason is not None:
                masked[name, modality.reason] += 1
    lasting = [(name, why) for name, why in masked if why in LASTING]
    broken = [(name, why) for name, why in masked if why.startswith(BROKEN)]
    text = _listed([f"{name} ({why})" for name, why in masked])
    if broken:
        remedy = f"see {_listed([name for name, _ in broken])} above, or `emotrack doctor` on that machine"
        yield Check("modalities", False, f"masked: {text}", remedy)
    else:
        good = True if len(lasting) == len(masked) else None
        yield Check("modalities", good, f"masked: {text}" if text else "none is masked")


def _people(observation: Observation) -> Iterator[Check]:
    state = observation.state
    present = sum(person.state == "present" for person in state.people.values())
    yield Check("people", True, f"{present} present, {len(state.people) - present} away")
    if state.session is not None:
        policy = state.session.policy
        refused = "none" if policy is None else f"refuses {_listed(policy.refused) or 'nothing'}"
        yield Check("policy", True, refused)


def _errors(observation: Observation) -> Check:
    if not observation.errors:
        return Check("errors", True, "none lately")
    last = observation.errors[-1]
    told = f"{len(observation.errors)} lately, the last at {_moment(observation, last.time)}: {last.message}"
    fresh = observation.state.time - last.time <= FRESH
    return Check("errors", False if fresh or not last.continues else None, told)


def _clock(delay: float) -> Check:
    if abs(delay) <= CLOCKS_APART:
        return Check("clock", True, f"messages come {max(delay, 0.0) * 1e3:.0f} ms after they were sent")
    which = "behind" if delay > 0 else "ahead of"
    return Check(
        "clock",
        False,
        f"the tracker's is {abs(delay):.1f} s {which} this machine's, or its messages are that late",
        "set both by NTP (`timedatectl set-ntp true`)",
    )


def _losses(observation: Observation) -> Check:
    if observation.lost:
        return Check(
            "losses",
            False,
            f"{observation.lost} messages were lost and could not be had again",
            "the network drops them, or the snapshot socket does not answer (below)",
        )
    return Check("losses", True, "no message is missing")


def _snapshots(observation: Observation) -> Check:
    address, seconds = observation.snapshot_address, observation.snapshot_seconds
    if seconds is None:
        return Check(
            "snapshots",
            False,
            observation.snapshot_problem.rstrip("."),
            f"open {address} as well, without which losses stay and late joiners see nothing",
        )
    answered = f"answered within {seconds * 1e3:.0f} ms at {address}"
    if seconds > SLOW_ANSWER:
        return Check("snapshots", False, answered, "its machine or the network is too busy")
    return Check("snapshots", True, answered)


def _grown(sums: Sequence[dict[str, int]]) -> dict[str, int]:
    """By how much sums have grown from the first to the last."""
    first, last = sums[0], sums[-1]
    return {name: more for name, count in last.items() if (more := count - first.get(name, 0)) > 0}


def _counted(numbers: dict[str, int]) -> str:
    return _listed([f"{name} {number}" for name, number in numbers.items()])


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _moment(observation: Observation, time: float) -> str:
    """A moment of session time as people read it; as session time where it cannot be any of the calendar."""
    if observation.start_unix_ns is None:
        return f"{clock(time)} of the session"
    try:
        start = datetime.fromtimestamp(observation.start_unix_ns / 1e9, timezone.utc)
        moment = (start + timedelta(seconds=time)).astimezone()
    except (OverflowError, ValueError, OSError):
        return f"{clock(time)} of the session"
    return f"{moment:%Y-%m-%d %H:%M:%S}"
