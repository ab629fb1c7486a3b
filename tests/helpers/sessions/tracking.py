"""Whole sessions in this process, and what of their messages may differ between two runs of the same
media."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from emotrack.engines.encoders.sound.turns import open_turns
from emotrack.engines.heads import Heads
from emotrack.engines.open import Encoders, open_networks
from emotrack.engines.running.pool import EnginePool
from emotrack.errors import UserError
from emotrack.model.bundle import load_bundle
from emotrack.settings import Settings, load_settings
from emotrack.stream.session.kept import KeptSession
from emotrack.stream.session.loop import Loop
from emotrack.stream.sources.media import Source
from emotrack.stream.sources.open import open_sources
from emotrack.stream.transcription.open import open_transcriber
from emotrack.stream.wire.protocol.messages import Emotion, Message
from emotrack.stream.wire.publish.journal import Journal
from emotrack.stream.wire.publish.outbox import Outbox
from emotrack.stream.wire.publish.sinks import Outgoing, Sink
from emotrack.tracking.tracker import opening

TIMING_FIELDS = ("published_unix_ns", "start_unix_ns", "timing_ms", "lag", "queues", "snapshot_endpoint")


class Collector:
    """A sink that keeps everything, and calls `react` with each message on the session's own thread."""

    prompt = True

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.react: Callable[[Message], None] = lambda message: None
        self.outbox = Outbox("nobody")
        """What it belongs to."""

    def write(self, outgoing: Outgoing) -> None:
        self.messages.append(outgoing.message)
        self.react(outgoing.message)

    def close(self) -> None:
        pass


def settings(*overrides: str) -> Settings:
    """Settings of a test: nothing is published, and each feed has one speaker."""
    usual = ["stream.publish.endpoint=none", "stream.speakers.mode=feed"]
    return load_settings(overrides=[*usual, *overrides])


class Workbench:
    """Networks and recogniser opened once, for any number of sessions one after the other."""

    def __init__(self) -> None:
        self.settings = settings()
        self.bundle = load_bundle()
        pool = EnginePool(self.settings.engines, lambda _: None)
        self.networks = open_networks(pool, self.settings.engines, self.bundle, lambda _: None)
        self.encoders, self.heads = self.networks.encoders, self.networks.heads
        self._pool = pool
        self.transcriber = open_transcriber(self.settings.stream.transcription, lambda _: None)

    def close(self) -> None:
        if self.transcriber is not None:
            self.transcriber.close()

    def loop(
        self,
        sources: Sequence[str | Source],
        *overrides: str,
        realtime: bool = False,
        transcribe: bool = True,
        encoders: Encoders | None = None,
        heads: Heads | None = None,
        sinks: Sequence[Sink] = (),
        kept: KeptSession | None = None,
    ) -> tuple[Loop, Collector]:
        """A session that has not begun, and where its messages will be; they go to `sinks`, too."""
        chosen = settings(*overrides)
        texts = iter(open_sources([source for source in sources if isinstance(source, str)]))
        opened = [next(texts) if isinstance(source, str) else source for source in sources]
        collector, encoders = Collector(), encoders or self.encoders
        by_voice = chosen.stream.speakers.mode == "voice"
        turns = open_turns(self._pool) if by_voice else None
        networks = replace(self.networks, encoders=encoders, heads=heads or self.heads, turns=turns)
        outbox = Outbox("test", [collector, *sinks])
        if kept is not None:
            outbox = Outbox(kept.folder.name, [Journal(kept.folder, kept.published), collector, *sinks])
        outbox.patient = not realtime
        collector.outbox = outbox
        try:
            loop = Loop(
                opened,
                networks,
                self.transcriber if transcribe else None,
                outbox,
                opening(chosen, networks, self.transcriber, opened),
                chosen.stream,
                realtime=realtime,
                kept=kept,
            )
        except UserError:
            outbox.close()
            raise
        return loop, collector

    def track(
        self,
        sources: Sequence[str | Source],
        *overrides: str,
        realtime: bool = False,
        transcribe: bool = True,
        encoders: Encoders | None = None,
        react: Callable[[Loop, Message], None] = lambda loop, message: None,
    ) -> list[Message]:
        """Every message of a session over `sources`; `react` is called with each on the session's own
        thread."""
        loop, collector = self.loop(
            sources, *overrides, realtime=realtime, transcribe=transcribe, encoders=encoders
        )
        collector.react = lambda message: react(loop, message)
        loop.run()
        return collector.messages


def emotions(messages: Sequence[Message], state: str) -> list[Emotion]:
    return [message for message in messages if isinstance(message, Emotion) and message.state == state]


def without_timing(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """The messages as plain data, less what says when or how fast they were made, and the session's name."""
    plain = []
    for message in messages:
        text = msgspec.json.encode(message).replace(message.session.encode(), b"SESSION")
        plain.append(
            {key: value for key, value in msgspec.json.decode(text).items() if key not in TIMING_FIELDS}
        )
    return plain
