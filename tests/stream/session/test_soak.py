"""A session that goes on holds no more than at its beginning; `python -m benchmarks.soak` looks longer."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
GROWTH_MEGABYTES = 10.0


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="this system has no /proc to look at")
def test_five_minutes_of_faces_and_words_leave_nothing_behind() -> None:
    command = [sys.executable, "-m", "benchmarks.soak", "--minutes", "5"]
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "OMP_WAIT_POLICY": "PASSIVE"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=900)
    found = json.loads(ended.stdout)
    assert sum(look["finals"] for look in found["looks"]) > 40
    assert found["grown_megabytes"] <= GROWTH_MEGABYTES, found["looks"]
    assert found["more_threads"] <= 0 and found["more_descriptors"] <= 0
