"""CSV, Parquet and BIDS, read by pandas, pyarrow and Python's own csv."""

import csv
import io
import json
from typing import Any

import pandas
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from emotrack.stream.wire.exports.columns import face_columns, person_columns, rows, utterance_columns
from emotrack.stream.wire.exports.fitting import one_line, printable
from emotrack.stream.wire.exports.parquet import parquet_files
from emotrack.stream.wire.exports.tables import RISKY, bids_files, csv_file
from emotrack.stream.wire.protocol.vocabulary import LABELS
from emotrack.stream.wire.recordings.conversation import Conversation, gathered
from helpers.recordings.conversations import awkward, conversations, published, silent, texts
from helpers.sessions import sample_messages as sample


def csv_rows(conversation: Conversation) -> list[dict[str, str]]:
    """As Python reads them, without the apostrophes that stand before what would be computed."""
    text = csv_file(conversation)[".csv"].decode("utf-8-sig")
    table = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    return [{name: value.removeprefix("'") for name, value in row.items()} for row in table]


def csv_frame(conversation: Conversation) -> Any:
    content = io.BytesIO(csv_file(conversation)[".csv"])
    known = {"valence": "", "arousal": ""}
    return pandas.read_csv(content, keep_default_na=False, na_values=known, dtype={"words": str})


@settings(deadline=None)
@given(conversations())
def test_every_utterance_is_a_row_of_csv_with_all_that_is_known(conversation: Conversation) -> None:
    for row, one in zip(csv_rows(conversation), conversation.utterances, strict=True):
        assert (row["speaker"], row["label"], row["state"]) == (one.speaker.id, one.label, one.state)
        assert (float(row["start"]), float(row["end"])) == (one.start, one.end)
        assert int(row["start_unix_ns"]) == one.start_unix_ns
        assert {label: float(row[f"score_{label}"]) for label in LABELS} == one.scores
        for name in ("confidence", "valence", "arousal"):
            value = getattr(one, name)
            assert row[name] == ("" if value is None else repr(value))
        assert row["words"] == ("" if one.transcript is None else printable(one.transcript.text))
        assert row["body_reason"] == "untrained" and row["text_present"] == "true"


@settings(deadline=None)
@given(conversations())
def test_pandas_reads_the_same_rows(conversation: Conversation) -> None:
    frame, own = csv_frame(conversation), csv_rows(conversation)
    assert [word.removeprefix("'") for word in frame["words"]] == [row["words"] for row in own]
    assert frame["valence"].isna().tolist() == [one.valence is None for one in conversation.utterances]
    assert frame["start"].tolist() == [one.start for one in conversation.utterances]


@settings(deadline=None)
@given(texts | st.sampled_from(RISKY).map(lambda sign: f'{sign}HYPERLINK("http://x.example")'))
def test_no_text_is_one_that_a_spreadsheet_computes(words: str) -> None:
    talk = gathered(published([sample.emotion(1, "-1-1", transcript=sample.said(words))]))
    text = csv_file(talk)[".csv"].decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert row["speaker"] == "'-1-1"
    assert not row["words"].startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝"))
    assert row["words"].removeprefix("'") == printable(words)


def test_lines_of_csv_end_as_the_standard_says_and_begin_with_what_spreadsheets_want() -> None:
    content = csv_file(awkward())[".csv"]
    assert content.startswith("\ufeffsession,".encode()) and content.endswith(b"\r\n")


def test_others_who_spoke_are_in_their_cell() -> None:
    assert json.loads(csv_rows(awkward())[-1]["others"]) == [{"speaker": "spk2", "start": 3.5, "end": 3.75}]


def tables(conversation: Conversation) -> dict[str, Any]:
    return {
        name.split(".")[1]: parquet.read_table(io.BytesIO(content))
        for name, content in parquet_files(conversation).items()
    }


@settings(deadline=None)
@given(conversations())
def test_parquet_keeps_every_value_as_it_was(conversation: Conversation) -> None:
    table = tables(conversation)["utterances"]
    columns = utterance_columns(conversation)
    assert table.column_names == [column.name for column in columns]
    assert [list(row.values()) for row in table.to_pylist()] == rows(columns, conversation.utterances)


def test_people_and_faces_are_tables_too() -> None:
    talk = awkward()
    found = tables(talk)
    assert [list(row.values()) for row in found["people"].to_pylist()] == rows(
        person_columns(talk), talk.people
    )
    assert [list(row.values()) for row in found["faces"].to_pylist()] == rows(face_columns(talk), talk.faces)
    assert found["people"].schema.metadata[b"session"] == b"kitchen-1"
    assert json.loads(found["people"].schema.metadata[b"aliases"]) == {"spk3": "spk1"}


def test_pandas_reads_parquet_with_types() -> None:
    frame = pandas.read_parquet(io.BytesIO(parquet_files(awkward())[".utterances.parquet"]))
    assert frame["start"].dtype == "float64" and frame["utterance"].dtype == "int64"
    assert frame.groupby("speaker")["utterance"].count().to_dict() == {"spk1": 3, "spk2": 1}


def test_tables_without_rows_have_their_columns_and_types() -> None:
    for table in tables(silent()).values():
        assert table.num_rows == 0 and "session" in table.column_names
        assert pyarrow.types.is_float64(table.schema.field("confidence").type)
    assert csv_frame(silent()).empty
    assert events(silent()).empty


def events(conversation: Conversation) -> Any:
    content = io.BytesIO(bids_files(conversation)["_events.tsv"])
    types = {"speaker": str, "words": str}
    return pandas.read_csv(content, sep="\t", na_values=["n/a"], keep_default_na=False, dtype=types)


def sidecar(conversation: Conversation) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(bids_files(conversation)["_events.json"])
    return loaded


@settings(deadline=None)
@given(conversations())
def test_events_have_onset_duration_and_type(conversation: Conversation) -> None:
    frame = events(conversation)
    assert frame.columns[:3].tolist() == ["onset", "duration", "trial_type"]
    said = conversation.utterances
    assert frame["onset"].tolist() == [one.start for one in said] == sorted(frame["onset"])
    assert (frame["onset"] + frame["duration"]).tolist() == pytest.approx([one.end for one in said], abs=1e-6)
    assert frame["trial_type"].tolist() == [one.label for one in said]
    assert frame["speaker"].tolist() == [one.speaker.id for one in said]
    for name in ("valence", "arousal"):
        known = [getattr(one, name) for one in said]
        assert [None if value != value else value for value in frame[name].tolist()] == known


@settings(deadline=None)
@given(conversations())
def test_events_are_one_line_each_with_their_words(conversation: Conversation) -> None:
    text = bids_files(conversation)["_events.tsv"].decode()
    table = list(csv.DictReader(io.StringIO(text, newline=""), delimiter="\t", strict=True))
    assert text.count("\n") == len(table) + 1 and "\r" not in text
    for row, one in zip(table, conversation.utterances, strict=True):
        assert row["words"] == ("n/a" if one.transcript is None else one_line(one.transcript.text))


def test_the_sidecar_says_what_every_column_means() -> None:
    described = sidecar(awkward())
    assert set(events(awkward()).columns) <= set(described)
    assert all(described[name]["Description"].endswith(".") for name in events(awkward()).columns)
    assert list(described["trial_type"]["Levels"]) == list(LABELS)
    assert described["onset"]["Units"] == "s" and described["EmotrackSession"]["Name"] == "kitchen-1"
