"""Text, times and media, so that they fit into what can hold less: the one place that says what is lost."""

import heapq
import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath, PureWindowsPath

from emotrack.stream.wire.protocol.messages import Emotion
from emotrack.stream.wire.protocol.parts import FeedInfo

Files = dict[str, bytes]
"""What a format makes: the content of each file by how its name ends."""

_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]")
"""What is no letter of any text, and what no XML may hold."""
_BREAKS = re.compile("\r\n?")
_NEW_LINES = re.compile("[\n\t\u2028\u2029]")
_NO_FILES = ("camera:", "mic:")
MEDIA_TYPES = {
    **dict.fromkeys((".mp4", ".m4v"), "video/mp4"),
    ".mov": "video/quicktime",
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
    ".avi": "video/x-msvideo",
    **dict.fromkeys((".mpg", ".mpeg"), "video/mpeg"),
    ".wav": "audio/x-wav",
    ".flac": "audio/flac",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    **dict.fromkeys((".ogg", ".opus"), "audio/ogg"),
}
"""By the suffix of a file; Python's own table is another on each machine."""


def printable(text: str) -> str:
    """The text as XML and tables can hold it: a space in place of each control character but tabs and new
    lines, and every new line the same."""
    return _NO_TEXT.sub(" ", _BREAKS.sub("\n", text))


def one_line(text: str) -> str:
    """The same without tabs and new lines."""
    return _NEW_LINES.sub(" ", printable(text))


def milliseconds(seconds: float) -> int:
    """Session time in whole milliseconds; what was before its beginning is at its beginning."""
    return max(0, round(seconds * 1000))


def span(start: float, end: float) -> tuple[int, int]:
    """Where something begins and ends in milliseconds; it lasts one at least, as most formats want it."""
    begins = milliseconds(start)
    return begins, max(begins + 1, milliseconds(end))


def lanes(utterances: Iterable[Emotion]) -> Iterator[tuple[int, Emotion]]:
    """Utterances in order of time, each with the number of a lane (from 0) in which none overlaps another."""
    ends: list[tuple[int, int]] = []
    for utterance in utterances:
        begins, stops = span(utterance.start, utterance.end)
        if ends and ends[0][0] <= begins:
            _, lane = heapq.heappop(ends)
        else:
            lane = len(ends)
        heapq.heappush(ends, (stops, lane))
        yield lane, utterance


def media_files(feed: FeedInfo) -> list[tuple[str, str]]:
    """The files that a feed was, by name without their folders, each with its media type; none where it was
    something else."""
    if "://" in feed.description:
        return []
    joined = [_media(part) for part in feed.description.split("+")]
    found = joined if all(joined) else [_media(feed.description)]
    return [one for one in found if one is not None]


def _media(path: str) -> tuple[str, str] | None:
    name = one_line(PureWindowsPath(PurePosixPath(path).name).name)
    kind = MEDIA_TYPES.get(PurePosixPath(name).suffix.lower())
    return None if kind is None or path.startswith(_NO_FILES) else (name, kind)
