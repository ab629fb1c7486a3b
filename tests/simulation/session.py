"""One session of the real loop on a simulated machine, from its plan to what came of it."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

from emotrack.engines.open import Networks
from emotrack.settings import Settings
from emotrack.stream.labels.evidence import LabelledUtterance
from emotrack.stream.labels.labels import ConversationLabels
from emotrack.stream.session.kept import KeptSession
from emotrack.stream.session.loop import Loop
from emotrack.stream.settings import StreamSettings
from emotrack.stream.sources.media import VideoFrame
from emotrack.stream.utterances.utterance import Utterance
from emotrack.stream.wire.publish import recording
from emotrack.stream.wire.publish.journal import Journal
from emotrack.stream.wire.publish.outbox import Outbox
from emotrack.stream.wire.publish.recording import Recorder
from emotrack.stream.wire.publish.sinks import Outgoing
from emotrack.tracking.tracker import opening
from simulation.installing import installed
from simulation.machine import Machine, Stuck
from simulation.parts.networks import SimulatedSpeech, Spells, networks
from simulation.parts.outputs import Collector, SimulatedDisk, SimulatedSink, recorded
from simulation.parts.recogniser import ANSWER, SimulatedRecogniser
from simulation.parts.seeing import SimulatedVision
from simulation.parts.sources import SimulatedSource
from simulation.parts.speakers import SimulatedAssigner
from simulation.plan import Plan

USER = "user"
"""Name of the thread of whoever intervenes."""
LOOKED_AT = 4
"""With each message of so many it is looked at what the session holds."""
LONGEST = 1_200.0
"""Seconds of the simulated clock after which a session is taken for one that does not end."""
AFTERWARDS = 10.0
"""Seconds for which its threads may go on when it is over."""


@dataclass(slots=True)
class Outcome:
    """What came of a session."""

    plan: Plan
    messages: list[Outgoing] = field(default_factory=list)
    begun: dict[int, Utterance] = field(default_factory=dict)
    """Utterances that were opened, by number."""
    forgotten: set[int] = field(default_factory=set)
    """Windows among them that showed nothing, so that they are none."""
    sinks: list[SimulatedSink] = field(default_factory=list)
    records: list[list[bytes]] = field(default_factory=list)
    incomplete: tuple[str, ...] = ()
    spells: dict[str, Spells] = field(default_factory=dict)
    speech_spells: list[int] = field(default_factory=list)
    """How often the speech detector of each feed began to fail."""
    streams_left: int = 0
    """Streams of the recogniser that nobody closed, but for those that had failed."""
    seconds: float = 0.0
    """Of the simulated clock, until the session had ended."""
    stopped_at: float | None = None
    """When it was asked to end."""
    labels: dict[str, int] = field(default_factory=dict)
    """Final labels of each feed, as the session's own summary counts them."""
    failure: BaseException | None = None
    """What the loop raised."""
    thread_failures: list[BaseException] = field(default_factory=list)
    threads_left: list[str] = field(default_factory=list)
    bounds: dict[str, float] = field(default_factory=dict)
    """The most that was ever held, by what."""

    @property
    def bytes(self) -> bytes:
        """All that left the session, as it was sent."""
        return b"\n".join(outgoing.json for outgoing in self.messages)


@dataclass(frozen=True, slots=True)
class Ending:
    """The process might end at this message: `folder` gets what is on the disk then."""

    seq: int
    folder: Path


