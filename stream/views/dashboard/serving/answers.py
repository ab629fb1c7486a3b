"""The answers to programs that are no messages themselves; their docstrings are what OpenAPI says of them."""

from typing import Literal

import msgspec


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What is answered."""


class Health(Answer, frozen=True, kw_only=True):
    """The server lives."""

    ok: bool
    """Always true: a server that does not live does not answer."""


class Status(Answer, frozen=True, kw_only=True):
    """What is shown."""

    kind: Literal["live", "recording"]
    """A session that runs, or one that was recorded."""
    source: str
    """The endpoint or the recording, as it was given."""
    connected: bool
    """Whether a tracker is there at this moment; of a recording always true."""
    session: str | None
    """The session's name; null before its first message."""
    start: float | None
    """The first session time that something is known of, in seconds; null before the first message."""
    end: float | None
    """The last session time that something is known of, in seconds; null before the first message."""
    start_unix_ns: int | None
    """Session time 0 in Unix nanoseconds; null before the first message that says it."""
    explanations: bool
    """Whether evidence is kept, so that labels can be explained."""


class StateAt(Answer, frozen=True, kw_only=True):
    """What holds at a moment."""

    at: float
    """The session time, in seconds."""
    messages: list[msgspec.Raw]
    """The messages that together say what holds, by `seq`: the newest of the session, of each feed, speaker
    and person and of each face that is there, the newest label of each of the last 200 utterances, the last
    20 errors, and the last heartbeat."""


class Messages(Answer, frozen=True, kw_only=True):
    """A page of what was."""

    messages: list[msgspec.Raw]
    """By `seq`."""
    next: int | None
    """What to ask for as `after` to go on; null where nothing more is there yet."""


class Failure(Answer, frozen=True, kw_only=True):
    """Why there is no answer."""

    error: str
    """In one sentence."""
