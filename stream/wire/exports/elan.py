"""ELAN: a tier for each speaker and kind of annotation, linked with the media where a source was a file."""

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from emotrack.stream.wire.exports.fitting import Files, lanes, media_files, printable, span
from emotrack.stream.wire.protocol.messages import Emotion
from emotrack.stream.wire.recordings.conversation import Conversation
from emotrack.stream.wire.recordings.states import steady_states

if TYPE_CHECKING:
    from pympi import Eaf

ANNOTATOR = "emotrack"
STATE = "state"
"""The kind of tier that tells how somebody was, whether they spoke or not."""


def eaf_file(conversation: Conversation) -> Files:
    """The annotations of all utterances, and how each person was meanwhile; the oldest revision of the format
    that ELAN still writes."""
    from pympi import Eaf
    from pympi.Elan import to_adocument

    document = Eaf(author=ANNOTATOR)
    begun = datetime.fromtimestamp(conversation.start_unix_ns // 10**9, timezone.utc)
    document.adocument["DATE"] = begun.isoformat()
    document.add_property("session", conversation.session)
    document.add_property("start_unix_ns", str(conversation.start_unix_ns))
    _link(document, conversation)
    for speaker, own in conversation.by_speaker().items():
        for lane, utterance in lanes(own):
            for kind, text in KINDS.items():
                if (value := text(utterance)) is not None:
                    _annotate(document, speaker, kind, lane, (utterance.start, utterance.end), value)
    for state in steady_states(conversation):
        _annotate(document, state.person, STATE, 0, (state.start, state.end), state.label)
    if len(document.tiers) > 1:
        document.remove_tier("default", clean=False)
    _order(document)
    content: bytes = ElementTree.tostring(to_adocument(document), encoding="UTF-8", xml_declaration=True)
    return {".eaf": content}


def _words(utterance: Emotion) -> str | None:
    return None if utterance.transcript is None else utterance.transcript.text


def _number(value: float | None) -> str | None:
    return None if value is None else repr(value)


def _missing(utterance: Emotion) -> str | None:
    """What the label had to do without, and why."""
    told = [
        f"{name}: {state.reason or 'not known'}{', stood in for' if state.imputed else ''}"
        for name, state in utterance.modalities.items()
        if not state.present
    ]
    return "; ".join(told) or None


KINDS: dict[str, Callable[[Emotion], str | None]] = {
    "words": _words,
    "emotion": lambda one: one.label,
    "confidence": lambda one: _number(one.confidence),
    "scores": lambda one: json.dumps(one.scores, ensure_ascii=False),
    "valence": lambda one: _number(one.valence),
    "arousal": lambda one: _number(one.arousal),
    "missing": _missing,
}
"""The tiers of a speaker, and what stands in them."""


def _link(document: "Eaf", conversation: Conversation) -> None:
    """Name the media by their names alone, as ELAN looks for them beside its own file."""
    for feed in conversation.opened.feeds if conversation.opened is not None else ():
        for name, kind in media_files(feed):
            document.add_linked_file(f"./{name}", relpath=f"./{name}", mimetype=kind)


def _annotate(
    document: "Eaf", person: str, kind: str, lane: int, times: tuple[float, float], value: str
) -> None:
    """Add an annotation; what overlaps another of its tier has a tier beside it, as ELAN allows none."""
    tier = f"{person} {kind}" + (f" {lane + 1}" if lane else "")
    if tier not in document.tiers:
        document.add_tier(tier, part=person, ann=ANNOTATOR)
    document.add_annotation(tier, *span(*times), printable(value))


def _order(document: "Eaf") -> None:
    """Number the points in time as they follow each other, which is how ELAN writes them."""
    order = sorted(document.timeslots, key=lambda slot: document.timeslots[slot])
    names = {slot: f"ts{number}" for number, slot in enumerate(order, start=1)}
    document.timeslots = {names[slot]: document.timeslots[slot] for slot in order}
    for annotations, *_ in document.tiers.values():
        for name, (first, last, *rest) in annotations.items():
            annotations[name] = (names[first], names[last], *rest)
