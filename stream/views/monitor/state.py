"""What the monitor shows, as a pure fold over messages: `state = fold(state, message)`."""

from dataclasses import dataclass, field, replace

from emotrack.stream.wire.protocol.messages import (
    Emotion,
    Error,
    Face,
    Feed,
    Heartbeat,
    Message,
    Person,
    Session,
    Speaker,
)

TREND = 40
"""Utterances in a speaker's trend."""
KEPT_NOTICES = 40
"""Last events; as many are shown as there are rows."""
KEPT_SPEAKERS = 64
LASTING = ("untrained", "user", "policy", "switched off", "no video", "no audio", "no speech")
"""Reasons of a masked modality that hold all session long, that the user gave or that were told when a medium
went down: not worth a word at each label."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One utterance in a trend."""

    utterance: int
    label: str
    confidence: float


@dataclass(frozen=True, slots=True)
class SpeakerState:
    """The latest of one speaker: the label shown, the words of the utterance before, and how it went so
    far."""

    emotion: Emotion
    before: str
    """Empty where that utterance had none."""
    trend: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Notice:
    """One event worth a line."""

    time: float
    text: str
    bad: bool


@dataclass(frozen=True, slots=True)
class MonitorState:
    """Everything on the screen."""

    media: tuple[str, ...] = ("audio", "video")
    """Those of which news are told."""
    session: Session | None = None
    session_id: str = ""
    speakers: dict[str, SpeakerState] = field(default_factory=dict)
    """By id."""
    people: dict[str, Person] = field(default_factory=dict)
    """By id: the steady state of each."""
    order: tuple[str, ...] = ()
    """Everybody's id, in order of first appearance."""
    feeds: dict[tuple[str, str], Feed] = field(default_factory=dict)
    """By source and medium."""
    heartbeat: Heartbeat | None = None
    notices: tuple[Notice, ...] = ()
    time: float = 0.0
    """The latest session time told of."""

    @property
    def names(self) -> tuple[str, ...]:
        """Everybody who is shown, in order of first appearance."""
        return tuple(name for name in self.order if name in self.people or name in self.speakers)

    def last_told(self, name: str) -> float:
        """Session time until which something is known of somebody."""
        person, speaker = self.people.get(name), self.speakers.get(name)
        return max(person.time if person else 0.0, speaker.emotion.end if speaker else 0.0)


def fold(state: MonitorState, message: Message) -> MonitorState:
    """The state after one more message; another session begins afresh."""
    if message.session != state.session_id:
        state = MonitorState(media=state.media, session_id=message.session)
    match message:
        case Session():
            return replace(state, session=message)
        case Emotion():
            return replace(_with_emotion(state, message), time=max(state.time, message.end))
        case Person():
            return replace(_with_person(state, message), time=max(state.time, message.time))
        case Face():
            return replace(state, time=max(state.time, message.time))
        case Heartbeat():
            return replace(state, heartbeat=message, time=max(state.time, message.time))
        case Feed():
            before = state
            state = replace(state, feeds={**state.feeds, (message.source, message.medium or ""): message})
            return (
                _with_notice(state, message, bad=message.state != "up") if is_news(before, message) else state
            )
        case Speaker():
            after = _with_alias(state, message) if message.event == "alias" else state
            return _with_notice(after, message) if is_news(state, message) else after
        case Error():
            return _with_notice(state, message, bad=True)
    return state


def is_news(state: MonitorState, event: Feed | Speaker | Error) -> bool:
    """Whether an event is worth a line after `state`.

    No news is a feed that opened well, or lacks from the start what every feed so far does, what was told of
    another feed at the same moment, and a speaker who is named after a feed: its one participant, as
    everybody knows who started it.
    """
    if isinstance(event, Speaker):
        known = () if state.session is None else (feed.source for feed in state.session.feeds)
        return event.event != "new" or event.speaker not in known
    if isinstance(event, Error):
        return True
    if event.medium not in (None, *state.media):
        return False
    before = state.feeds.get((event.source, event.medium or ""))
    if before is None and event.state == "down" and event.medium is not None:
        others = [
            feed
            for (source, medium), feed in state.feeds.items()
            if source != event.source and medium == event.medium
        ]
        return not others or any((feed.state, feed.reason) != (event.state, event.reason) for feed in others)
    if event.state == "up" and (before is None or before.state == "up"):
        return False
    return not (
        _befalls_all(event)
        and any(notice.time == event.time and notice.text == tell(event) for notice in state.notices)
    )


