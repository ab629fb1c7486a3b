"""CSV (RFC 4180): a row an utterance, for spreadsheets and whatever reads tables."""

import csv
import io
from typing import Any

from emotrack.stream.wire.exports.columns import rows, utterance_columns
from emotrack.stream.wire.exports.files import Files
from emotrack.stream.wire.exports.fitting import printable
from emotrack.stream.wire.recordings.conversation import Conversation

BYTE_ORDER_MARK = "\ufeff"
"""Without it a spreadsheet takes UTF-8 for something else."""
RISKY = ("=", "+", "-", "@", "\t", "\n", "'", "＝", "＋", "－", "＠")
"""What a text may not begin with: a spreadsheet would compute it, whatever quotes stand around it."""


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
