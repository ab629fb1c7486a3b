"""`emotrack engines`: what runs the networks, said, compiled, timed, tried and removed."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from emotrack.engines.cache import entry
from emotrack.engines.running.selftest import Promise
from helpers.sessions.commands import Outcome, emotrack

pytestmark = pytest.mark.usefixtures("without_gpu", "all_but_one_ship")

COMPILED = "context-step"
SHIPPED = ("utterance", "reviser")
Call = Callable[..., Outcome]


@pytest.fixture
def all_but_one_ship(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The step of the context, which compiles quickest, has to be compiled."""
    folder = tmp_path_factory.mktemp("graphs")
    for name in SHIPPED:
        (folder / name).symlink_to(entry.FOLDER / name)
    monkeypatch.setattr(entry, "FOLDER", folder)


@pytest.fixture
def engines(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    return lambda *arguments: emotrack(capfd, monkeypatch, "engines", *arguments)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A cache of its own, and only the heads."""
    cache = tmp_path_factory.mktemp("engines")
    chosen = (f"cache={cache}", "text=none", "audio=none", "face=none", "device=cpu")
    return ["--set=stream.speakers.mode=feed", *(f"--set=engines.{setting}" for setting in chosen)]


def test_networks_are_listed_compiled_and_removed(engines: Call, here: list[str]) -> None:
    before = engines("list", *here)
    assert before.code == 0
    for name in (COMPILED, *SHIPPED):
        (line,) = (line for line in before.out.splitlines() if line.startswith(name))
        assert "onnx-cpu fp32" in line and ("not yet" if name == COMPILED else "ships with emotrack") in line
    built = engines("build", *here)
    assert built.code == 0 and all(name in built.out for name in (COMPILED, *SHIPPED))
    after = engines("list", *here)
    assert "not yet" not in after.out and after.out.count("onnx-cpu fp32") == 3
    assert "1 compiled engines take" in after.err
    cleared = engines("clear", *here)
    assert cleared.code == 0 and "removed 1 compiled engines" in cleared.err and cleared.out == ""
    assert "0 compiled engines take" in engines("list", *here).err


def test_backends_are_timed_side_by_side_and_those_left_out_are_explained(
    engines: Call, here: list[str]
) -> None:
    timed = engines("bench", "--network", "context-step", *here)
    assert timed.code == 0
    lines = [line.split() for line in timed.out.splitlines()]
    rows = {(line[1], line[2], line[8]) for line in lines if len(line) > 8 and line[0] == "context-step"}
    assert {("onnx-cpu", "fp32", "1"), ("onnx-cpu", "fp32", "16"), ("eager-cpu", "fp32", "1")} <= rows
    (explained,) = (line for line in timed.out.splitlines() if "tensorrt fp16" in line)
    assert explained.startswith("context-step") and re.search(
        "onnx-cpu int8: (its answers differ by|it gives another label)", explained
    )


def test_promises_are_tried_and_skips_are_said(engines: Call, here: list[str]) -> None:
    tried = engines("selftest", "--network", "context-step", *here)
    assert tried.code == 0, tried.out
    assert "NO" not in tried.out.split()
    assert "threads may share it" in tried.out
    assert "tensorrt" in tried.out and "skipped" in tried.out


def test_a_promise_that_does_not_hold_fails(
    engines: Call, here: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    finding = Promise("what it gave stays as it was", False, "it changed")
    monkeypatch.setattr("emotrack.engines.running.selftest.examine", lambda spec, engine: [finding])
    tried = engines("selftest", "--network", "context-step", *here)
    assert tried.code == 1 and "promises do not hold" in tried.err
    assert any("NO" in line and "it changed" in line for line in tried.out.splitlines())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("bench", "--network", "nose"), "There is no network 'nose' in this profile"),
        (("build", "--set=engines.backend=tensorrt"), "set engines.backend to auto"),
        (("list", "--set=engines.device=cuda"), "add --set engines.device=cpu"),
        (("list", "--set=engines.backend=abacus"), "engines.backend is wrong"),
    ],
)
def test_mistakes_are_one_sentence(
    engines: Call, arguments: tuple[str, ...], sentence: str, tmp_path: Path
) -> None:
    done = engines(*arguments, f"--set=engines.cache={tmp_path}")
    assert done.code == 2 and sentence in done.err
    assert "Traceback" not in done.err and done.out == ""
