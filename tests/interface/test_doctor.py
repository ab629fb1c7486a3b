"""`emotrack doctor`: what runs each network, what does not and why."""

from pathlib import Path

import pytest

from helpers.commands import emotrack

pytestmark = pytest.mark.usefixtures("without_gpu")


def test_networks_and_what_runs_them_are_told_without_compiling_any(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    done = emotrack(capfd, monkeypatch, "doctor", f"--set=engines.cache={tmp_path}")
    assert done.code == 0
    lines = {line[5:].split()[0]: line for line in done.out.splitlines() if line[5:].strip()}
    for network in ("sentence", "voice", "face-proposals", "face", "utterance", "context-step", "reviser"):
        assert lines[network].startswith("ok") and "onnx-cpu fp32, compiled at the first start" in lines[network]
    assert "tensorrt" in done.out and "there is no NVIDIA GPU" in done.out
    assert "`emotrack engines build`" in done.out
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []


def test_a_network_that_nothing_can_run_fails(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    done = emotrack(capfd, monkeypatch, "doctor", f"--set=engines.cache={tmp_path}", "--set=engines.backend=tensorrt")
    assert done.code == 1
    assert any(line.startswith("FAIL") and "nothing can run it (tensorrt: " in line for line in done.out.splitlines())
