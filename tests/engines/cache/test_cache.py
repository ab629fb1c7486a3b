"""Compiled engines on disk: whole or not there, recognised by everything that they depend on, mended with a
word."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotrack.engines.backends.onnx_cpu import OnnxCpu
from emotrack.engines.cache.cache import EngineCache
from emotrack.engines.contract.engine import Engine
from emotrack.engines.contract.spec import EXACT, Tolerance
from emotrack.engines.running.loading import load, origin_of
from emotrack.engines.running.policy import Policy
from emotrack.engines.running.pool import EnginePool
from emotrack.engines.settings import EngineSettings
from emotrack.errors import UserError
from helpers.networks import tiny_network
from helpers.networks.damaged_engines import DAMAGE, flip
from helpers.networks.engines import Shelf

POLICY = Policy((OnnxCpu(1),))


@pytest.fixture(scope="module")
def compiled(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache in which the network is compiled."""
    shelf = Shelf(tmp_path_factory.mktemp("compiled") / "engines")
    opened(shelf, weights)
    return shelf.folder


def opened(shelf: Shelf, weights: Path, **changes: Any) -> Engine:
    """The small network with these weights."""
    return shelf.load(tiny_network.spec(weights, **changes), OnnxCpu(1))


def test_an_engine_is_compiled_once(shelf: Shelf, weights: Path) -> None:
    first = opened(shelf, weights)
    assert len(shelf.said) == 1 and "compiling tiny" in shelf.said[0]
    again = opened(shelf, weights)
    assert len(shelf.said) == 1 and again.info == first.info
    assert np.array_equal(
        first.run(**tiny_network.INPUTS)["logits"], again.run(**tiny_network.INPUTS)["logits"]
    )
    assert (shelf.folder.stat().st_mode & 0o777) == 0o700


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_does_not_do_is_built_again_with_a_word(
    shelf: Shelf, compiled: Path, weights: Path, damage: str
) -> None:
    shutil.copytree(compiled, shelf.folder, dirs_exist_ok=True)
    before = opened(shelf, weights).run(**tiny_network.INPUTS)["logits"]
    act, sentence = DAMAGE[damage]
    act(shelf.entry())
    shelf.said.clear()
    assert np.array_equal(opened(shelf, weights).run(**tiny_network.INPUTS)["logits"], before)
    assert sentence in shelf.said[0] and shelf.said[0].endswith("so it is built again.")
    assert "compiling tiny" in shelf.said[1] and len(shelf.said) == 2
    shelf.said.clear()
    opened(shelf, weights)
    assert shelf.said == []


def test_looking_at_what_is_kept_changes_nothing(shelf: Shelf, compiled: Path, weights: Path) -> None:
    shutil.copytree(compiled, shelf.folder, dirs_exist_ok=True)
    origin = origin_of(tiny_network.spec(weights), OnnxCpu(1), "fp32")
    past = time.time() - 1000
    os.utime(shelf.entry(), (past, past))
    assert shelf.cache.look(origin) is not None
    assert shelf.entry().stat().st_mtime == pytest.approx(past)
    flip(shelf.entry() / "engine.bin")
    assert shelf.cache.look(origin) is None
    assert shelf.said == [] and (shelf.entry() / "engine.bin").exists()


def test_another_version_of_a_network_is_kept_beside_the_first(shelf: Shelf, tmp_path: Path) -> None:
    paths = [tiny_network.save(tmp_path / f"{seed}.safetensors", seed) for seed in range(2)]
    for path in paths:
        opened(shelf, path)
    assert "that is kept is of another version of the network, so another is built." in shelf.said[1]
    shelf.said.clear()
    for path in paths:
        opened(shelf, path)
    assert shelf.said == [] and len(shelf.cache.entries()) == 2


def test_everything_that_decides_an_answer_decides_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend, weights = OnnxCpu(1), tiny_network.save(tmp_path / "tiny.safetensors")
    plain = tiny_network.spec(weights)
    keys = {
        "plain": origin_of(plain, backend, "fp32").key,
        "precision": origin_of(plain, backend, "int8").key,
        "shapes": origin_of(tiny_network.spec(weights, longest=16), backend, "fp32").key,
        "tolerance": origin_of(
            tiny_network.spec(weights, tolerance=Tolerance({"fp32": 1.0}, 0.5)), backend, "fp32"
        ).key,
        "weights": origin_of(
            tiny_network.spec(tiny_network.save(tmp_path / "other", 1)), backend, "fp32"
        ).key,
    }
    monkeypatch.setattr(OnnxCpu, "hardware", lambda self: {"onnxruntime": "2.0"})
    keys["version"] = origin_of(plain, backend, "fp32").key
    monkeypatch.setattr(OnnxCpu, "name", "other")
    keys["backend"] = origin_of(plain, backend, "fp32").key
    assert len(set(keys.values())) == len(keys)
    moved = weights.rename(tmp_path / "moved.safetensors")
    monkeypatch.undo()
    assert (
        origin_of(tiny_network.spec(moved), backend, "fp32").key == keys["plain"]
    )  # where a file lies does not count