def play(
    plan: Plan, order: int = 0, *, kept: KeptSession | None = None, ending: Ending | None = None
) -> Outcome:
    """Run the session of a plan; `order`: another one in which threads take turns; `kept`: where it is kept,
    and gone on with."""
    machine = Machine(f"machine {plan.seed} {order}")
    outcome = Outcome(plan)
    speech = SimulatedSpeech(plan)
    instead: dict[str, object] = {
        "session.loop.SileroVad": lambda _: speech,
        "session.loop.Vision": partial(SimulatedVision, plan, outcome.spells, machine),
    }
    if plan.by_voice:
        instead["labels.conversations.VoiceListener"] = lambda _: None
        instead["labels.conversations.make_assigners"] = lambda _, count, people: [
            SimulatedAssigner(plan, machine, number) for number in range(count)
        ]
    # They measure how long real threads take, of which there are none here.
    instead["session.loop.Deadlines"] = _NoDeadlines
    instead["session.loop.Watchdog"] = _NobodyWatches
    instead["seeing.vision.give_way"] = lambda: None  # to a thread that is none
    with _folder(plan) as folder, installed(machine, instead):
        session = _Session(plan, machine, outcome, folder, kept, ending)
        machine.spawn(session.run, "session")
        try:
            machine.run(LONGEST, until=lambda: session.over)
            if not session.over:
                raise Stuck("the session waits for ever")
        except Stuck as stuck:
            outcome.failure = stuck
        else:
            with contextlib.suppress(Stuck):  # a recogniser may answer long after the end
                machine.run(machine.seconds + AFTERWARDS)
        outcome.threads_left = [name for name in machine.switch_off() if name not in (ANSWER, USER)]
        outcome.thread_failures = machine.failures
        outcome.records = [recorded(path) for path in session.records]
    outcome.speech_spells = [stream.spells.begun for stream in speech.streams]
    return outcome


class _NoDeadlines:
    def over(self, networks: Networks) -> Networks:
        return networks

    def close(self) -> None:
        pass


