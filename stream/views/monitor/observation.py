"""What a tracker that runs elsewhere tells a stranger within a few seconds: who answers, what holds, how its
heart beats, and how its snapshot socket answers.

It is gathered here, and judged in `diagnosis`. Whatever the publisher sends, listening ends in time and keeps
a bounded amount.
"""

import time
from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import msgspec
import zmq

from emotrack.errors import UserError
from emotrack.stream.views.monitor.state import MonitorState, fold
from emotrack.stream.wire.client.greeting import NoGreeting, greet
from emotrack.stream.wire.client.snapshots import SnapshotClient
from emotrack.stream.wire.client.subscription import Subscription, subscribe
from emotrack.stream.wire.protocol.encoding import BadMessage, decode
from emotrack.stream.wire.protocol.endpoints import Address, parse_endpoint
from emotrack.stream.wire.protocol.keys import ClientKeys, load_public_key
from emotrack.stream.wire.protocol.messages import Emotion, Error, Heartbeat, Message, Session
from emotrack.stream.wire.protocol.snapshots import SnapshotReply

FIRST_WAIT = 6.0
"""Seconds to wait for a first heartbeat."""
LISTENING = 5.0
"""Seconds to listen from then on."""
RECENT = 500
"""Messages back to which errors are looked for."""
KEPT_BEATS = 32
KEPT_PROBLEMS = 20
KEPT_LABELS = 64
KEPT_ERRORS = 20


@dataclass(frozen=True, slots=True)
class Beat:
    """A heartbeat, and when it came (seconds of the monotonic clock)."""

    came: float
    message: Heartbeat


@dataclass
class Observation:
    """What was found out."""

    address: Address
    unreachable: str | None = None
    """Why nobody could be listened to, with what mends it; everything below is empty then."""
    encrypted: bool = False
    state: MonitorState = field(default_factory=MonitorState)
    """What holds, as the monitor knows it."""
    began: float = 0.0
    """When listening began and ended, seconds of the monotonic clock."""
    ended: float = 0.0
    beats: deque[Beat] = field(default_factory=lambda: deque(maxlen=KEPT_BEATS))
    beaten: int = 0
    """Heartbeats in all."""
    labels: dict[str, Emotion] = field(default_factory=dict)
    """The newest finished label of each speaker."""
    errors: deque[Error] = field(default_factory=lambda: deque(maxlen=KEPT_ERRORS))
    """Errors among the newest messages of the session, oldest first."""
    delay: float | None = None
    """Seconds from sending to arrival, of the quickest message, by two clocks: what they differ by, and a
    little."""
    lost: int = 0
    """Messages that were lost and could not be had again."""
    skipped: int = 0
    """Frames that were no messages."""
    restarts: int = 0
    """Sessions that followed the first one."""
    problems: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT_PROBLEMS))
    """What went wrong without ending the subscription."""
    snapshot_address: Address | None = None
    snapshot_seconds: float | None = None
    """How long the answer to a snapshot request took; None where there was none."""
    snapshot_problem: str = ""
    """Why there was none."""

    @property
    def last_beat(self) -> Heartbeat | None:
        """The newest heartbeat."""
        return self.beats[-1].message if self.beats else None

    @property
    def start_unix_ns(self) -> int | None:
        """Session time 0 in Unix nanoseconds, where anybody told."""
        told = self.state.session or self.last_beat
        return None if told is None else told.start_unix_ns


def observe(
    endpoint: str,
    *,
    server_key: str | Path | None = None,
    keys: str | Path | None = None,
    seconds: float = LISTENING,
    first_wait: float = FIRST_WAIT,
) -> Observation:
    """Listen to the tracker at `endpoint` for `seconds` from its first heartbeat on, for which is waited
    `first_wait` seconds.

    Raises `UserError` for what is no address, and for keys that cannot be read.
    """
    observation = Observation(address := parse_endpoint(endpoint), encrypted=server_key is not None)
    with subscribe(
        endpoint, server_key=server_key, keys=keys, on_problem=observation.problems.append
    ) as subscription:
        try:
            encrypted = greet(address).encrypted
        except NoGreeting as nobody:
            observation.unreachable = str(nobody)
            return observation
        if encrypted != observation.encrypted:
            observation.unreachable = _MISMATCH[encrypted].format(address)
            return observation
        connected = _listen(observation, subscription, seconds, first_wait)
    if not (connected or observation.state.session_id or observation.skipped):
        observation.unreachable = _refused(observation)
        return observation
    _ask(observation, server_key, keys)
    return observation


