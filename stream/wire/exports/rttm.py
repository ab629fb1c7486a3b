"""RTTM: who spoke when, a line a turn, as programs that tell speakers apart are measured by."""

from emotrack.stream.wire.exports.fitting import Files, span
from emotrack.stream.wire.recordings.conversation import Conversation


def rttm_file(conversation: Conversation) -> Files:
    """Every utterance and everybody who spoke within one, in order of time, in one channel."""
    turns = [(one.start, one.end, one.speaker.id) for one in conversation.utterances]
    turns += [(one.start, one.end, one.speaker) for said in conversation.utterances for one in said.others]
    lines = [_line(conversation.session, *turn) for turn in sorted(turns)]
    return {".rttm": "".join(lines).encode()}


def _line(session: str, start: float, end: float, speaker: str) -> str:
    begins, ends = span(start, end)
    timed = f"{begins / 1000:.3f} {(ends - begins) / 1000:.3f}"
    return f"SPEAKER {session} 1 {timed} <NA> <NA> {speaker} <NA> <NA>\n"
