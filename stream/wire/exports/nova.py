"""NOVA: for each speaker their labels and words as they come, valence and arousal at a steady rate.

An annotation is two files: `.annotation` says what it is, `.annotation~` has its lines.
"""

import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence

from emotrack.errors import UserError
from emotrack.stream.wire.exports.fitting import Files, lanes, one_line, span
from emotrack.stream.wire.protocol.messages import Emotion
from emotrack.stream.wire.recordings.conversation import Conversation

RATE = 10
"""Values of valence and arousal a second."""
MOST_VALUES = 5_000_000
"""Of valence and arousal in all: a day and a half of two people who talk."""
COLOURS = ("#FF9E9E9E", "#FFF0C419", "#FF3B7DD8", "#FFD7403B", "#FF8E5BB5", "#FF3F8F5A", "#FF8A6D3B")
_NO_FIELD = str.maketrans({";": ",", '"': "'"})
"""NOVA's lines have no way to write what they are taken apart by."""


def nova_files(conversation: Conversation) -> Files:
    """The annotations of everybody who spoke.

    Raises `UserError` where nobody did, and where they did for too long.
    """
    if not conversation.utterances:
        raise UserError(
            f"Nobody said anything in the session {conversation.session}: NOVA has no file for that."
        )
    said = conversation.by_speaker()
    if 2 * RATE * sum(max(one.end for one in own) for own in said.values()) > MOST_VALUES:
        raise UserError(
            f"The session {conversation.session} is too long for NOVA, which has ten values a second of each "
            "speaker: export it to csv or parquet."
        )
    files: Files = {}
    for speaker, own in said.items():
        apart: list[list[Emotion]] = []
        for lane, utterance in lanes(own):
            apart += [[]] if lane == len(apart) else []
            apart[lane].append(utterance)
        for number, lane_of in enumerate(apart, start=1):
            name = f".{speaker}.{{}}{f'-{number}' if number > 1 else ''}"
            files |= _discrete(name.format("emotion"), speaker, conversation.labels, lane_of)
            files |= _free(name.format("words"), speaker, lane_of)
        for dimension in ("valence", "arousal"):
            files |= _continuous(f".{speaker}.{dimension}", speaker, dimension, own)
    return files


def _discrete(name: str, speaker: str, labels: Sequence[str], utterances: Sequence[Emotion]) -> Files:
    scheme = ElementTree.Element("scheme", {"name": "emotion", "type": "DISCRETE", "color": "#FFFFFFFF"})
    for number, label in enumerate(labels):
        colour = COLOURS[number % len(COLOURS)]
        ElementTree.SubElement(scheme, "item", {"name": one_line(label), "id": str(number), "color": colour})
    lines = [f"{_times(one)};{labels.index(one.label)};{one.confidence!r}" for one in utterances]
    return _annotation(name, speaker, scheme, lines)


def _free(name: str, speaker: str, utterances: Sequence[Emotion]) -> Files:
    """Words, with how sure the recogniser is, or 1 where it does not tell."""
    scheme = ElementTree.Element("scheme", {"name": "words", "type": "FREE", "color": "#FFFFFFFF"})
    lines = []
    for one in utterances:
        if (said := one.transcript) is not None:
            sure = 1.0 if said.confidence is None else said.confidence
            lines.append(f"{_times(one)};{one_line(said.text).translate(_NO_FIELD)};{sure!r}")
    return _annotation(name, speaker, scheme, lines) if lines else {}


def _continuous(name: str, speaker: str, dimension: str, utterances: Sequence[Emotion]) -> Files:
    """What each utterance has, from its beginning to its end; NaN where nothing is known."""
    if all(getattr(one, dimension) is None for one in utterances):
        return {}
    scheme = ElementTree.Element(
        "scheme", {"name": dimension, "type": "CONTINUOUS", "sr": str(RATE), "min": "-1", "max": "1"}
    )
    lines = [
        "NaN;0" if one is None or getattr(one, dimension) is None else f"{getattr(one, dimension)!r};1"
        for one in _sampled(utterances)
    ]
    return _annotation(name, speaker, scheme, lines)


def _sampled(utterances: Sequence[Emotion]) -> Iterator[Emotion | None]:
    """Who speaks at each point of the rate, to one point beyond the last word: of several the latest."""
    points: list[Emotion | None] = [None] * (math.ceil(max(0.0, *(one.end for one in utterances)) * RATE) + 2)
    for one in utterances:
        begins, ends = (time * RATE / 1000 for time in span(one.start, one.end))
        for place in range(math.ceil(begins), math.floor(ends) + 1):
            points[place] = one
    yield from points


def _times(utterance: Emotion) -> str:
    begins, ends = span(utterance.start, utterance.end)
    return f"{begins / 1000:.3f};{ends / 1000:.3f}"


def _annotation(name: str, speaker: str, scheme: ElementTree.Element, lines: Sequence[str]) -> Files:
    root = ElementTree.Element("annotation", {"ssi-v": "3"})
    ElementTree.SubElement(root, "info", {"ftype": "ASCII", "size": str(len(lines))})
    ElementTree.SubElement(root, "meta", {"role": speaker, "annotator": "emotrack"})
    root.append(scheme)
    ElementTree.indent(root, space="    ")
    header: bytes = ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return {
        f"{name}.annotation": header + b"\n",
        f"{name}.annotation~": "".join(f"{line}\n" for line in lines).encode(),
    }
