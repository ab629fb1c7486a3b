"""What befalls one simulated session, all of it drawn from one seed: who speaks when, what is seen, and what
fails, hangs or is late."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Literal

from emotrack.modalities import MODALITIES, Modality

Sound = Literal["speech", "quiet", "muted", "gap"]
Picture = Literal["dark", "nobody", "face", "two faces", "poster", "body", "crowd"]
PICTURES: tuple[Picture, ...] = ("dark", "nobody", "face", "two faces", "poster", "body", "crowd")
SinkKind = Literal["fails", "leaves", "raises", "exits", "delays", "slow", "watches", "record"]


@dataclass(frozen=True, slots=True)
class Outage:
    """A connection that is lost at a session time, and refused for some tries."""

    at: float
    tries: int


@dataclass(frozen=True, slots=True)
class FeedPlan:
    """One source."""

    name: str
    live: bool
    sounds: tuple[tuple[float, Sound], ...]
    """Seconds of each, one after the other; empty for a camera alone."""
    pictures: tuple[tuple[float, Picture], ...]
    """The same of what is seen; empty for a microphone alone."""
    frame_rate: float
    chunk: float
    """Seconds of one piece of sound."""
    late: float
    """Seconds by which pieces are late at most."""
    outages: tuple[Outage, ...]
    fails_at: float | None
    """When it gives up for good."""
    fails_known: bool
    """Whether with a sentence for people, or with a fault of its own."""

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return max(sum(part for part, _ in parts) for parts in (self.sounds, self.pictures))


@dataclass(frozen=True, slots=True)
class Trouble:
    """How often something that is called again and again fails, and for how many calls; `kinds`: how."""

    share: float = 0.0
    spell: int = 1
    kinds: tuple[str, ...] = ("raises",)


@dataclass(frozen=True, slots=True)
class RecogniserPlan:
    """What transcribes."""

    one_by_one: bool
    """Whether it answers in the order of the questions, or each when it is done."""
    delay: float
    """Seconds that an answer takes, on average."""
    slow_share: float
    slow: float
    """How often an answer takes so many seconds instead."""
    silent_share: float
    """How often none comes."""
    trouble: Trouble
    """Of opening, feeding, pausing, looking ahead and answers."""


@dataclass(frozen=True, slots=True)
class SinkPlan:
    """One output: how it fails, and with which message."""

    kind: SinkKind
    at: int
    lasting: int
    """For how many messages, where it is delayed or slow."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Plan:
    """One session."""

    seed: int
    realtime: bool
    feeds: tuple[FeedPlan, ...]
    recogniser: RecogniserPlan | None
    troubles: dict[str, Trouble]
    """By part: speech, text, audio, face, body, fusion, context, revision, observer, speaker, ear."""
    look_seconds: float
    stall: tuple[int, float] | None
    """Which look takes so many seconds."""
    sinks: tuple[SinkPlan, ...]
    watched_only: bool
    """Whether what collects all messages only watches: without another sink the session ends."""
    stops_at: float | None
    chosen: tuple[tuple[float, tuple[Modality, ...]], ...]
    """Modalities that the user chooses, and when."""
    overrides: dict[str, dict[str, object]]
    """Settings of the stream."""

    @property
    def by_voice(self) -> bool:
        """Whether speakers are told apart by their voices."""
        return self.overrides["speakers"]["mode"] == "voice"


def draw(seed: int) -> Plan:
    """The session of a seed."""
    random = Random(f"plan {seed}")
    realtime = random.random() < 0.6
    calm = random.random() < 0.25
    feeds = tuple(_feed(random, index, realtime, calm) for index in range(random.choice((1, 1, 1, 2, 2, 3))))
    seconds = max(feed.seconds for feed in feeds)
    stops = realtime and random.random() < 0.25
    return Plan(
        seed=seed,
        realtime=realtime,
        feeds=feeds,
        recogniser=None if random.random() < 0.1 else _recogniser(random, calm, realtime),
        troubles={} if calm else dict(_troubles(random)),
        look_seconds=random.choice((0.0, 0.01, 0.05, 0.4)),
        stall=(random.randrange(1, 8), random.choice((2.0, 6.0))) if _happens(random, calm, 0.08) else None,
        sinks=tuple(_sink(random) for _ in range(0 if calm else random.choice((0, 0, 1, 2)))),
        watched_only=random.random() < 0.1,
        stops_at=random.uniform(0.0, seconds) if stops else None,
        chosen=tuple(_choices(random, seconds)) if random.random() < 0.15 else (),
        overrides=_settings(random),
    )


def _happens(random: Random, calm: bool, share: float) -> bool:
    return random.random() < share and not calm


