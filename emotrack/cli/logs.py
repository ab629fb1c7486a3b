"""What is said on stderr as JSON Lines, for whatever collects logs: one object a line, with time, level,
logger, message, and the session and what an event is about where that is known.

Python's own `logging` and `json` do: a formatter of a few lines is all that a library would bring. What they
lack is here: whoever logs never waits, for a thread hands the lines over, and drops what nobody takes.
"""

import contextlib
import json
import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timezone

from emotrack.notify import heard_by, shorten

WAITING = 2_000
"""Lines that wait for a reader who is slow; more are dropped, and counted."""
LONGEST = 2_000
"""Letters of one value."""
CLOSING = 1.0
"""Seconds in which the last lines must be taken when the command ends."""
_LOOK = 0.1
_KNOWN = {*vars(logging.makeLogRecord({})), "message", "asctime"}
"""What every record has; anything else is about this one."""


class JsonLines(logging.Handler):
    """Writes each record to a descriptor as one line of JSON; never waits, and never raises."""

    def __init__(self, descriptor: int, session: str) -> None:
        """`session`: whose records these are, unless one says otherwise."""
        super().__init__()
        self._descriptor = descriptor
        self._session = session
        self._lines: queue.Queue[bytes] = queue.Queue(WAITING)
        self._dropped = 0
        """By whoever logs, for too many wait."""
        self._untaken = 0
        """By the thread, for nobody takes them."""
        self._until: float | None = None
        self._thread = threading.Thread(target=self._run, name="logs", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Hand one record over."""
        try:
            self._lines.put_nowait(self._line(record))
        except Exception:  # noqa: BLE001 - whatever cannot be logged must not stop whoever logs it
            self._dropped += 1

    def close(self) -> None:
        """Write what waits, as far as it is taken within `CLOSING` seconds."""
        self._until = time.monotonic() + CLOSING
        self._thread.join(CLOSING + 5 * _LOOK)
        super().close()

    def _line(self, record: logging.LogRecord) -> bytes:
        moment = datetime.fromtimestamp(record.created, timezone.utc)
        line: dict[str, object] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": shorten(record.getMessage(), LONGEST),
            "session": self._session,
        }
        for name, value in vars(record).items():
            if name not in _KNOWN:
                line[name] = shorten(value, LONGEST) if isinstance(value, str) else value
        if record.exc_info:
            line["exception"] = logging.Formatter().formatException(record.exc_info)[-10 * LONGEST :]
        return (json.dumps(line, default=str, allow_nan=False) + "\n").encode()

    def _run(self) -> None:
        told = 0
        while self._until is None or time.monotonic() < self._until:
            try:
                line = self._lines.get(timeout=_LOOK)
            except queue.Empty:
                if self._until is not None:
                    return
                continue
            lost = self._dropped + self._untaken
            if lost > told and self._write(self._loss(lost - told)):
                told = lost
            if not self._write(line):
                self._untaken += 1

    def _loss(self, lost: int) -> bytes:
        sentence = f"{lost} lines were lost: standard error did not take them."
        record = logging.makeLogRecord({"name": "emotrack.logs", "levelname": "WARNING", "msg": sentence})
        return self._line(record)

    def _write(self, line: bytes) -> bool:
        """Whether the line was taken. This may wait for ever, which keeps nobody: the thread ends with the
        process."""
        left = memoryview(line)
        while left:
            try:
                left = left[os.write(self._descriptor, left) :]
            except BlockingIOError:  # a descriptor that somebody else does not want to wait for
                if self._until is not None and time.monotonic() > self._until:
                    return False
                time.sleep(_LOOK)
            except OSError:  # a full disk, or nobody reads any more
                return False
        return True


class _Logs:
    """How this command logs: undone when it ends."""

    def __init__(self) -> None:
        self.undo = contextlib.ExitStack()
        self.as_json = False


_logs = _Logs()


@contextlib.contextmanager
def logging_to_stderr() -> Iterator[None]:
    """For as long as a command runs: warnings as sentences, or what `log_as_json` makes of everything."""
    logging.basicConfig(level=logging.WARNING, format="emotrack: %(message)s", stream=sys.stderr)
    try:
        yield
    except Exception:  # whatever it is: who reads JSON is to read of it as JSON, too
        if not _logs.as_json:
            raise
        logging.getLogger("emotrack").critical("The command has failed.", exc_info=True)
        sys.exit(1)
    finally:
        _logs.undo.close()
        _logs.as_json = False


def log_as_json(session: str) -> None:
    """Let all that is said from now on be JSON Lines of this session, until `logging_to_stderr` ends."""
    ours, root = logging.getLogger("emotrack"), logging.getLogger()
    handler = JsonLines(sys.stderr.fileno(), session)
    kept = ours.level, ours.propagate, root.handlers[:], threading.excepthook

    def restore() -> None:
        handler.close()
        logging.captureWarnings(False)
        ours.removeHandler(handler)
        ours.setLevel(kept[0])
        ours.propagate, root.handlers[:], threading.excepthook = kept[1:]

    _logs.undo.callback(restore)
    _logs.as_json = True
    ours.addHandler(handler)
    ours.propagate = False  # what is shown to a person who watches is logged all the same
    ours.setLevel(logging.INFO)
    root.handlers[:] = [handler]
    logging.captureWarnings(True)
    threading.excepthook = _thread_failed
    _logs.undo.enter_context(heard_by(_say))


def _thread_failed(failed: threading.ExceptHookArgs) -> None:
    if failed.exc_value is not None:
        about = failed.exc_type, failed.exc_value, failed.exc_traceback
        logging.getLogger("emotrack").critical("A thread has failed.", exc_info=about)


def _say(sentence: str, serious: bool) -> None:
    logging.getLogger("emotrack").log(logging.ERROR if serious else logging.INFO, "%s", sentence)
