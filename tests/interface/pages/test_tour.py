"""The tour is walked: every command of it that needs no camera, one after the other, as it stands there."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

from helpers.pages import ROOT, blocks

WITHOUT = (
    *("pip", "python3", ".", "emotrack devices", "emotrack run camera"),
    *("emotrack dashboard", "emotrack demo"),
)
"""What is tried elsewhere: installing (by whoever runs this), devices, what runs until it is ended."""


def commands(page: Path) -> list[str]:
    lines = [line.partition("  #")[0].strip() for block in blocks(page, "sh") for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith(WITHOUT)]


def test_the_tour_can_be_walked(tmp_path: Path) -> None:
    (tmp_path / "emotrack").symlink_to(ROOT / "emotrack")
    given = commands(ROOT / "docs" / "tour.md")
    assert [shlex.split(line)[1] for line in given] == [
        *("run", "monitor", "export", "watch", "report", "export", "explain"),
    ]
    said = {}
    for line in given:
        done = subprocess.run(
            [sys.executable, "-m", "emotrack.cli", *shlex.split(line)[1:]],
            cwd=tmp_path,
            env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
            capture_output=True,
            text=True,
            timeout=250,
        )
        assert done.returncode == 0, (line, done.stderr)
        said[line.split()[1]] = done.stdout
    assert (
        "joy" in said["monitor"] and "joy > 0.5 for 1s" in said["watch"] and "modalities" in said["explain"]
    )
    assert (tmp_path / "mine.html").read_text("utf-8").startswith("<!doctype html>")
    assert {path.suffix for path in (tmp_path / "mine").iterdir()} == {".mcap", ".evidence", ".csv", ".vtt"}
