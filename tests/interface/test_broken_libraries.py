"""Libraries that are installed and do not load: what fails for want of them is told by its cause, and the rest goes on."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from emotrack.demo import clip_path

CAUSE = "libgone.so: cannot open shared object file: No such file or directory"


def tracked(folder: Path, library: str, failure: str) -> "subprocess.CompletedProcess[str]":
    """The demonstration's sound, tracked where importing `library` does `failure`."""
    (folder / f"{library}.py").write_text(f"import ctypes\n{failure}\n")
    command = ["run", "--fast", "--publish=none", "--set=engines.face=none", "--jsonl=-", str(clip_path())]
    return subprocess.run(
        [sys.executable, "-m", "emotrack.cli", *command],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=240,
    )


@pytest.mark.parametrize("failure", ["ctypes.CDLL('libgone.so')", f"raise ImportError({CAUSE!r})"])
def test_a_recogniser_whose_libraries_do_not_load_is_told_by_its_cause(failure: str, tmp_path: Path) -> None:
    done = tracked(tmp_path, "ctranslate2", failure)
    assert done.returncode == 0, done.stderr
    told = f"Whisper's libraries do not load ({CAUSE}), so text is left out"
    assert any(told in line for line in done.stderr.splitlines()[:2]) and "engines.cache" not in done.stderr
    opening, *messages = (json.loads(line) for line in done.stdout.splitlines())
    (part,) = (engine for engine in opening["engines"] if engine["part"] == "transcription")
    assert part["model"] is None and told in part["skipped"][0]["reason"]
    finals = [message for message in messages if message.get("state") == "final"]
    assert finals and all(final["modalities"]["text"]["reason"] == "no recogniser" for final in finals)


def test_a_library_that_everything_needs_ends_the_command_with_a_sentence(tmp_path: Path) -> None:
    done = tracked(tmp_path, "onnxruntime", f"raise ImportError({CAUSE!r}, name='onnxruntime')")
    assert done.returncode == 2 and done.stdout == ""
    assert f"the package onnxruntime does not load ({CAUSE}); pip install 'emotrack[track]'" in done.stderr
    assert "Traceback" not in done.stderr
