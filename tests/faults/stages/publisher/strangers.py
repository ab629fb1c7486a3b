"""Strangers at the publisher's ports, and keys that change while it runs."""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from emotrack.stream.wire.client.subscription import Subscription, subscribe
from emotrack.stream.wire.protocol.keys import ClientKeys, ServerKeys, create_keys
from faults.bench import Bench
from faults.matrix import DETECTION, Observation, Skipped, fault
from helpers.sessions.strangers import ATTACKS, besieged
from helpers.sessions.wire import heartbeats, publishing

GAP = 0.2
"""Seconds that an honest subscriber may hear nothing while strangers attack; messages come each 0.02 s."""
GROWTH = 50
"""MB."""


def _strangers(attack: str) -> None:
    """A stranger on the ports of a publisher in a process of its own, which one honest subscriber reads and
    another joins."""

    def inject(bench: Bench) -> Observation:
        if not Path("/proc/self/clear_refs").exists():
            raise Skipped("this system does not tell how much memory a process has had")
        siege = besieged(attack, earlier=5_000 if attack == "unread_answers" else 0)
        complaints = []
        if siege.growth > GROWTH << 20:
            complaints.append(f"memory grows by {siege.growth >> 20} MB")
        if siege.gap > GAP:
            complaints.append(f"nothing is published for {siege.gap:.2f} s")
        if siege.missed > 5:  # of those on their way when it ended
            complaints.append(f"the honest subscriber misses {siege.missed} messages")
        if not siege.newcomer:
            complaints.append("nobody new is served meanwhile")
        effect = f"{siege.growth >> 20} MB more, no silence above {siege.gap * 1e3:.0f} ms"
        return Observation(effect, complaints=tuple(complaints))

    fault("publisher", f"strangers: {attack.replace('_', ' ')}", "2", told=False, seconds=120.0)(inject)


for _attack in ATTACKS:
    _strangers(_attack)


class Keyed:
    """A publisher whose clients' keys change while it runs."""

    def __init__(self, bench: Bench) -> None:
        self.folder = bench.folder / "keys"
        create_keys(self.folder, ["robot", "guest"])
        self.guest = self.folder / "clients" / "guest.key"
        publisher, outbox = bench.undo.enter_context(publishing(keys=ServerKeys.load(self.folder)))
        self.endpoint = publisher.endpoint
        bench.undo.enter_context(heartbeats(outbox))
        self.said: list[str] = []
        handler = logging.Handler()
        handler.emit = lambda record: self.said.append(record.getMessage())  # type: ignore[method-assign]  # shortest so
        logging.getLogger("emotrack").addHandler(handler)
        bench.undo.callback(logging.getLogger("emotrack").removeHandler, handler)

    def client(self, name: str) -> Subscription:
        """Somebody with the keys of `name`; to be entered."""
        secret = self.folder / f"{name}.key_secret"
        return subscribe(
            self.endpoint, server_key=self.folder / "server.key", keys=secret, on_problem=lambda _: None
        )

    def serves(self, name: str, seconds: float = 3.0) -> float | None:
        """Seconds until a new client with the keys of `name` is served, or None."""
        began = time.monotonic()
        with self.client(name) as subscription, suppress(TimeoutError):
            subscription.receive(seconds)
            return time.monotonic() - began
        return None

    def told(self, seconds: float = 2.0) -> float | None:
        """Seconds until a warning is logged, or None."""
        began = time.monotonic()
        while not self.said and time.monotonic() - began < seconds:
            time.sleep(0.02)
        return time.monotonic() - began if self.said else None


@fault("publisher", "keys: a client's is added while it runs", "8", told=False)
def key_added(bench: Bench) -> Observation:
    keyed = Keyed(bench)
    create_keys(keyed.folder, ["late"])
    after = keyed.serves("late")
    return Observation("the client is admitted", complaints=("it is not admitted",) if after is None else ())


