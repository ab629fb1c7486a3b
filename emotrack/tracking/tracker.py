"""The tracker as a program uses it: sources in, labels out."""

import contextlib
import threading
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Literal

from emotrack.engines.backends.backend import Backend
from emotrack.engines.catalogue import uncompiled
from emotrack.engines.contract.engine import EngineDescription
from emotrack.engines.open import POLICY, SWITCHED_OFF, Networks, open_networks, with_identity, with_turns
from emotrack.engines.running.pool import EnginePool
from emotrack.errors import UserError
from emotrack.modalities import Modality
from emotrack.model.bundle import Bundle, load_bundle
from emotrack.notify import Notify, notify
from emotrack.progress import Countdown
from emotrack.settings import Policy, Settings, allowed, load_policy, load_settings
from emotrack.stream.labels.evidence import Observer
from emotrack.stream.people.enrolment.known import known_people
from emotrack.stream.people.enrolment.store import EnrolledPerson, enrolled_people, read_people
from emotrack.stream.session.kept import KeptSession
from emotrack.stream.session.loop import Loop
from emotrack.stream.sources.files.recorded.writing import MediaRecorder
from emotrack.stream.sources.media import Source, release
from emotrack.stream.sources.names import participant
from emotrack.stream.sources.open import exists, open_sources
from emotrack.stream.transcription.open import open_transcriber
from emotrack.stream.transcription.transcript import Transcriber
from emotrack.stream.utterances.summary import Summary
from emotrack.stream.wire.protocol.encoding import IDENTIFIER
from emotrack.stream.wire.protocol.messages import Message, Session
from emotrack.stream.wire.protocol.parts import EngineInfo, FeedInfo, ModelInfo, PolicyInfo, SkippedBackend
from emotrack.stream.wire.protocol.vocabulary import MELD
from emotrack.stream.wire.publish.journal import Journal
from emotrack.stream.wire.publish.metrics import open_metrics
from emotrack.stream.wire.publish.outbox import Outbox
from emotrack.stream.wire.publish.recording import Recorder
from emotrack.stream.wire.publish.sinks import Listener, Sink
from emotrack.stream.wire.publish.zeromq.publisher import Publisher, new_session_name, open_publisher


