"""The script for machines with a GPU, tried on one without: it runs from end to end, and says what broke or
was not done."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from device import sections, table
from emotrack.engines.backends.cuda_graph import combinations
from emotrack.engines.contract.spec import Spec

CHECK = Path(__file__).parents[2] / "device" / "check.py"


def network(**more: Any) -> dict[str, Any]:
    row = {
        "backend": "cuda-graph",
        "network": "face",
        "graphs": 5,
        "of": 5,
        "difference": 1e-6,
        "build_s": 1.5,
        "memory_mb": 20,
    }
    return {
        **row,
        "batch_1": {"p50_ms": 0.2, "p99_ms": 0.4},
        "batch_16": {"p50_ms": 0.9},
        "broken": [],
        **more,
    }


def report(*rows: dict[str, Any], ended: str = "done in 3 s") -> dict[str, Any]:
    return {"sections": [{"section": "gate", "backend": "cuda-graph", "ended": ended, "rows": list(rows)}]}


def test_it_runs_to_its_end_on_the_processor_and_writes_down_what_it_found(tmp_path: Path) -> None:
    out = tmp_path / "device.json"
    done = subprocess.run(
        [sys.executable, str(CHECK), "--processor", "--out", str(out)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())["sections"]
    assert all(one["ended"].startswith("done") for one in found)
    assert [one["section"] for one in found][:4] == ["machine", "gate", "label", "gate"]
    gates = [row for one in found for row in one["rows"] if row.get("network") == "context-step"]
    assert [row["backend"] for row in gates] == ["eager-cpu", "onnx-cpu"]
    assert all(row["broken"] == [] and row["batch_1"]["p50_ms"] > 0 for row in gates)
    assert next(row["streams"] for one in found for row in one["rows"] if "streams" in row) == 1
    assert "Error: " not in done.stdout, "what is not here is told in a sentence"
    assert (
        "| context-step | onnx-cpu |" in done.stdout
        and "| utterance end to label | eager-cpu |" in done.stdout
    )


def test_what_ran_out_of_time_keeps_what_it_had_found(tmp_path: Path) -> None:
    out = tmp_path / "device.json"
    command = [sys.executable, str(CHECK), "--processor", "--minutes", "0.01", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert all("time is up" in one["ended"] for one in json.loads(out.read_text())["sections"])
    assert "Not finished: machine" in done.stdout


@pytest.mark.parametrize(
    ("found", "status"),
    [
        (report(network()), 0),
        (report({"backend": "cuda-graph", "network": "passt", "refused": "no weights"}), 0),
        (report(network(broken=["padding changes nothing: difference 1e-2"])), 1),
        (report(network(), ended="stopped after 80 s"), 1),
    ],
    ids=["held", "not here", "broken", "stopped"],
)
def test_a_broken_promise_and_an_unfinished_section_fail_it(found: dict[str, Any], status: int) -> None:
    assert table.verdict(found) == status
    for row in found["sections"][0]["rows"]:
        assert f"| {row['network']} | cuda-graph |" in table.markdown(found)


def test_generated_kernels_are_tried_at_the_usual_and_the_greatest_size_of_each_axis(
    live: dict[str, Spec],
) -> None:
    for spec in live.values():
        tried = sections.narrowed(spec)
        assert len(combinations(tried)) <= 2 ** len(spec.axes)
        for which in ("minimum", "typical", "maximum"):
            assert tried.sizes(which) == spec.sizes(which)
            assert tried.buckets(spec.sizes(which)).keys() == spec.axes.keys()