class _NobodyWatches:
    def __init__(self, outbox: Outbox) -> None:
        pass

    def watching(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def turn(self, moment: float, within: float = 0.0) -> None:
        pass


@contextmanager
def _folder(plan: Plan) -> Iterator[Path]:
    """A folder for recordings, where there are any."""
    if any(sink.kind == "record" for sink in plan.sinks):
        with tempfile.TemporaryDirectory(prefix="simulation-") as made:
            yield Path(made)
    else:
        yield Path()


class _Session:
    """What runs on the machine."""

    def __init__(
        self,
        plan: Plan,
        machine: Machine,
        outcome: Outcome,
        folder: Path,
        kept: KeptSession | None,
        ending: Ending | None,
    ) -> None:
        self.over = False
        self.records: list[Path] = []
        self._plan = plan
        self._machine = machine
        self._outcome = outcome
        self._folder = folder
        self._kept = kept
        self._ending = ending

    def run(self) -> None:
        """The session's own thread."""
        plan, machine, outcome = self._plan, self._machine, self._outcome
        settings = StreamSettings.model_validate(plan.overrides)
        recogniser = (
            None if plan.recogniser is None else SimulatedRecogniser(plan.recogniser, machine, plan.seed)
        )
        collector = Collector(self._watch, watches=plan.watched_only)
        kept = self._kept
        journal = [] if kept is None else [Journal(kept.folder, kept.published)]
        name = "simulated" if kept is None else kept.folder.name
        outbox = Outbox(name, [*journal, collector], request_stop=self._stop)
        for sink in self._sinks():
            outbox.add(sink)
        sources = [SimulatedSource(feed, plan.seed, settings.sources, machine) for feed in plan.feeds]
        made = networks(plan, outcome.spells)
        self.loop = Loop(
            cast(Any, sources),
            made,
            recogniser,
            outbox,
            opening(Settings(stream=settings), made, recogniser, cast(Any, sources)),
            settings,
            realtime=plan.realtime,
            observe=self._observe if plan.troubles else None,
            kept=kept,
        )
        for conversation in self.loop._conversations:
            self._follow(conversation)
        outcome.messages = collector.taken
        machine.spawn(self._user, USER)
        try:
            self.loop.run()
        except Exception as failure:  # noqa: BLE001 - judged with the rest
            outcome.failure = failure
        outbox.close()
        outcome.seconds = machine.seconds
        outcome.incomplete = outbox.incomplete
        outcome.labels = {feed.source: feed.labels for feed in self.loop.summary.feeds}
        if recogniser is not None:
            outcome.streams_left = sum(not (stream.closed or stream.failed) for stream in recogniser.streams)
        self.over = True

    def _sinks(self) -> Iterator[SimulatedSink | Recorder]:
        """The outputs of the plan."""
        for number, plan in enumerate(self._plan.sinks):
            if plan.kind == "record":
                path = self._folder / f"{number}.jsonl"
                self.records.append(path)
                yield _recorder(path, SimulatedDisk(plan))
            else:
                sink = SimulatedSink(plan, self._machine)
                self._outcome.sinks.append(sink)
                yield sink

    def _user(self) -> None:
        """Whoever chooses modalities, and ends the session."""
        plan = self._plan
        events: list[tuple[float, object]] = [*plan.chosen]
        if plan.stops_at is not None:
            events.append((plan.stops_at, None))
        for moment, what in sorted(events, key=lambda event: event[0]):
            self._machine.sleep(moment - self._machine.seconds)
            if what is None:
                self._stop()
            else:
                self.loop.set_modalities(cast(Any, what))

    def _stop(self) -> None:
        if self._outcome.stopped_at is None:
            self._outcome.stopped_at = self._machine.seconds
        self.loop.stop()

    def _observe(self, labelled: LabelledUtterance) -> None:
        if self._outcome.spells["observer"].next():
            raise RuntimeError("whoever watches has gone")

    def _follow(self, conversation: ConversationLabels) -> None:
        """Note which utterances are opened, and which windows turn out to be none."""
        begin, shows_nothing = conversation.begin, conversation._shows_nothing
        outcome = self._outcome

        def noted(utterance: Utterance) -> None:
            outcome.begun[utterance.number] = utterance
            begin(utterance)

        def judged(utterance: Utterance) -> bool:
            nothing = shows_nothing(utterance)
            if nothing:
                outcome.forgotten.add(utterance.number)
            return nothing

        for name, method in (("begin", noted), ("_shows_nothing", judged)):
            setattr(conversation, name, method)

    def _watch(self, outgoing: Outgoing) -> None:
        """How much the session holds at the moment, and what is on the disk."""
        if self._ending is not None and self._kept is not None and outgoing.message.seq == self._ending.seq:
            shutil.copytree(self._kept.folder, self._ending.folder / self._kept.folder.name)
        if outgoing.message.seq % LOOKED_AT:
            return
        loop, bounds = self.loop, self._outcome.bounds
        held = {
            "heard": max(lane.seconds for lane in loop._delivery._lanes.values()),
            "shown": max(
                sum(1 if isinstance(arrival.item, VideoFrame) else -1 for arrival in lane.waiting)
                for lane in loop._delivery._lanes.values()
            ),
            "looks": loop._vision.depth(),
            "people": len(loop._people._people),
            "early": max(len(one._early._kept) for one in loop._conversations),
            "late words": max(len(one._late._pending) for one in loop._conversations),
            "published": max(len(one._published._latest) for one in loop._conversations),
        }
        for what, much in held.items():
            bounds[what] = max(much, bounds.get(what, 0))


def _recorder(path: Path, disk: SimulatedDisk) -> Recorder:
    """The real recorder over a simulated disk, of which each recorder has its own."""

    class OnDisk(Recorder):
        prompt = True

        def write(self, outgoing: Outgoing) -> None:
            with _disk(disk):
                super().write(outgoing)

        def close(self) -> None:
            with _disk(disk):
                super().close()

    recorder = OnDisk(path)
    recorder._name = path.name  # as it is told: the same in every session
    return recorder


@contextmanager
def _disk(disk: SimulatedDisk) -> Iterator[None]:
    names = vars(recording)
    before = names["os"]
    names["os"] = disk
    try:
        yield
    finally:
        names["os"] = before
