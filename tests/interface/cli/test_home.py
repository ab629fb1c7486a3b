"""What a session leaves in the home folder: nothing but emotrack's own cache, and nothing of the libraries
beneath it."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from emotrack.demo import clip_path
from emotrack.engines.cache.entry import FOLDER

TELLING = (1, 32)
"""The first release of ONNX Runtime that was seen to leave something; 1.23 was seen not to."""
RUNTIME = tuple(int(part) for part in version("onnxruntime").split(".")[:2])
LIBRARY = """
import sys
import emotrack
from emotrack.settings import load_settings

overrides = ["stream.publish.endpoint=none", "engines.face=none"]
tracker = emotrack.Tracker([sys.argv[1]], load_settings(overrides=overrides), realtime=False)
for message in tracker.messages():
    if getattr(message, "state", "") == "final":
        break
"""
COMMAND = ("-m", "emotrack.cli", "run", "--fast", "--publish=none", "--set=engines.face=none")


def left_behind(home: Path, *command: str) -> list[str]:
    """Paths of the files in the home folder of a process that has run."""
    changing = ("XDG_", "HF_", "ORT_", "TORCH_", "MPL", "CI")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(changing)}
    done = subprocess.run(
        [sys.executable, *command, str(clip_path())],
        env={**kept, "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file())


@pytest.mark.parametrize("command", [("-c", LIBRARY), COMMAND], ids=["library", "command"])
def test_a_session_leaves_nothing_in_the_home_folder_but_its_own_cache(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    assert [path for path in left_behind(tmp_path, *command) if not path.startswith(".cache/emotrack/")] == []


@pytest.mark.skipif(RUNTIME < TELLING, reason="this release of ONNX Runtime leaves nothing")
def test_the_runtime_would_leave_something_if_it_were_let(tmp_path: Path) -> None:
    """So that the test above cannot pass for another reason."""
    program = (
        f"import onnxruntime; onnxruntime.InferenceSession({str(FOLDER / 'face-output' / 'engine.bin')!r})"
    )
    assert any("onnxruntime" in path for path in left_behind(tmp_path, "-c", program))