_MISMATCH = {
    True: "the publisher at {} is encrypted: add --server-key KEY and --keys FILE.",
    False: "the publisher at {} is not encrypted: leave out --server-key and --keys.",
}


def _refused(observation: Observation) -> str:
    """Why a ZeroMQ socket that greets lets no subscriber in."""
    if not observation.encrypted:  # nor is it, as its greeting said: keys are not what is wrong
        return (
            f"what answers at {observation.address} speaks ZeroMQ, and is no publisher: it may be the "
            "snapshot socket, which is one port above the publisher's."
        )
    for problem in observation.problems:
        if not problem.startswith("Nothing from "):
            return problem[:1].lower() + problem[1:]
    return (
        f"the publisher at {observation.address} lets these keys wait: they are not its own, or it is "
        "busy with others; ask for its server.key, and try again."
    )


def _listen(observation: Observation, subscription: Subscription, seconds: float, first_wait: float) -> bool:
    """Note what comes; whether a publisher was connected at the end."""
    observation.began = time.monotonic()
    until = observation.began + first_wait
    while (left := until - time.monotonic()) > 0:
        try:
            message = subscription.receive(left)
        except TimeoutError:
            break
        if _note(observation, message, time.monotonic()):
            until = time.monotonic() + seconds
    observation.ended = time.monotonic()
    observation.lost, observation.skipped = subscription.lost, subscription.skipped
    observation.restarts = subscription.restarts
    return subscription.connected


def _note(observation: Observation, message: Message, now: float) -> bool:
    """Keep what is needed of one message; whether it is the first heartbeat."""
    if message.session != observation.state.session_id:
        observation.beats.clear()
        observation.labels.clear()
        observation.delay = None
    observation.state = fold(observation.state, message)
    match message:
        case Heartbeat():  # none is in a snapshot: each comes as it is sent
            observation.beats.append(Beat(now, msgspec.structs.replace(message, topics={})))
            observation.beaten += 1
            delay = (time.time_ns() - message.published_unix_ns) / 1e9
            observation.delay = delay if observation.delay is None else min(delay, observation.delay)
            return observation.beaten == 1
        case Emotion(state="final" | "revised"):
            observation.labels.pop(message.speaker.id, None)
            observation.labels[message.speaker.id] = message
            if len(observation.labels) > KEPT_LABELS:
                del observation.labels[next(iter(observation.labels))]
        case Session(state="ended"):
            return not observation.beaten  # nothing more comes of this one: no need to wait for long
    return False


def _ask(observation: Observation, server_key: str | Path | None, keys: str | Path | None) -> None:
    """Time a snapshot request of one's own, and look for errors in what it tells of the last while."""
    beat = observation.last_beat
    address = observation.address.beside()
    problems: deque[str] = deque(maxlen=KEPT_PROBLEMS)
    context = zmq.Context()
    try:
        if beat is not None and beat.snapshot_endpoint:
            address = parse_endpoint(beat.snapshot_endpoint).seen_from(observation.address)
        observation.snapshot_address = address
        greet(address)
        curve = (load_public_key(server_key), ClientKeys.load(Path(keys))) if server_key and keys else None
        client = SnapshotClient(context, address, curve, problems.append)
        since = None if beat is None else max(0, beat.seq - RECENT)
        asked = time.monotonic()
        reply = client.ask(observation.state.session_id, since)
        if reply is None:
            observation.snapshot_problem = problems[-1] if problems else "It does not answer."
            return
        observation.snapshot_seconds = time.monotonic() - asked
        _take(observation, reply)
    except (NoGreeting, UserError) as nobody:
        observation.snapshot_problem = str(nobody)
    finally:
        context.destroy(linger=0)


def _take(observation: Observation, reply: SnapshotReply) -> None:
    """Whatever a reply adds to what was heard."""
    for raw in islice(reply.events, RECENT):
        try:
            message = decode(bytes(raw))
        except BadMessage:
            continue
        if isinstance(message, Error) and message.session == observation.state.session_id:
            observation.errors.append(message)
