"""Tables as text: CSV (RFC 4180) for spreadsheets, a row an utterance; and events as BIDS has them, in
tab-separated values, with a JSON sidecar that says what their columns mean."""

import csv
import io
import json
from typing import Any

from emotrack.stream.wire.exports.columns import rows, utterance_columns
from emotrack.stream.wire.exports.fitting import Files, one_line, printable
from emotrack.stream.wire.recordings.conversation import Conversation

BYTE_ORDER_MARK = "\ufeff"
"""Without it a spreadsheet takes UTF-8 for something else."""
RISKY = ("=", "+", "-", "@", "\t", "\n", "'", "＝", "＋", "－", "＠")
"""What a text may not begin with: a spreadsheet would compute it, whatever quotes stand around it."""
NOT_KNOWN = "n/a"
_LEFT_OUT = ("session", "start", "end", "start_unix_ns", "label")
"""Columns that BIDS calls otherwise, or that its file names say."""


def csv_file(conversation: Conversation) -> Files:
    """The table of all utterances."""
    columns = utterance_columns(conversation)
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow([cell(column.name) for column in columns])
    table.writerows([cell(value) for value in row] for row in rows(columns, conversation.utterances))
    return {".csv": (BYTE_ORDER_MARK + text.getvalue()).encode()}


def cell(value: Any) -> Any:
    """A value as a cell: a text that a spreadsheet could compute begins with an apostrophe; so does one that
    began with one, so that a reader may take off the first of any."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.startswith(RISKY) else text


def bids_files(conversation: Conversation) -> Files:
    """The events, in order of their onset, and their sidecar."""
    columns = [one for one in utterance_columns(conversation) if one.name not in _LEFT_OUT]
    text = io.StringIO(newline="")
    table = csv.writer(text, delimiter="\t", lineterminator="\n")
    table.writerow(["onset", "duration", "trial_type", *(one_line(column.name) for column in columns)])
    for utterance, row in zip(conversation.utterances, rows(columns, conversation.utterances), strict=True):
        lasts = max(0.0, round(utterance.end - utterance.start, 6))
        timed = [utterance.start, lasts, utterance.label]
        table.writerow([_field(value) for value in (*timed, *row)])
    described = {
        one_line(column.name): {"Description": column.meaning}
        | ({"Units": column.unit} if column.unit else {})
        for column in columns
    }
    sidecar = {**_timing(conversation), **described, "EmotrackSession": _session(conversation)}
    return {
        "_events.tsv": text.getvalue().encode(),
        "_events.json": (json.dumps(sidecar, indent=2, ensure_ascii=False) + "\n").encode(),
    }


def _timing(conversation: Conversation) -> dict[str, Any]:
    return {
        "onset": {
            "Description": "When an utterance began, from the beginning of the recording.",
            "Units": "s",
        },
        "duration": {"Description": "How long it lasted.", "Units": "s"},
        "trial_type": {
            "Description": "The most probable label, made by a network from words, voice and picture.",
            "Levels": {label: f"The label {label}." for label in conversation.labels},
        },
    }


def _session(conversation: Conversation) -> dict[str, Any]:
    opened = conversation.opened
    return {
        "Name": conversation.session,
        "StartUnixNanoseconds": conversation.start_unix_ns,
        "Model": None if opened is None else {"Name": opened.model.id, "Hash": opened.model.hash},
    }


def _field(value: Any) -> Any:
    if value is None:
        return NOT_KNOWN
    if isinstance(value, bool):
        return str(value).lower()
    return one_line(value) if isinstance(value, str) else value
