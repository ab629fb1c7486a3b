"""What tracking imports and needs once its networks are compiled."""

import re
import subprocess
import sys

import pytest

from emotrack.demo import clip_path
from helpers.sessions.commands import emotrack
from helpers.sessions.tracking import Workbench

PROGRAM = """
import sys
from emotrack.settings import load_settings
from emotrack.tracking.tracker import Tracker

told = []
overrides = ["stream.publish.endpoint=none", "stream.transcription.recogniser=none", "engines.device=cpu"]
settings = load_settings(overrides=overrides)
tracker = Tracker([sys.argv[1]], settings, realtime=False, notify=told.append)
finals = [message for message in tracker.messages() if getattr(message, "state", "") == "final"]
heavy = {"torch", "torchvision", "transformers", "sentence_transformers", "facenet_pytorch"}
heavy |= {"ultralytics", "cv2", "scipy.signal"}
assert not [sentence for sentence in told if "compiling" in sentence], told
print(len(finals), *sorted(heavy & sys.modules.keys()))
"""


def test_a_session_whose_networks_are_compiled_imports_no_torch(workbench: Workbench) -> None:
    """The workbench has compiled them; all of a session, from its first to its last message."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(clip_path())], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    count, *heavy = done.stdout.split()
    assert int(count) >= 5 and heavy == []


@pytest.mark.usefixtures("without_gpu")
def test_what_runs_the_networks_and_what_does_not_is_said_before_tracking(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = (
        "stream.publish.endpoint=none",
        "stream.transcription.recogniser=none",
        "engines.text=none",
        "engines.face=none",
    )
    options = [f"--set={one}" for one in (*settings, "engines.precision=fp16")]
    done = emotrack(capfd, monkeypatch, "run", "--fast", *options, str(clip_path()))
    assert done.code == 0
    assert re.search(
        r"6 networks run on onnx-cpu and take about \d+\.\d GB; \d+\.\d GB of memory are free\.", done.err
    )
    assert (
        "not used: tensorrt, inductor-cuda-graph, cuda-graph, eager-cuda: there is no NVIDIA GPU" in done.err
    )
    assert "onnx-cpu fp16: it does not compute so." in done.err