def test_an_engine_out_of_tolerance_is_refused_and_that_is_remembered(shelf: Shelf, weights: Path) -> None:
    never = {"tolerance": Tolerance({**EXACT.absolute, "fp32": -1.0}, 0.0)}
    for attempt in range(2):
        with pytest.raises(UserError, match=r"onnx-cpu fp32: its answers differ by .* more than"):
            opened(shelf, weights, **never)
        assert len(shelf.said) == 1, attempt  # not compiled a second time


def test_the_engine_used_least_recently_goes_first(shelf: Shelf, tmp_path: Path) -> None:
    paths = [tiny_network.save(tmp_path / f"{seed}.safetensors", seed) for seed in range(3)]
    keys = [opened(shelf, path).info.key for path in paths[:2]]
    size = sum(entry.bytes for entry in shelf.cache.entries()) // 2
    for age, key in zip((2000, 1000), keys, strict=True):
        os.utime(shelf.folder / str(key), (time.time() - age,) * 2)
    opened(shelf, paths[0])
    small = Shelf(shelf.folder, limit=round(2.5 * size))
    newest = opened(small, paths[2]).info.key
    assert "the onnx-cpu engine of tiny, unused for longest, is removed" in small.said[-1]
    assert {entry.folder.name for entry in small.cache.entries()} == {keys[0], newest}


def test_clearing_leaves_nothing(shelf: Shelf, compiled: Path) -> None:
    shutil.copytree(compiled, shelf.folder, dirs_exist_ok=True)
    count, size = shelf.cache.clear()
    assert count == 1 and size > 0 and not [path for path in shelf.folder.iterdir() if path.is_dir()]


def test_what_is_being_built_is_neither_cleared_nor_swept_up(shelf: Shelf, weights: Path) -> None:
    spec = tiny_network.spec(weights)
    with shelf.cache.building(origin_of(spec, OnnxCpu(1), "fp32")) as folder:
        (folder / "half").touch()
        other = EngineCache(shelf.folder, 10**9, shelf.said.append)
        other.clear()
        load(
            tiny_network.spec(tiny_network.save(shelf.folder.parent / "other", 1)),
            POLICY,
            other,
            shelf.said.append,
        )
        assert (folder / "half").exists()
    assert not folder.exists()


def test_a_named_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"set engines.cache\.$"):
        EngineCache(tmp_path / "file" / "engines", 1, print)