@fault("publisher", "keys: a client's is taken away while it listens", "8", told=False)
def key_removed(bench: Bench) -> Observation:
    keyed = Keyed(bench)
    complaints = []
    with keyed.client("guest") as guest, keyed.client("robot") as robot:
        for each in (guest, robot):
            each.receive(5.0)
        keyed.guest.unlink()
        began = time.monotonic()
        heard = began
        while time.monotonic() - began < 4.0:
            with suppress(TimeoutError):
                guest.receive(0.2)
                heard = time.monotonic()
        if heard - began > DETECTION:
            complaints.append(f"it hears what is said for another {heard - began:.1f} s")
        if _silent(robot):
            complaints.append("another client is dropped, too")
    if keyed.serves("guest") is not None:
        complaints.append("it is admitted again")
    effect = "its connection is ended, and no other"
    return Observation(effect, complaints=tuple(complaints))


def _silent(subscription: Subscription) -> bool:
    """Whether nothing new comes."""
    until = time.monotonic() + 1.0
    while time.monotonic() < until:  # what waits is old
        with suppress(TimeoutError):
            subscription.receive(0.1)
    try:
        subscription.receive(2.0)
    except TimeoutError:
        return True
    return False


def _spoilt(name: str, spoil: Callable[[Keyed], object]) -> None:
    """The file of one client's key is spoilt while the publisher runs: named, and the others are admitted."""

    def inject(bench: Bench) -> Observation:
        keyed = Keyed(bench)
        keyed.serves("robot")
        spoil(keyed)
        told = keyed.told()
        complaints = [] if keyed.serves("robot") is not None else ["the others are locked out"]
        if told is not None and "guest.key" not in keyed.said[0]:
            complaints.append("the file is not named")
        return Observation(keyed.said[0] if keyed.said else "", told, complaints=tuple(complaints))

    fault("publisher", f"keys: a client's {name}", "8")(inject)


_spoilt("is damaged while it runs", lambda keyed: keyed.guest.write_bytes(b"\0\xff" * 100))
_spoilt("is empty while it runs", lambda keyed: keyed.guest.write_bytes(b""))
_spoilt("has 1 MB while it runs", lambda keyed: keyed.guest.write_bytes(b"x" * 1_000_000))


@fault("publisher", "keys: a client's becomes a link that leads nowhere", "8")
def key_link(bench: Bench) -> Observation:
    keyed = Keyed(bench)
    keyed.guest.unlink()
    keyed.guest.symlink_to("gone")
    told = keyed.told()
    complaints = () if keyed.serves("robot") is not None else ("the others are locked out",)
    return Observation(keyed.said[0] if keyed.said else "", told, complaints=complaints)


@fault("publisher", "keys: the folder of clients goes while it runs", "8")
def keys_gone(bench: Bench) -> Observation:
    keyed = Keyed(bench)
    (keyed.folder / "clients").rename(keyed.folder / "elsewhere")
    told = keyed.told()
    complaints = [] if keyed.serves("robot", 1.5) is None else ["clients are admitted that nobody allows"]
    (keyed.folder / "elsewhere").rename(keyed.folder / "clients")
    if keyed.serves("robot", 5.0) is None:
        complaints.append("nobody is admitted when it is back")
    return Observation(keyed.said[0] if keyed.said else "", told, complaints=tuple(complaints))


def _readable(name: str, load: Callable[[Path], object], secret: str) -> None:
    def inject(bench: Bench) -> Observation:
        create_keys(bench.folder, ["robot"])
        (bench.folder / secret).chmod(0o644)
        return bench.refused(lambda: load(bench.folder))

    fault("publisher", f"keys: others can read the secret of {name}", "8")(inject)


_readable("the publisher", ServerKeys.load, "server.key_secret")
_readable("a client", lambda folder: ClientKeys.load(folder / "robot.key_secret"), "robot.key_secret")
