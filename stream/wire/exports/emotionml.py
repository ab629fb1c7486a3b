"""EmotionML 1.0, the W3C's language for emotions: each utterance in the session's own vocabulary, and once
more in the big six that every reader knows."""

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from emotrack.stream.wire.exports.fitting import Files, media_files, printable
from emotrack.stream.wire.protocol.messages import Emotion
from emotrack.stream.wire.protocol.vocabulary import EMOTIONML_BIG6
from emotrack.stream.wire.recordings.conversation import Conversation

NAMESPACE = "http://www.w3.org/2009/10/emotionml"
OURS = "urn:emotrack:1"
"""The namespace of what EmotionML has no place for, in `info`."""
BIG6 = "http://www.w3.org/TR/emotion-voc/xml#big6"
DIMENSIONS = ("valence", "arousal")
THROUGH = {"text": "text", "audio": "voice", "face": "face", "body": "posture"}
"""What EmotionML calls the modalities."""
_NO_NAME = re.compile(r"[^\w.-]")


def emotionml_file(conversation: Conversation) -> Files:
    """The document; it declares the labels and the two dimensions that it uses."""
    labels = _names(conversation.labels)
    root = ElementTree.Element(
        "emotionml",
        {
            "version": "1.0",
            "xmlns": NAMESPACE,
            "xmlns:emotrack": OURS,
            "category-set": "#labels",
            "dimension-set": "#dimensions",
        },
    )
    ElementTree.SubElement(ElementTree.SubElement(root, "info"), "emotrack:session", _session(conversation))
    _vocabulary(root, "category", "labels", [*labels.values()])
    _vocabulary(root, "dimension", "dimensions", DIMENSIONS)
    media = _media(conversation)
    for utterance in conversation.utterances:
        _own(root, utterance, labels, media)
        _big6(root, utterance, media)
    for element in (root, *root):
        element.tail = "\n"
    root.text = "\n"
    return {".emotionml": ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)}


def _names(labels: Sequence[str]) -> dict[str, str]:
    """What each label is called here: EmotionML wants names without spaces, each once."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for label in labels:
        name = plain = _NO_NAME.sub("_", label) or "_"
        while name in taken:
            name = f"{plain}-{len(taken)}"
        taken.add(name)
        names[label] = name
    return names


def _session(conversation: Conversation) -> dict[str, str]:
    told = {"name": conversation.session, "start-unix-ns": str(conversation.start_unix_ns)}
    if (opened := conversation.opened) is not None:
        told |= {"vocabulary": opened.vocabulary.uri, "model": opened.model.id, "hash": opened.model.hash}
    return {name: printable(value) for name, value in told.items()}


def _vocabulary(root: ElementTree.Element, kind: str, name: str, items: Sequence[str]) -> None:
    vocabulary = ElementTree.SubElement(root, "vocabulary", {"type": kind, "id": name})
    for item in items:
        ElementTree.SubElement(vocabulary, "item", {"name": item})


def _media(conversation: Conversation) -> dict[str, tuple[str, dict[str, str]]]:
    """By feed where it is to be seen and heard, relative to this document, and its media type: its file, or
    what is called as the feed is."""
    found = {}
    for feed in conversation.opened.feeds if conversation.opened is not None else ():
        files = media_files(feed)
        if files:
            found[feed.source] = quote(files[0][0]), {"media-type": files[0][1]}
    return found


def _own(
    root: ElementTree.Element,
    utterance: Emotion,
    labels: Mapping[str, str],
    media: Mapping[str, tuple[str, dict[str, str]]],
) -> None:
    """An utterance with everything: probabilities, dimensions scaled to 0 to 1, and its words."""
    emotion = _emotion(root, utterance, f"utterance-{utterance.utterance}")
    about = {
        "speaker": utterance.speaker.id,
        "utterance": str(utterance.utterance),
        "revision": str(utterance.revision),
        "label": labels[utterance.label],
        "source": utterance.source,
    }
    ElementTree.SubElement(ElementTree.SubElement(emotion, "info"), "emotrack:utterance", about)
    for label, probability in (utterance.scores or {utterance.label: utterance.confidence}).items():
        _category(emotion, labels[label], probability)
    for dimension in DIMENSIONS:
        if (value := getattr(utterance, dimension)) is not None:
            scaled = {"name": dimension, "value": repr((value + 1) / 2)}
            ElementTree.SubElement(emotion, "dimension", scaled)
    last = _reference(emotion, utterance, media)
    if utterance.transcript is not None:
        last.tail = printable(utterance.transcript.text)


def _big6(
    root: ElementTree.Element, utterance: Emotion, media: Mapping[str, tuple[str, dict[str, str]]]
) -> None:
    """The same for those who know the big six only: what has a name there. Neutral has none, so these do
    not sum to 1."""
    known = {
        name: probability
        for label, probability in utterance.scores.items()
        if (name := EMOTIONML_BIG6.get(label)) is not None
    }
    if known:
        emotion = _emotion(root, utterance, f"utterance-{utterance.utterance}-big6", {"category-set": BIG6})
        for name, probability in known.items():
            _category(emotion, name, probability)
        _reference(emotion, utterance, media)


def _emotion(
    root: ElementTree.Element, utterance: Emotion, name: str, more: Mapping[str, str] | None = None
) -> ElementTree.Element:
    """An `emotion` in absolute milliseconds, as the Recommendation has them."""
    zero = utterance.start_unix_ns / 1e6
    begins = max(0, round(zero + utterance.start * 1000))
    attributes = {
        "id": name,
        "start": str(begins),
        "end": str(max(begins, round(zero + utterance.end * 1000))),
        **(more or {}),
    }
    through = [
        THROUGH[modality]
        for modality, state in utterance.modalities.items()
        if state.present and modality in THROUGH
    ]
    if through:
        attributes["expressed-through"] = " ".join(through)
    return ElementTree.SubElement(root, "emotion", attributes)


def _category(emotion: ElementTree.Element, name: str, probability: float) -> None:
    ElementTree.SubElement(emotion, "category", {"name": name, "confidence": repr(probability)})


def _reference(
    emotion: ElementTree.Element, utterance: Emotion, media: Mapping[str, tuple[str, dict[str, str]]]
) -> ElementTree.Element:
    """Where it was expressed: a part of the media, as media fragments have it."""
    uri, kind = media.get(utterance.source, (utterance.source, {}))
    begins, ends = max(0.0, utterance.start), max(0.0, utterance.end)
    where = f"{uri}#t={begins:.3f},{ends:.3f}"
    return ElementTree.SubElement(emotion, "reference", {"uri": where, "role": "expressedBy", **kind})
