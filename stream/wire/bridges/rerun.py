"""Rerun: each person's numbers over session time, the words as a log, and boxes of faces, in its viewer or
into a file for it."""

import os
from pathlib import Path
from typing import Any

from emotrack.errors import UserError, first_line
from emotrack.files import owner_only
from emotrack.notify import plain
from emotrack.stream.wire.bridges.destination import library
from emotrack.stream.wire.protocol.messages import Emotion, Error, Face, Feed, Person, Session
from emotrack.stream.wire.publish.sinks import Outgoing, SinkFailed

TIMELINE = "session_time"
"""Seconds of session time, by which everything is placed."""


class RerunLog:
    """A sink that logs into the file `path`, or to the viewer of this machine, which is started where none
    is.

    Raises `UserError` where rerun-sdk is missing, and where the file cannot be written.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self.keeps = path is not None
        """Whether it writes to something that stays."""
        self.name = "The bridge to Rerun" if path is None else f"Recording to {plain(str(path))}"
        self._rerun = library("rerun", "rerun", "Rerun")
        self._session = ""
        self._recording: Any = None
        self._labelled: set[str] = set()
        if path is not None:
            try:
                # For its owner only, before the library fills it; what is there is another session's.
                os.close(owner_only(str(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                raise UserError(f"{plain(str(path))} is there already: choose another file.") from None
            except OSError as error:
                raise UserError(f"{plain(str(path))} cannot be written: {error.strerror}.") from error

    def write(self, outgoing: Outgoing) -> None:
        """Log one message; raises `SinkFailed` where there is no viewer, or a file would get a second
        session."""
        message = outgoing.message
        if message.session != self._session:
            self._begin(message.session)
        rerun = self._rerun
        match message:
            case Session(state="started"):
                self._at(0.0)
                self._log("session", rerun.TextLog(f"session {message.session}", level="INFO"))
            case Person():
                self._at(message.time)
                self._numbers(f"people/{message.person}", message)
                self._log(f"people/{message.person}/state", rerun.TextLog(message.label, level="INFO"))
            case Emotion(state="final" | "revised"):
                self._at(message.end)
                self._numbers(f"utterances/{message.speaker.id}", message)
                said = "" if message.transcript is None else f": {message.transcript.text}"
                told = f"{message.speaker.id} {message.label} {message.confidence:.0%}{said}"
                self._log(f"words/{message.speaker.id}", rerun.TextLog(told, level="INFO"))
            case Face():
                self._at(message.time)
                self._box(message)
            case Feed():
                self._at(message.time)
                told = f"{message.source} {message.medium or 'feed'} {message.state} {message.reason or ''}"
                self._log("session", rerun.TextLog(told, level="INFO" if message.state == "up" else "WARN"))
            case Error():
                self._at(message.time)
                self._log("session", rerun.TextLog(message.message, level="ERROR"))

    def close(self) -> None:
        """Pass on what waits in the library; a file that was made for a session that never began is
        removed."""
        if self._recording is not None:
            self._recording.disconnect()
            self._recording = None
        elif self._path is not None and not self._session:
            self._path.unlink(missing_ok=True)

    def _begin(self, session: str) -> None:
        if self._path is not None and self._session:
            raise SinkFailed(f"{self.name} holds a session already, and another has begun.")
        if self._recording is not None:
            self.close()
        self._session, self._labelled = session, set()
        self._recording = self._rerun.RecordingStream("emotrack", recording_id=session)
        try:
            if self._path is not None:
                self._recording.save(self._path)
            else:
                self._recording.spawn()
        except (OSError, RuntimeError, ValueError) as error:
            raise SinkFailed(f"{self.name} cannot begin: {first_line(error)}.") from error

    def _at(self, seconds: float) -> None:
        self._recording.set_time(TIMELINE, duration=seconds)

    def _log(self, path: str, what: Any, *, static: bool = False) -> None:
        self._recording.log(path, what, static=static)

    def _numbers(self, path: str, message: Person | Emotion) -> None:
        """Scores as one plot whose lines are named once, the rest beside it; null is nothing."""
        if path not in self._labelled:
            self._labelled.add(path)
            self._log(f"{path}/scores", self._rerun.SeriesLines(names=list(message.scores)), static=True)
        self._log(f"{path}/scores", self._rerun.Scalars(list(message.scores.values())))
        for name in ("confidence", "valence", "arousal"):
            if (number := getattr(message, name)) is not None:
                self._log(f"{path}/{name}", self._rerun.Scalars(number))

    def _box(self, face: Face) -> None:
        """A face in the pixels of its picture; one that is lost is taken away."""
        path = f"faces/{face.source}/{face.track}"
        if face.event == "lost":
            self._log(path, self._rerun.Clear(recursive=False))
            return
        width, height, box = face.picture.width, face.picture.height, face.box
        corner = [box.left * width, box.top * height]
        size = [(box.right - box.left) * width, (box.bottom - box.top) * height]
        label = f"{face.person} {face.label}" if face.label else face.person
        self._log(path, self._rerun.Boxes2D(mins=[corner], sizes=[size], labels=[label]))
