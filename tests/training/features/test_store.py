"""The store: what goes in comes out, what is damaged or of something else is refused in one sentence."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotrack.errors import UserError
from emotrack.modalities import MODALITIES, Modality
from emotrack.training.corpora.records import CorpusRow
from emotrack.training.features.manifest import ModalityNote, SkippedNote, StoreManifest
from emotrack.training.features.store import DescribedRow, Tokens, open_store, rows_file, write_store

WIDTHS: dict[Modality, int] = {"text": 3, "audio": 2, "face": 4, "body": 1}
WORDS = st.text(max_size=8)


def planned(rows: list[CorpusRow], shard_rows: int, **changes: object) -> StoreManifest:
    values = {
        "corpus": "meld",
        "profile": "embedded",
        "classes": ("neutral", "joy"),
        "modalities": {
            modality: ModalityNote(encoder="test", width=width, dtype="float32")
            for modality, width in WIDTHS.items()
        },
        "count": len(rows),
        "rows_sha256": hashlib.sha256(rows_file(rows)).hexdigest(),
        "shard_rows": shard_rows,
        "root": "somewhere",
        **changes,
    }
    return StoreManifest.model_validate(values)


def tokens_of(index: int) -> Tokens:
    """Tokens that differ from row to row; every third row has no text, and no row has a body."""
    random = np.random.default_rng(index)
    return {
        modality: random.normal(size=(1 + index % 3, width)).astype(np.float32)
        for modality, width in WIDTHS.items()
        if modality != "body" and (modality != "text" or index % 3)
    }


def rows_of(count: int) -> list[CorpusRow]:
    return [CorpusRow(f"u{index}", str(index // 2), index % 2, "train", "Ross") for index in range(count)]


def write(folder: Path, count: int = 7, shard_rows: int = 3, **changes: Any) -> StoreManifest:
    rows = rows_of(count)

    def describe(chosen: range) -> list[DescribedRow]:
        return [DescribedRow(tokens_of(index)) for index in chosen]

    return write_store(folder, planned(rows, shard_rows, **changes), rows, describe, lambda found: None)


rows_drawn = st.builds(
    CorpusRow,
    name=WORDS,
    dialogue=WORDS,
    index=st.integers(0, 99),
    split=st.sampled_from(["train", "dev", "test"]),
    speaker=WORDS,
    text=WORDS,
    label=st.none() | WORDS,
    start=st.none() | st.floats(0, 1e6),
    end=st.none() | st.floats(0, 1e6),
    sentiment=st.sampled_from([None, "positive", "neutral", "negative"]),
    sex=st.sampled_from([None, "female", "male"]),
    votes=st.none() | st.tuples(*[st.integers(0, 10)] * 10),
    version=st.integers(0, 3),
)
counts_drawn = st.fixed_dictionaries({modality: st.integers(0, 3) for modality in MODALITIES})


@settings(max_examples=40, deadline=None)
@given(
    drawn=st.lists(st.tuples(rows_drawn, counts_drawn), min_size=1, max_size=9), shard_rows=st.integers(1, 4)
)
def test_what_goes_in_comes_out(drawn: list[tuple[CorpusRow, dict[Modality, int]]], shard_rows: int) -> None:
    rows = [row for row, _ in drawn]
    random = np.random.default_rng(0)
    tokens: list[Tokens] = [
        {
            modality: random.normal(size=(count, WIDTHS[modality])).astype(np.float32)
            for modality, count in counts.items()
            if count
        }
        for _, counts in drawn
    ]
    with TemporaryDirectory() as folder:
        notes = (SkippedNote(name="clip", reason="gone"),)
        made = write_store(
            Path(folder),
            planned(rows, shard_rows),
            rows,
            lambda chosen: [DescribedRow(tokens[index], notes) for index in chosen],
            lambda found: None,
        )
        store = open_store(Path(folder))
        assert store.manifest == made
        assert store.rows == rows
        assert made.skipped == notes * len(rows)
        for index, expected in enumerate(tokens):
            found = store.tokens(index)
            assert found.keys() == expected.keys()
            assert all(np.array_equal(found[modality], expected[modality]) for modality in expected)
        assert made.present == {modality: sum(modality in one for one in tokens) for modality in MODALITIES}


def test_half_precision_is_kept_where_it_is_asked_for(tmp_path: Path) -> None:
    modalities = {modality: ModalityNote(encoder="test", width=width) for modality, width in WIDTHS.items()}
    write(tmp_path, modalities=modalities)
    values = open_store(tmp_path).tokens(1)["text"]
    assert values.dtype == np.float16
    assert np.array_equal(values, tokens_of(1)["text"].astype(np.float16))


def test_dialogues_are_told_apart_by_split_and_copy(tmp_path: Path) -> None:
    rows = [
        CorpusRow("a", "0", 0, "train", "Ross"),
        CorpusRow("b", "0", 1, "train", "Ross"),
        CorpusRow("c", "0", 0, "test", "Ross"),
        CorpusRow("d", "1", 0, "train", "Ross"),
        CorpusRow("a", "0", 0, "train", "Ross", version=1),
    ]
    write_store(
        tmp_path, planned(rows, 2), rows, lambda chosen: [DescribedRow({})] * len(chosen), lambda found: None
    )
    store = open_store(tmp_path)
    assert store.dialogues("train") == [[0, 1], [3]]
    assert store.dialogues("train", version=1) == [[4]]
    assert store.dialogues("test") == [[2]]
    assert store.dialogues("dev") == []


def test_the_same_plan_gives_the_same_bytes_and_nothing_is_done_twice(tmp_path: Path) -> None:
    write(tmp_path / "one")
    write(tmp_path / "two")
    files = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "two").iterdir()}
    found: list[int] = []

    def describe(chosen: range) -> list[DescribedRow]:
        pytest.fail(f"{chosen} is described once more")

    write_store(tmp_path / "one", planned(rows_of(7), 3), rows_of(7), describe, found.append)
    assert found == [3, 3, 1]


def test_shards_that_are_there_stay_and_the_others_are_made(tmp_path: Path) -> None:
    write(tmp_path)
    whole = {path.name: path.read_bytes() for path in tmp_path.glob("*.safetensors")}
    (tmp_path / "shard-00001.safetensors").unlink()
    (tmp_path / "shard-00001.safetensors.new").write_bytes(b"half a shard")
    times = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.safetensors")}
    write(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.safetensors*")} == whole
    assert all((tmp_path / name).stat().st_mtime_ns == time for name, time in times.items())


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 5)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-3] ^= 4
    path.write_bytes(data)


def flip_note(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"skipped", b"skapped", 1))


def foreign(path: Path) -> None:
    write(path.parent / "other", profile="gpu")
    (path.parent / "other" / path.name).replace(path)


def misplaced(path: Path) -> None:
    path.write_bytes((path.parent / "shard-00000.safetensors").read_bytes())


def something_else(path: Path) -> None:
    path.write_bytes(b"\x05\x00\x00\x00\x00\x00\x00\x00hello, this is no tensor")


DAMAGE = pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (cut, "cut off or no part of a store"),
        (flip, "is damaged"),
        (flip_note, "cut off or no part of a store"),
        (foreign, "belongs to another store or place"),
        (misplaced, "belongs to another store or place"),
        (something_else, "cut off or no part of a store"),
    ],
)


@DAMAGE
def test_a_damaged_shard_is_refused_when_it_is_read(
    tmp_path: Path, spoil: Callable[[Path], None], sentence: str
) -> None:
    write(tmp_path)
    spoil(tmp_path / "shard-00001.safetensors")
    store = open_store(tmp_path)
    store.tokens(0)
    with pytest.raises(
        UserError, match=rf"shard-00001\.safetensors .*{sentence}.*delete that file"
    ) as refused:
        store.tokens(3)
    assert "\n" not in str(refused.value)


@DAMAGE
def test_and_when_the_store_is_completed(
    tmp_path: Path, spoil: Callable[[Path], None], sentence: str
) -> None:
    write(tmp_path)
    spoil(tmp_path / "shard-00001.safetensors")
    with pytest.raises(UserError, match=sentence):
        write(tmp_path)


def test_a_missing_shard_is_refused(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "shard-00000.safetensors").unlink()
    with pytest.raises(UserError, match=r"shard-00000\.safetensors is missing"):
        open_store(tmp_path).tokens(0)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"version": 2}, "has version 2, not 1 as this emotrack"),
        ({"format": "holiday pictures"}, "is damaged or of something else"),
        ({"count": "many"}, "is damaged or of something else"),
        ({"finished": False}, "is not finished; run the same `emotrack features` again"),
        ({"rows_sha256": "0" * 64}, r"utterances\.jsonl is damaged or was replaced"),
    ],
)
def test_a_manifest_of_something_else_is_refused(
    tmp_path: Path, change: dict[str, Any], sentence: str
) -> None:
    write(tmp_path)
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(UserError, match=sentence):
        open_store(tmp_path)


def test_a_manifest_that_is_no_json_is_refused(tmp_path: Path) -> None:
    write(tmp_path)
    cut(tmp_path / "manifest.json")
    with pytest.raises(UserError, match=r"manifest\.json is damaged"):
        open_store(tmp_path)
    with pytest.raises(UserError, match="holds no store of features"):
        open_store(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"corpus": "iemocap"}, r"another corpus \(meld, now iemocap\)"),
        ({"profile": "gpu"}, r"another profile \(embedded, now gpu\)"),
        ({"shard_rows": 4}, r"another size of shards \(3, now 4\)"),
        ({"pace": {"face": 2.0}}, r"another face or body rate \(face: none, now 2.0\)"),
        (
            {"modalities": {"text": ModalityNote(encoder="other", width=3, sha256="ab" * 32)}},
            r"text: test, now other abababababab\)",
        ),
        ({"rows_sha256": "0" * 64}, "begun with other utterances of meld"),
    ],
)
def test_a_store_of_another_plan_is_never_written_into(
    tmp_path: Path, change: dict[str, Any], sentence: str
) -> None:
    write(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.*")}
    with pytest.raises(UserError, match=sentence):
        write(tmp_path, **change)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.*")} == before


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(UserError, match="holds something else than a store"):
        write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_two_at_once_are_one_too_many(tmp_path: Path) -> None:
    rows = rows_of(2)

    def describe(chosen: range) -> list[DescribedRow]:
        with pytest.raises(UserError, match="Another process is writing"):
            write(tmp_path, 2, 2)
        return [DescribedRow({})] * len(chosen)

    write_store(tmp_path, planned(rows, 2), rows, describe, lambda found: None)
