"""A sink of one's own, for CSV: `python examples/own_sink.py [SOURCE]... > OUT.csv` (extra `track`)."""

import csv
import sys
from typing import TextIO

from emotrack import Emotion, Outgoing, SinkFailed, Tracker
from emotrack.demo import clip_path
from emotrack.settings import load_settings


class CsvSink:
    """Is given every message; one that fails is told of and closed, and the others go on."""

    def __init__(self, file: TextIO) -> None:
        self._file, self._rows = file, csv.writer(file)
        self._rows.writerow(["speaker", "start", "end", "label", "confidence", "state", "words"])

    def write(self, outgoing: Outgoing) -> None:
        match outgoing.message:
            case Emotion(state="final" | "revised") as said:
                words = said.transcript.text if said.transcript else ""
                row = [said.speaker.id, said.start, said.end, said.label, said.confidence, said.state, words]
                try:
                    self._rows.writerow(row)
                    self._file.flush()
                except OSError as error:
                    raise SinkFailed(f"Labels are no longer written: {error.strerror}.") from error

    def close(self) -> None:
        """The file belongs to the caller."""


sources = sys.argv[1:] or [str(clip_path())]
settings = load_settings(overrides=["stream.publish.endpoint=none"])
with Tracker(sources, settings, realtime=False, sinks=[CsvSink(sys.stdout)]) as tracker:
    tracker.run()
print(tracker.summary.sentence, *tracker.incomplete, file=sys.stderr)