def tell(message: Feed | Speaker | Error) -> str:
    """An event in words."""
    match message:
        case Feed(reason=str(reason)) if _befalls_all(message):
            return reason
        case Feed():
            what = f"{message.source} {message.medium or 'feed'} {message.state}"
            return f"{what}: {message.reason}" if message.reason else what
        case Speaker(event="alias"):
            return f"{message.speaker} is {message.alias_of}"
        case Speaker():
            return f"new speaker: {message.speaker}"
        case Error():
            return message.message


def _befalls_all(event: Feed) -> bool:
    """Whether a feed is told of what every feed of the session is told at that moment: that work is left out
    under load."""
    return event.medium is None and event.state != "down"


def _with_emotion(state: MonitorState, emotion: Emotion) -> MonitorState:
    name = emotion.speaker.id
    held = state.speakers.get(name)
    trend = held.trend if held else ()
    if emotion.state != "partial":
        mark = Mark(emotion.utterance, emotion.label, emotion.confidence)
        places = [place for place, old in enumerate(trend) if old.utterance == emotion.utterance]
        trend = (*trend[: places[0]], mark, *trend[places[0] + 1 :]) if places else (*trend, mark)[-TREND:]
    if held is None:
        shown = SpeakerState(emotion, "", trend)
    elif emotion.start < held.emotion.start:
        shown = replace(held, trend=trend)
    elif emotion.utterance == held.emotion.utterance:
        shown = replace(held, emotion=emotion, trend=trend)
    else:
        said = held.emotion.transcript
        shown = SpeakerState(emotion, said.text if said else "", trend)
    speakers = {**state.speakers, name: shown}
    if len(speakers) > KEPT_SPEAKERS:
        del speakers[min(speakers, key=lambda each: speakers[each].emotion.end)]
    return _ordered(replace(state, speakers=speakers), name)


def _with_person(state: MonitorState, person: Person) -> MonitorState:
    people = {**state.people, person.person: person}
    if person.state == "away" and person.person not in state.speakers:  # a face that nobody will know again
        del people[person.person]
    if len(people) > KEPT_SPEAKERS:
        del people[min(people, key=lambda name: people[name].time)]
    return _ordered(replace(state, people=people), person.person)


def _ordered(state: MonitorState, name: str) -> MonitorState:
    """Somebody is new, or known; who is neither shown nor named any more is left out."""
    order = dict.fromkeys((*state.order, name))
    return replace(state, order=tuple(one for one in order if one in state.people or one in state.speakers))


def _with_alias(state: MonitorState, message: Speaker) -> MonitorState:
    """Fold a speaker who turned out to be another one into that one, in the order in which they spoke."""
    state = replace(
        state, people={name: one for name, one in state.people.items() if name != message.speaker}
    )
    speakers = dict(state.speakers)
    merged = speakers.pop(message.speaker, None)
    if merged is None or message.alias_of is None:
        return state
    held = speakers.get(message.alias_of)
    if held is not None:
        trend = tuple(sorted((*held.trend, *merged.trend), key=lambda mark: mark.utterance))[-TREND:]
        merged = replace(max(held, merged, key=lambda each: each.emotion.start), trend=trend)
    return _ordered(replace(state, speakers={**speakers, message.alias_of: merged}), message.alias_of)


def _with_notice(state: MonitorState, event: Feed | Speaker | Error, *, bad: bool = False) -> MonitorState:
    notice = Notice(event.time, tell(event), bad)
    return replace(state, notices=(*state.notices, notice)[-KEPT_NOTICES:], time=max(state.time, event.time))
