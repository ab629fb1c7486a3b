"""A session that goes on holds no more than at its beginning; `python -m benchmarks.soak` looks longer."""

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest

TESTS = Path(__file__).parents[2]
GROWTH_MEGABYTES = 10.0


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="this system has no /proc to look at")
def test_five_minutes_of_faces_and_words_leave_nothing_behind() -> None:
    command = [sys.executable, "-m", "benchmarks.soak", "--minutes", "5"]
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "OMP_WAIT_POLICY": "PASSIVE"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=900)
    found = json.loads(ended.stdout)
    assert found["looks"][-1]["finals"] > 40
    sizes = [look["megabytes"] for look in found["looks"]]
    steps = [after - before for before, after in pairwise(sizes)]
    # A library's arena may take 14 MB once, whenever its threads first meet; what leaks grows with each look.
    assert median(steps) * len(steps) <= GROWTH_MEGABYTES, sizes
    assert sizes[-1] - sizes[0] <= 4 * GROWTH_MEGABYTES, sizes
    assert found["more_threads"] <= 0 and found["more_descriptors"] <= 0
