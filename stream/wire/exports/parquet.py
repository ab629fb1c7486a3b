"""Apache Parquet: a file each of utterances, of people and of faces, every value with its type."""

import io
import json
from typing import TYPE_CHECKING, Any

from emotrack.stream.wire.exports.columns import Column, face_columns, person_columns, rows, utterance_columns
from emotrack.stream.wire.exports.fitting import Files
from emotrack.stream.wire.protocol.messages import SCHEMA
from emotrack.stream.wire.recordings.conversation import Conversation

if TYPE_CHECKING:
    import pyarrow


def parquet_files(conversation: Conversation) -> Files:
    """The three tables; one that has no row has its columns all the same."""
    utterances, people, faces = (
        utterance_columns(conversation),
        person_columns(conversation),
        face_columns(conversation),
    )
    about = {
        "schema": SCHEMA,
        "session": conversation.session,
        "start_unix_ns": str(conversation.start_unix_ns),
        "labels": json.dumps(conversation.labels),
        "aliases": json.dumps(conversation.aliases),
    }
    return {
        ".utterances.parquet": _file(utterances, rows(utterances, conversation.utterances), about),
        ".people.parquet": _file(people, rows(people, conversation.people), about),
        ".faces.parquet": _file(faces, rows(faces, conversation.faces), about),
    }


def _file(columns: list[Column[Any]], cells: list[list[Any]], about: dict[str, str]) -> bytes:
    from pyarrow import parquet

    content = io.BytesIO()
    parquet.write_table(_table(columns, cells, about), content)
    return content.getvalue()


def _table(columns: list[Column[Any]], cells: list[list[Any]], about: dict[str, str]) -> "pyarrow.Table":
    import pyarrow

    types = {
        "text": pyarrow.string(),
        "number": pyarrow.float64(),
        "whole": pyarrow.int64(),
        "flag": pyarrow.bool_(),
    }
    schema = pyarrow.schema(
        [
            pyarrow.field(column.name, types[column.kind], metadata={"meaning": column.meaning})
            for column in columns
        ],
        metadata=about,
    )
    arrays = [pyarrow.array([row[place] for row in cells], field.type) for place, field in enumerate(schema)]
    return pyarrow.Table.from_arrays(arrays, schema=schema)
