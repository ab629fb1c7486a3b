"""Libraries that are installed and do not load: what fails for want of them is told by its cause, and the
rest goes on."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from emotrack.demo import clip_path
from emotrack.errors import extras, import_problem

CAUSE = "libgone.so: cannot open shared object file: No such file or directory"
FAILURES = ("ctypes.CDLL('libgone.so')", f"raise ImportError({CAUSE!r})")
"""How the compiled part of a library fails: neither way tells whose it is."""
LABELLED = ("run", "--fast", "--publish=none", "--jsonl=-", str(clip_path()))


def tried(folder: Path, library: str, failure: str, *command: str) -> "subprocess.CompletedProcess[str]":
    """A command where importing `library` does `failure`."""
    (folder / f"{library}.py").write_text(f"import ctypes\n{failure}\n")
    return subprocess.run(
        [sys.executable, "-m", "emotrack.cli", *command],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=240,
    )


@pytest.mark.parametrize(
    ("library", "failure", "part", "stream", "reason"),
    [
        ("ctranslate2", FAILURES[0], "transcription", "text", "no recogniser"),
        ("ctranslate2", FAILURES[1], "transcription", "text", "no recogniser"),
        ("tokenizers", FAILURES[0], "text", "text", "encoder failed: the package tokenizers does not load"),
    ],
)
def test_what_one_part_needs_costs_that_part(
    library: str, failure: str, part: str, stream: str, reason: str, tmp_path: Path
) -> None:
    done = tried(tmp_path, library, failure, *LABELLED)
    assert done.returncode == 0, done.stderr
    (told,) = (line for line in done.stderr.splitlines()[:2] if CAUSE in line)
    assert (
        "left out" in told and "pip install --force-reinstall" in told and "engines.cache" not in done.stderr
    )
    opening, *messages = (json.loads(line) for line in done.stdout.splitlines())
    (engine,) = (engine for engine in opening["engines"] if engine["part"] == part)
    assert engine["model"] is None and CAUSE in engine["skipped"][0]["reason"]
    finals = [message for message in messages if message.get("state") == "final"]
    states = [final["modalities"][stream] for final in finals]
    assert states and not any(state["present"] for state in states)
    assert any(state["reason"].startswith(reason) for state in states)


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("library", ["av", "numpy", "onnxruntime", "PIL", "safetensors", "yaml"])
def test_what_everything_needs_ends_the_command_with_a_sentence(
    library: str, failure: str, tmp_path: Path
) -> None:
    done = tried(tmp_path, library, failure, *LABELLED)
    assert done.returncode == 2 and done.stdout == ""
    package = {"PIL": "pillow", "yaml": "pyyaml"}.get(library, library)
    expected = (
        f"emotrack: the package {package} does not load ({CAUSE}); pip install --force-reinstall {package} "
        "mends a damaged"
    )
    assert done.stderr.splitlines()[-1].startswith(expected)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("library", ["av", "onnxruntime", "safetensors", "tokenizers"])
def test_the_report_names_what_does_not_load_and_goes_on(library: str, tmp_path: Path) -> None:
    done = tried(tmp_path, library, FAILURES[0], "doctor")
    assert done.returncode == 1 and done.stderr == ""
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert failed and all(f"the package {library} does not load ({CAUSE})" in line for line in failed)
    assert done.stdout.splitlines()[-1].startswith(
        ("-    devices", "ok   mic", "ok   camera", "FAIL devices")
    )


def test_what_is_missing_is_brought_by_the_extra_that_asks_for_it() -> None:
    assert "torch" not in extras()["edge"]
    brought = {
        "edge": ("faster_whisper", "PIL"),
        "track": ("torch", "sympy"),
        "train": ("peft", "sklearn"),
    }
    for extra, module in ((extra, module) for extra, modules in brought.items() for module in modules):
        problem = import_problem(ModuleNotFoundError(f"No module named {module!r}", name=module))
        assert problem is not None and f"pip install 'emotrack[{extra}]' brings it" in problem


def test_errors_of_our_own_are_no_problem_of_a_package() -> None:
    assert (
        import_problem(ModuleNotFoundError("No module named 'emotrack.gone'", name="emotrack.gone")) is None
    )
    with pytest.raises(OSError, match="nowhere") as missing:
        Path("/nowhere").read_text()
    assert import_problem(missing.value) is None