def _feed(random: Random, index: int, realtime: bool, calm: bool) -> FeedPlan:
    seconds = random.uniform(10.0, 25.0) if random.random() < 0.03 else random.uniform(0.5, 5.0)
    kind = random.choice(("both", "both", "sound", "sound", "pictures"))
    live = realtime and random.random() < 0.7
    outages = (
        tuple(
            Outage(random.uniform(0.3, seconds), random.randrange(0, 4))
            for _ in range(random.randrange(1, 3))
        )
        if live and _happens(random, calm, 0.25)
        else ()
    )
    fails = _happens(random, calm, 0.1)
    return FeedPlan(
        name=("anna", "ben", "cleo")[index],
        live=live,
        sounds=tuple(_sounds(random, seconds, calm)) if kind != "pictures" else (),
        pictures=tuple(_pictures(random, seconds)) if kind != "sound" else (),
        frame_rate=random.choice((1.0, 2.0, 3.0, 5.0)),
        chunk=random.choice((0.032, 0.1, 0.1, 0.25)),
        late=random.choice((0.0, 0.0, 0.02, 0.3)),
        outages=tuple(sorted(outages, key=lambda outage: outage.at)),
        fails_at=random.uniform(0.0, seconds) if fails else None,
        fails_known=random.random() < 0.5,
    )


def _sounds(random: Random, seconds: float, calm: bool) -> Iterator[tuple[float, Sound]]:
    done = 0.0
    while done < seconds:
        yield (quiet := random.uniform(0.05, 1.5)), "quiet"
        length = random.choice((random.uniform(0.1, 0.5), random.uniform(0.3, 2.5)))
        yield length, "speech"
        done += quiet + length
        if _happens(random, calm, 0.08):
            yield (rest := random.uniform(0.5, 3.0)), random.choice(("muted", "gap"))
            done += rest


def _pictures(random: Random, seconds: float) -> Iterator[tuple[float, Picture]]:
    done = 0.0
    while done < seconds:
        length = random.uniform(0.3, 4.0)
        yield length, random.choices(PICTURES, (1, 2, 6, 2, 1, 2, 1))[0]
        done += length


def _recogniser(random: Random, calm: bool, realtime: bool) -> RecogniserPlan:
    return RecogniserPlan(
        one_by_one=random.random() < 0.5,
        delay=random.choice((0.0, 0.05, 0.2, 0.6, 1.2)),
        slow_share=0.0 if calm else random.choice((0.0, 0.1, 0.3, 1.0)),
        slow=random.choice((1.6, 3.0, 8.0, 40.0)),
        silent_share=0.0
        if calm
        else random.choice((0.0, 0.0, 0.1, 1.0) if realtime else (0.0,) * 7 + (0.3,)),
        trouble=Trouble() if calm else _trouble(random, 0.2, ("raises", "nonsense")),
    )


def _troubles(random: Random) -> Iterator[tuple[str, Trouble]]:
    for part in ("text", "audio", "face", "body"):
        yield part, _trouble(random, 0.15, ("raises", "nan", "shape"))
    yield "speech", _trouble(random, 0.1, ("raises", "nan"))
    for part in ("fusion", "context", "revision"):
        yield part, _trouble(random, 0.12, ("raises", "nan"))
    yield "observer", _trouble(random, 0.1, ("raises",))
    yield "speaker", _trouble(random, 0.1, ("raises", "nan", "name"))
    yield "ear", _trouble(random, 0.05, ("raises",))


def _trouble(random: Random, often: float, kinds: tuple[str, ...]) -> Trouble:
    if random.random() >= often:
        return Trouble()
    return Trouble(random.choice((0.05, 0.3, 1.0)), random.choice((1, 1, 2, 5, 40)), kinds)


def _sink(random: Random) -> SinkPlan:
    kinds: tuple[SinkKind, ...] = (
        "fails",
        "leaves",
        "raises",
        "exits",
        "delays",
        "slow",
        "watches",
        "record",
        "record",
    )
    return SinkPlan(
        random.choice(kinds),
        random.randrange(1, 60),
        random.randrange(1, 30),
        random.choice((0.01, 0.2, 1.0)),
    )


def _choices(random: Random, seconds: float) -> Iterator[tuple[float, tuple[Modality, ...]]]:
    for moment in sorted(random.uniform(0.0, seconds) for _ in range(random.randrange(1, 4))):
        yield moment, tuple(modality for modality in MODALITIES if random.random() < 0.6)


def _settings(random: Random) -> dict[str, dict[str, object]]:
    usual: dict[str, object] = {}
    short: dict[str, object] = {"maximum": 2.0, "hangover": 0.4}
    windows: dict[str, object] = {"window": 2.0, "absence": 0.5}
    segmentation = random.choice((usual, usual, short, windows))
    return {
        "segmentation": segmentation,
        "speakers": {
            "mode": random.choice(("feed", "single", "voice", "voice")),
            "conversations": random.choice(("together", "together", "apart")),
        },
        "labels": {"text_deadline": random.choice((1.5, 1.5, 0.0, 0.3, 6.0))},
        "vision": {"face_rate": random.choice((2.0, 3.0, 5.0)), "maximum_faces": 2},
        "sources": {"retry_first": 0.2, "retry_longest": 2.0},
    }