class Tracker:
    """One session over one or more sources.

    `sources` are what `emotrack run` takes (a path, a URL, `camera:0+mic`, `alice=FILE`, …) or `Source`
    objects. `realtime` plays files at their own pace; without it they are tracked as fast as possible, with
    nothing shed and repeatable results (live sources are always followed in real time). `session` names the
    session in topics and messages (a random name unless given). Messages go to `publisher` (opened as the
    settings say unless given) and to `sinks`; the tracker closes all of them, and the sources. `observe` is
    shown what each final label was made from (words, voice, face), on a thread of its own; `media` keeps the
    sound and pictures of all sources. `backends` are
    tried for each network before emotrack's own, and held to the same gate. `policies` are files that say
    what is allowed, beside the machine's own; what any of them refuses is switched off. `kept` (of
    `open_kept`, which stays open as long as the tracker) is where the session is kept, under whose name it
    goes on where another tracker left it. What is missing is told once through `notify`.

    A tracker holds pipes, connections, threads, a port and a recogniser from the start: run it, or close it,
    or make it in a `with` statement, which closes it.

    Raises `UserError` when a source cannot be opened, a port is taken, or a setting is wrong; nothing is left
    running then.
    """

    def __init__(
        self,
        sources: Sequence[str | Source],
        settings: Settings | None = None,
        *,
        realtime: bool = True,
        session: str | None = None,
        publisher: Publisher | None = None,
        sinks: Sequence[Sink] = (),
        observe: Observer | None = None,
        media: MediaRecorder | None = None,
        backends: Sequence[Backend] = (),
        policies: Sequence[Path] = (),
        kept: KeptSession | None = None,
        notify: Notify = notify,
    ) -> None:
        settings = settings or load_settings()
        rules = load_policy(*policies)
        self.session = session or (new_session_name() if kept is None else kept.folder.name)
        """Name of the session in topics and messages."""
        self._listeners: list[Listener] = []
        # The journal first: nobody has a message that it lacks.
        journal = [] if kept is None else [Journal(kept.folder, kept.published)]
        self._outbox = Outbox(
            self.session, [*journal, *sinks, *([publisher] if publisher else [])], request_stop=self.stop
        )
        with contextlib.ExitStack() as undo:
            undo.callback(self._outbox.close)
            opened = _open_sources(sources, settings, notify)
            undo.callback(release, opened)
            if kept is not None:
                _refuse_paced(opened, realtime)
            if rules is not None:
                settings = allowed(settings, rules)
                if observe is not None:
                    rules.refuse("evidence", "leave out what is shown of it")
                if any(getattr(sink, "keeps", False) for sink in sinks):
                    rules.refuse("records", "leave out the recorder")
                if media is not None:
                    rules.refuse("records", "leave out the recorder of media")
                if kept is not None:
                    rules.refuse("records", "leave out the session that is kept")
            if settings.stream.speakers.mode == "auto" and _named(sources, settings):
                settings = _told_apart(settings, "feed")
            if publisher is None and (publisher := open_publisher(settings.stream.publish)) is not None:
                self._outbox.add(publisher)
            if publisher is not None:
                self._outbox.snapshot_endpoint = publisher.snapshot_endpoint
                if kept is not None:
                    publisher.go_on(kept.published)
                if rules is not None and publisher.pictures is not None:
                    rules.refuse("pictures", "leave out --pictures, or stream.publish.pictures")
            if kept is not None:
                for sink in sinks:
                    if isinstance(sink, Recorder):
                        sink.go_on(kept.published.messages)
            metrics = open_metrics(settings.stream.publish)
            if metrics is not None:
                self._outbox.add(metrics)
            self.metrics = None if metrics is None else metrics.address
            """Where it is told how the session does, as a URL, or None."""
            self.bundle = bundle = load_bundle(settings.bundle, settings.makers, notify)
            """What labels the session."""
            compiling = Countdown(lambda: _uncompiled(settings, bundle, backends), notify)
            pool = EnginePool(settings.engines, notify, compiling, backends)
            networks = open_networks(pool, settings.engines, bundle, notify)
            if rules is not None:
                networks = networks.without(rules.masked, POLICY)
            if settings.stream.speakers.by_voice:
                needed = settings.stream.speakers.mode == "voice"
                networks = with_turns(networks, pool, notify, needed=needed)
            chosen = settled(settings, networks)
            sees = networks.encoders.face is not None and "face" in settings.stream.modalities
            people: list[EnrolledPerson] = []
            if (rules is None or rules.identities) and (sees or chosen.stream.speakers.mode == "voice"):
                people = read_people(enrolled_people(chosen.stream.speakers), notify)
            for name in {one.name for one in people} & {source.name for source in opened}:
                if chosen.stream.speakers.mode == "voice":
                    notify(
                        f"{name} is enrolled, and a source is called so, too, by which whoever is not known "
                        f"yet is called: name it otherwise, as in room={name}."
                    )
            if sees and any(person.face for person in people):
                networks = with_identity(networks, pool, settings.engines, notify)
            self.encoders = networks.encoders
            """What describes it; both may be used on when it has ended."""
            self.engines = tuple(pool.given.values())
            """What runs the networks."""
            remarks: list[str] = []
            realtime = realtime or any(source.live for source in opened)
            self._outbox.patient = not realtime
            transcriber = open_transcriber(settings.stream.transcription, remarks.append)
            for remark in remarks:
                notify(remark)
            if transcriber is not None:
                undo.callback(transcriber.close)
            self._loop = Loop(
                opened,
                networks,
                transcriber,
                self._outbox,
                opening(chosen, networks, transcriber, opened, remarks, rules),
                chosen.stream,
                realtime=realtime,
                observe=observe,
                media=media,
                pictures=None if publisher is None else publisher.pictures,
                people=known_people(people, networks.encoders.identity, notify),
                kept=kept,
            )
            self._closing = undo.pop_all()
        self._running = threading.Lock()
        self._over = False
        self.endpoint = publisher.endpoint if publisher else None
        """Where messages are published, or None."""

    @property
    def summary(self) -> Summary:
        """What has come of the session so far, feed by feed: speech heard, faces seen, labels, and why there
        are none."""
        return self._loop.summary

    def __enter__(self) -> "Tracker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def incomplete(self) -> tuple[str, ...]:
        """One sentence for each output that does not hold the whole session; empty where all is well."""
        return self._outbox.incomplete

    def run(self) -> None:
        """Track on this thread until the sources end or `stop` is called, then close everything. A tracker
        runs once."""
        with self._running:
            if self._over:
                raise RuntimeError("This tracker is closed: make another one.")
            self._over = True
            with self._closing:
                self._loop.run()

    def close(self) -> None:
        """End the session where it runs, and free what the tracker holds; callable again and from any thread
        but the session's."""
        self.stop()
        for listener in self._listeners:
            listener.leave()
        with self._running:
            self._over = True
            self._closing.close()

    def stop(self) -> None:
        """End the session within two seconds, open utterances finished; callable from any thread and from a
        signal handler."""
        self._outbox.hurry()
        self._loop.stop()

    def set_modalities(self, *modalities: Modality) -> None:
        """Use only these of text, audio, face and body from now on; the others are masked with the reason
        `user`.

        Raises `UserError` for any other name, and for what the policy refuses.
        """
        self._loop.set_modalities(modalities)

    def levels(self) -> dict[str, float]:
        """How loud each source is at the moment, by its name: the peak of the newest 32 ms in dBFS, minus
        infinity without sound.

        Callable from any thread.
        """
        return self._loop.levels()

    def messages(self) -> Generator[Message, None, None]:
        """Track on a thread of its own and yield every message; leaving the iteration ends the session."""
        listener = Listener()
        self._listeners.append(listener)
        self._outbox.add(listener)
        with ThreadPoolExecutor(1, thread_name_prefix="tracker") as thread:
            tracking = thread.submit(self.run)
            tracking.add_done_callback(lambda _: listener.close())
            try:
                yield from listener
            finally:
                self.stop()
        tracking.result()