@pytest.mark.parametrize("home", ["/dev/null", "/proc/emotrack", "/sys"])
def test_no_home_folder_is_no_reason_not_to_start(
    home: str, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", home)
    said: list[str] = []
    pool = EnginePool(EngineSettings(device="cpu", backend="onnx-cpu"), said.append)
    assert said == []
    pool.engine(tiny_network.spec(weights))
    assert [
        one
        for one in said
        if f"compiled engines cannot be kept in {home}/" in one and "they go when this process" in one
    ]


FORBIDDEN = ("/sys", "/sys/emotrack/engines")
"""Folders in which nothing may be written: one that is there, and one that cannot be made."""
COMPILES_WHERE_IT_MAY_NOT = """
import sys
from pathlib import Path
from helpers.networks import tiny_network
from helpers.networks.damaged_engines import DAMAGE, flip
from helpers.networks.engines import Shelf
from emotrack.engines.backends.onnx_cpu import OnnxCpu

weights, *places = map(Path, sys.argv[1:])
for place in places:
    for _ in range(2):
        shelf = Shelf(place)
        shelf.load(tiny_network.spec(weights), OnnxCpu(1))
        print(shelf.said)
    (entry,) = shelf.cache.entries()
    print(oct(entry.folder.parent.stat().st_mode & 0o777), entry.folder.parent)
"""


def test_where_nothing_may_be_written_a_private_folder_serves_until_the_process_ends(weights: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", COMPILES_WHERE_IT_MAY_NOT, str(weights), *FORBIDDEN]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 3 * len(FORBIDDEN)
    for place, first, second, private in zip(FORBIDDEN, lines[::3], lines[1::3], lines[2::3], strict=True):
        assert f"compiled engines cannot be kept in {place} (" in first
        assert "set engines.cache to a folder that can be written." in first
        assert "compiling tiny" in first and second == "[]"
        mode, folder = private.split()
        assert mode == "0o700" and not Path(folder).exists()


SCRIPT = """
import sys, time
from pathlib import Path
from emotrack.engines.backends.onnx_cpu import OnnxCpu
from emotrack.engines.cache.cache import EngineCache
from emotrack.engines.running.loading import load
from emotrack.engines.running.policy import Policy
from emotrack.engines.running.pool import EnginePool
from emotrack.engines.settings import EngineSettings
from helpers.networks import tiny_network

class Slow(OnnxCpu):
    def build(self, spec, precision, folder):
        super().build(spec, precision, folder)
        print("built", flush=True)
        time.sleep(float(sys.argv[3]))

def say(sentence):
    print(sentence, flush=True)

cache = EngineCache(Path(sys.argv[1]), 10**9, say)
engine = load(tiny_network.spec(Path(sys.argv[2])), Policy((Slow(1),)), cache, say)
print(engine.info.key, flush=True)
"""


def process(shelf: Shelf, weights: Path, seconds: float) -> "subprocess.Popen[str]":
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", SCRIPT, str(shelf.folder), str(weights), str(seconds)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def test_who_waits_for_another_process_is_told(shelf: Shelf, weights: Path) -> None:
    with shelf.cache.building(origin_of(tiny_network.spec(weights), OnnxCpu(1), "fp32")):
        waiting = process(shelf, weights, 0.0)
        assert waiting.stdout is not None
        line = ""
        while "another process builds the onnx-cpu engine of tiny; waiting for it." not in line:
            line = waiting.stdout.readline()
            assert line, "it ended without a word"
    assert "built\n" in waiting.communicate(timeout=120)[0]


def test_two_processes_that_want_the_same_engine_build_it_once(shelf: Shelf, weights: Path) -> None:
    builders = [process(shelf, weights, 2.0) for _ in range(2)]
    outputs = [builder.communicate(timeout=120)[0] for builder in builders]
    assert sorted(output.count("built\n") for output in outputs) == [0, 1]
    keys = {output.splitlines()[-1] for output in outputs}
    assert len(keys) == 1 and [entry.folder.name for entry in shelf.cache.entries()] == list(keys)


def test_an_engine_is_in_its_place_at_once_or_not_at_all(
    shelf: Shelf, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything is on the disk before the one step that puts it there, and that step after it."""

    class Stopped(BaseException):
        pass

    rename, flush = os.replace, os.fsync
    done: list[str] = []

    def flushed(descriptor: int) -> None:
        done.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
        flush(descriptor)

    def renamed(source: Path, target: Path) -> None:
        if Path(target).parent == shelf.folder:
            done.append("in its place")
        rename(source, target)

    def stopped(source: Path, target: Path) -> None:
        if Path(target).parent == shelf.folder:
            raise Stopped
        rename(source, target)

    monkeypatch.setattr(os, "replace", stopped)
    with pytest.raises(Stopped):
        opened(shelf, weights)
    assert not [path for path in shelf.folder.iterdir() if path.is_dir()]
    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(os, "replace", renamed)
    opened(shelf, weights)
    place = done.index("in its place")
    assert {"engine.bin", "check.safetensors", "manifest.json"} <= set(done[:place]) and done[
        place + 1
    ] == shelf.folder.name


def test_a_builder_that_is_killed_leaves_nothing_half_written(shelf: Shelf, weights: Path) -> None:
    with process(shelf, weights, 60.0) as victim:
        assert victim.stdout is not None
        while (line := victim.stdout.readline()) != "built\n":
            assert line, "the builder died by itself"
        victim.send_signal(signal.SIGKILL)
    assert shelf.cache.entries() == []
    assert [path.name[:10] for path in shelf.folder.iterdir() if path.is_dir()] == [".building-"]
    opened(
        shelf, tiny_network.save(shelf.folder.parent / "other", 1)
    )  # whichever engine is built next sweeps up
    assert len(shelf.cache.entries()) == 1
    assert not [path for path in shelf.folder.iterdir() if path.name.startswith(".building-")]
