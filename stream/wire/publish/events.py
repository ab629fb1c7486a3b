"""What happens to a session, as events of Python's `logging`: by ids and numbers, never by words or labels.

Whoever logs in a form of their own (JSON Lines, the journal) finds the fields in the record: `event`,
`session`, and what the event is about.
"""

import logging

from emotrack.stream.wire.protocol.messages import Emotion, Error, Feed, Heartbeat, Session
from emotrack.stream.wire.publish.sinks import Outgoing

log = logging.getLogger("emotrack.session")

_LEVELS = {"up": logging.INFO, "degraded": logging.WARNING, "down": logging.WARNING}


class EventLog:
    """A sink that logs when a session starts and ends, every change of a feed, every error, every step of
    what is left out under load, and that an utterance has its final label."""

    watches = True

    def __init__(self) -> None:
        self._shedding: tuple[str, ...] = ()

    def write(self, outgoing: Outgoing) -> None:
        """Log one message, where it is worth a line."""
        message = outgoing.message
        match message:
            case Session():
                self._log_session(message)
            case Feed():
                name = f"{message.source} {message.medium or 'feed'} {message.state}"
                _log(
                    _LEVELS[message.state],
                    f"{name}: {message.reason}" if message.reason else name,
                    "feed",
                    message.session,
                    source=message.source,
                    medium=message.medium,
                    state=message.state,
                    reason=message.reason,
                    session_time=message.time,
                )
            case Error():
                level = logging.WARNING if message.continues else logging.ERROR
                about = {
                    "source": message.source,
                    "continues": message.continues,
                    "session_time": message.time,
                }
                _log(level, message.message, "error", message.session, **about)
            case Heartbeat():
                self._log_steps(message)
            case Emotion(state="final"):
                _log_final(message)

    def close(self) -> None:
        """Nothing waits."""

    def _log_session(self, session: Session) -> None:
        level = logging.ERROR if session.reason == "error" else logging.INFO
        why = f": {session.reason}" if session.reason else ""
        about = {"sources": [feed.source for feed in session.feeds], "model": session.model.id}
        _log(
            level,
            f"session {session.state}{why}",
            f"session {session.state}",
            session.session,
            reason=session.reason,
            **about,
        )

    def _log_steps(self, beat: Heartbeat) -> None:
        before, self._shedding = self._shedding, tuple(beat.shedding)
        for kind in dict.fromkeys((*before, *self._shedding)):
            if (kind in before) == (kind in self._shedding):
                continue
            less = kind in self._shedding
            _log(
                logging.WARNING if less else logging.INFO,
                f"{kind} left out to keep up" if less else f"{kind} no longer left out",
                "load",
                beat.session,
                kind=kind,
                shed=less,
                lag=beat.lag,
                session_time=beat.time,
            )


def _log_final(label: Emotion) -> None:
    _log(
        logging.INFO,
        f"utterance {label.utterance} has its final label",
        "final",
        label.session,
        source=label.source,
        utterance=label.utterance,
        start=label.start,
        end=label.end,
        total_ms=label.timing_ms.total,
        masked=[name for name, modality in label.modalities.items() if not modality.present],
    )


def _log(level: int, sentence: str, event: str, session: str, **about: object) -> None:
    log.log(level, "%s", sentence, extra={"event": event, "session": session, **about})