def _open_sources(sources: Sequence[str | Source], settings: Settings, notify: Notify) -> list[Source]:
    if not sources:
        raise UserError(
            "There is nothing to track: name at least one source, such as camera:0+mic:default or a file."
        )
    texts = [source for source in sources if isinstance(source, str)]
    opened = iter(open_sources(texts, settings=settings.stream.sources, notify=notify))
    found = [next(opened) if isinstance(source, str) else source for source in sources]
    names = [source.name for source in found]
    for name in names:
        if not IDENTIFIER.fullmatch(name):
            raise UserError(f"A source cannot be named {name!r}: take letters, digits, _ and -, at most 128.")
        if names.count(name) > 1:
            raise UserError(f"Two sources are named {name}: give each a name of its own.")
    return found


def _refuse_paced(sources: Sequence[Source], realtime: bool) -> None:
    """Files at their own pace cannot be gone on with: they would begin anew, at another time."""
    live = realtime or any(source.live for source in sources)
    for source in sources:
        if live and not source.live:
            raise UserError(
                f"{source.name} is a file, played at its own pace, with which nobody can go on later: take "
                "--fast, or live sources alone, or leave out --resume."
            )


def _uncompiled(settings: Settings, bundle: Bundle, backends: Sequence[Backend]) -> int:
    return uncompiled(settings.engines, bundle, backends, voices=settings.stream.speakers.by_voice)


def _named(sources: Sequence[str | Source], settings: Settings) -> bool:
    """Whether there is no need to tell speakers apart: the user named who is in each source (`alice=FILE`),
    or lets nothing be made of voices."""
    named = all(
        isinstance(one, str) and not exists(one) and participant(one)[0] is not None for one in sources
    )
    return named or "audio" not in settings.stream.modalities


def settled(settings: Settings, networks: Networks) -> Settings:
    """The settings with `auto` speakers as these networks can tell them apart."""
    if settings.stream.speakers.mode != "auto":
        return settings
    return _told_apart(settings, "feed" if networks.turns is None else "voice")


def _told_apart(settings: Settings, mode: Literal["feed", "voice"]) -> Settings:
    speakers = settings.stream.speakers.model_copy(update={"mode": mode})
    stream = settings.stream.model_copy(update={"speakers": speakers})
    return settings.model_copy(update={"stream": stream})


def opening(
    settings: Settings,
    networks: Networks,
    transcriber: Transcriber | None,
    sources: Sequence[Source],
    remarks: Sequence[str] = (),
    policy: Policy | None = None,
) -> Session:
    """The message that opens a session, but for the moment of that: what tracks, with what, and what was left
    out and why."""
    engines = [
        EngineInfo(
            part=report.modality,
            model=None,
            backend=None,
            skipped=(SkippedBackend(backend="any", reason=report.reason),),
        )
        if report.reason is not None
        else _engine(report.modality, str(report.model), report.engines)
        for report in networks.encoders.report
    ]
    engines.append(_engine("network", "AM2-EmoJE", networks.heads.engines))
    engines += _voices(networks)
    if (identity := networks.encoders.identity) is not None:
        engines.append(_engine("identity", identity.name, identity.engines))
    recogniser = None if transcriber is None else transcriber.name
    unheard = " ".join(remarks) or SWITCHED_OFF
    if policy is not None and "text" in policy.masked:
        unheard = POLICY
    engines.append(
        EngineInfo(
            part="transcription",
            model=recogniser,
            backend=recogniser,
            skipped=() if recogniser is not None else (SkippedBackend(backend="any", reason=unheard),),
        )
    )
    return Session(
        state="started",
        reason=None,
        start_unix_ns=0,
        encoding=settings.stream.publish.encoding,
        vocabulary=MELD,
        model=ModelInfo(id="AM2-EmoJE", hash=networks.bundle.identifier),
        engines=tuple(engines),
        policy=None if policy is None else PolicyInfo(hash=policy.digest, refused=policy.refused),
        feeds=tuple(FeedInfo(source=source.name, description=source.description) for source in sources),
    )


def _voices(networks: Networks) -> list[EngineInfo]:
    """What tells speakers apart by their voices, where that is wanted."""
    if networks.turns is not None:
        return [_engine("voices", networks.turns.name, networks.turns.engines)]
    if networks.voiceless is None:
        return []
    missing = SkippedBackend(backend="any", reason=networks.voiceless)
    return [EngineInfo(part="voices", model=None, backend=None, skipped=(missing,))]


def _engine(part: str, model: str, engines: Sequence[EngineDescription]) -> EngineInfo:
    """What computes one part: usually one backend for all its networks, and the same ones skipped for the
    same reasons."""
    return EngineInfo(
        part=part,
        model=model,
        backend=", ".join(dict.fromkeys(f"{engine.backend} {engine.precision}" for engine in engines)),
        skipped=tuple(
            SkippedBackend(backend=backend, reason=reason)
            for backend, reason in dict.fromkeys(
                (skip.backend, skip.reason) for engine in engines for skip in engine.skipped
            )
        ),
    )
