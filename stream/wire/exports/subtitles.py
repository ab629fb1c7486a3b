"""Subtitles: WebVTT with a second file of metadata for programs, and SubRip."""

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from emotrack.stream.wire.exports.fitting import Files, one_line, span
from emotrack.stream.wire.protocol.encoding import encode
from emotrack.stream.wire.protocol.messages import Emotion, Person
from emotrack.stream.wire.recordings.conversation import Conversation

if TYPE_CHECKING:
    from webvtt import Caption

NO_WORDS = "[…]"
"""What stands for words that are not known."""
_CLASS = re.compile("[A-Za-z0-9_]+")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_ESCAPES = str.maketrans({"&": "\\u0026", "<": "\\u003c", ">": "\\u003e"})
"""Of JSON: so that a cue of metadata is the same to who reads its text raw and to who reads it as markup."""
_LOOKALIKES = str.maketrans({"<": "‹", ">": "›"})
"""SubRip has no way to write these but as markup."""


def vtt_files(conversation: Conversation) -> Files:
    """Captions with who says them and their label as a class; and the messages that they are made of, as
    cues of metadata."""
    captions = [_caption(one) for one in conversation.utterances]
    cues = sorted(_metadata(conversation), key=lambda one: (one[0], one[1]))
    return {
        ".vtt": _vtt(captions, "captions"),
        ".metadata.vtt": _vtt([_cue(begins, ends, text) for begins, ends, text in cues], "metadata"),
    }


def srt_file(conversation: Conversation) -> Files:
    """Speaker, label and words of each utterance, as people read them."""
    blocks = []
    for number, one in enumerate(conversation.utterances, start=1):
        begins, ends = (_clock(time, ",") for time in span(one.start, one.end))
        text = f"{one.speaker.id} ({one_line(one.label)}): {_words(one)}".translate(_LOOKALIKES)
        text = text.replace("{\\", "{ \\")  # which some players take for instructions
        blocks.append(f"{number}\n{begins} --> {ends}\n{text}\n")
    return {".srt": "\n".join(blocks).encode()}


def _words(utterance: Emotion) -> str:
    return NO_WORDS if utterance.transcript is None else one_line(utterance.transcript.text)


def _caption(utterance: Emotion) -> "Caption":
    label = f".{utterance.label}" if _CLASS.fullmatch(utterance.label) else ""
    voice = f"<v{label} {utterance.speaker.id}>"
    text = f"{voice}{_words(utterance).translate(_ENTITIES)}</v>"
    return _cue(*span(utterance.start, utterance.end), text, f"utterance-{utterance.utterance}")


def _metadata(conversation: Conversation) -> Iterator[tuple[int, int, str]]:
    """The messages of utterances and people, each with when it begins to hold and until when it does."""
    for utterance in conversation.utterances:
        yield *span(utterance.start, utterance.end), _json(utterance)
    until: dict[str, float] = {}
    last = conversation.end
    for person in reversed(conversation.people):
        yield *span(person.time, until.get(person.person, last)), _json(person)
        until[person.person] = person.time


def _json(message: Emotion | Person) -> str:
    return json.dumps(json.loads(encode(message))).translate(_ESCAPES)


def _cue(begins: int, ends: int, text: str, name: str | None = None) -> "Caption":
    from webvtt import Caption

    return Caption(_clock(begins, "."), _clock(ends, "."), text, name)


def _vtt(captions: "list[Caption]", kind: str) -> bytes:
    from webvtt import WebVTT

    content: str = WebVTT(captions=captions, header_comments=[f"{kind} by emotrack"]).content
    return f"{content}\n".encode()


def _clock(milliseconds: int, point: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{point}{rest:03d}"
