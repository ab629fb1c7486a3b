"""What Rerun's own reader finds in the file that was written."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from emotrack.stream.wire.bridges.rerun import TIMELINE, RerunLog
from emotrack.stream.wire.protocol.vocabulary import LABELS
from emotrack.stream.wire.publish.sinks import SinkFailed
from helpers.bridges.scene import outgoing, scene, write_all
from helpers.sessions import sample_messages as sample

pytest.importorskip("rerun", reason="rerun-sdk is not for this Python")


def read(path: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows of each entity, with their session times."""
    from rerun.chunk import RrdReader

    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for chunk in RrdReader(path).stream():
        columns = chunk.to_record_batch().to_pydict()
        for row in range(chunk.num_rows):
            found[chunk.entity_path].append({name: values[row] for name, values in columns.items()})
    return found


def at(row: dict[str, Any]) -> float:
    return float(row[TIMELINE].total_seconds())


def test_a_file_holds_numbers_words_and_boxes_over_session_time(tmp_path: Path) -> None:
    path = tmp_path / "scene.rrd"
    bridge = RerunLog(path)
    given = scene()
    write_all(bridge, given)
    bridge.close()
    assert path.stat().st_mode & 0o777 == 0o600
    found = read(path)
    valence = sorted((at(row), row["Scalars:scalars"]) for row in found["/people/spk1/valence"])
    assert valence == [(2.0, [0.1]), (3.0, [0.5]), (6.0, [0.1])]
    assert "/people/spk2/valence" not in found  # which is null
    joyful = given[8].message
    (scores,) = [row for row in found["/people/spk1/scores"] if TIMELINE in row and at(row) == 3.0]
    assert scores["Scalars:scalars"] == pytest.approx(list(joyful.scores.values()))  # type: ignore[union-attr]
    (names,) = [row for row in found["/people/spk1/scores"] if "SeriesLines:names" in row]
    assert names["SeriesLines:names"] == list(LABELS)
    (words,) = found["/words/spk1"]
    assert at(words) == 2.5 and words["TextLog:text"] == ["spk1 joy 64%: All right."]
    boxes = [row for row in found["/faces/kitchen/1"] if "Boxes2D:centers" in row]
    assert [at(row) for row in boxes] == [1.0, 1.5]
    assert boxes[0]["Boxes2D:centers"][0] == pytest.approx([320.0, 240.0])
    assert boxes[0]["Boxes2D:half_sizes"][0] == pytest.approx([64.0, 96.0])
    assert [row["Boxes2D:labels"] for row in boxes] == [["kitchen-face1"], ["spk1 joy"]]
    (gone,) = [row for row in found["/faces/kitchen/1"] if "Clear:is_recursive" in row]
    assert at(gone) == 4.5
    assert ["The camera was unplugged."] in [row["TextLog:text"] for row in found["/session"]]


def test_a_file_holds_one_session(tmp_path: Path) -> None:
    bridge = RerunLog(tmp_path / "scene.rrd")
    write_all(bridge, scene())
    with pytest.raises(SinkFailed, match="holds a session already, and another has begun"):
        write_all(bridge, outgoing([sample.session()], "room-2"))
    bridge.close()
    assert read(tmp_path / "scene.rrd")["/words/spk1"]
