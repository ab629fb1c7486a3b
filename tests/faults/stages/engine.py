"""Networks that fail or give nonsense, and what they are read from: bundles, compiled engines, settings."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from emotrack.engines.backends.onnx_cpu import OnnxCpu
from emotrack.engines.running.pool import EnginePool
from emotrack.engines.settings import EngineSettings
from emotrack.model.bundle import load_bundle
from emotrack.settings import load_policy, load_settings
from faults.bench import Bench, environment, spoken
from faults.breaking import Replaced, Struck, hanging, raising
from faults.matrix import HELD, NEW, Observation, fault
from faults.watching import Trial, present
from helpers.media.scripted import Recogniser, Scripted, cheap
from helpers.networks import tiny_network
from helpers.networks.damaged_bundles import DAMAGES, rewrite_manifest
from helpers.networks.damaged_engines import DAMAGE
from helpers.networks.engines import Shelf
from helpers.networks.small import save_small_bundle

Make = Callable[[Bench], Callable[..., Any]]
MODALITIES = "stream.modalities=[text,audio]"
COUNT = 5


def _reads(name: str, make: Make, *, times: int | None = None, short: bool = False) -> None:
    """A fault of the encoder of words."""

    def inject(bench: Bench) -> Observation:
        trial = Trial()
        encoders = cheap(bench.workbench.encoders)
        encoder = encoders.text
        assert encoder is not None
        struck = Struck(encoder.encode, make(bench), trial, after=2, times=times)
        encoders = replace(encoders, text=Replaced(encoder, encode=struck))  # type: ignore[arg-type]  # stands in
        source = Scripted("desk", spoken(COUNT))
        with bench.session([source], MODALITIES, encoders=encoders, recogniser=Recogniser(0.05), trial=trial):
            pass
        return trial.observe(COUNT, well=present("text") if times is not None else None)

    fault("engine", f"the encoder of words {name}", short=short, lasting=times is None)(inject)


_reads("fails once", lambda _: raising, times=1)
_reads("fails each time", lambda _: raising, short=True)
_reads("hangs", hanging)
_reads("gives no numbers", lambda _: lambda *__: np.full((3, 384), np.nan, np.float32))
_reads("gives vectors of another width", lambda _: lambda *__: np.zeros((3, 7), np.float32))
_reads("gives nothing at all", lambda _: lambda *__: None)


def _fuses(name: str, make: Make, *, times: int | None = None, told: bool = True) -> None:
    """A fault of the network that fuses; where it works at the second attempt, there is nothing to tell."""

    def inject(bench: Bench) -> Observation:
        trial = Trial()
        heads = bench.workbench.heads
        struck = Struck(heads.fusion.fuse, make(bench), trial, after=4, times=times)
        heads = replace(heads, fusion=Replaced(heads.fusion, fuse=struck))  # type: ignore[arg-type]  # stands in
        with bench.session(
            [Scripted("desk", spoken(COUNT))], "stream.modalities=[audio]", heads=heads, trial=trial
        ):
            pass
        return trial.observe(COUNT)

    fault("engine", f"the network that fuses {name}", told=told)(inject)


def _numberless(bench: Bench) -> Callable[..., Any]:
    fuse = bench.workbench.heads.fusion.fuse
    return lambda tokens: replace(found := fuse(tokens), row=np.full_like(found.row, np.nan))


_fuses("fails once", lambda _: raising, times=1, told=False)
_fuses("fails each time", lambda _: raising)
_fuses("hangs", hanging)
_fuses("gives no numbers", _numberless)


def _bundle(name: str, damage: Callable[[Path], object], origin: str = HELD, *, short: bool = False) -> None:
    def inject(bench: Bench) -> Observation:
        folder = bench.folder / "bundle"
        folder.mkdir()
        save_small_bundle(folder)
        damage(folder)
        return bench.refused(lambda: load_bundle(folder).network)

    fault("engine", f"a bundle: {name}", origin, short=short)(inject)


for _name, (_damage, _) in DAMAGES.items():
    _bundle(_name, _damage, short=_name in ("weights cut", "manifest edited"))


def _flip(folder: Path) -> None:
    path = folder / "network.safetensors"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _greatest(folder: Path) -> None:
    """Widths so great that a network of them would take all memory there is."""

    def change(content: dict[str, Any]) -> None:
        content["configuration"].update(
            width=4_096, unimodal_hidden=4_096, context_hidden=4_096, layers=32, region_layers=32
        )

    rewrite_manifest(folder, change, seal=True)


def _deep(folder: Path) -> None:
    (folder / "bundle.json").write_text("[" * 100_000 + "]" * 100_000)


def _long(folder: Path) -> None:
    (folder / "bundle.json").write_text('{"version": ' + "7" * 20_000 + "}")


_bundle("one bit flipped", _flip)
_bundle("the greatest widths", _greatest, "10")
_bundle("JSON 100,000 brackets deep", _deep, "10")
_bundle("a number of 20,000 digits", _long, "10")
_bundle("500 MB instead of a manifest", lambda folder: _sparse(folder / "bundle.json", 500), NEW)


def _sparse(path: Path, megabytes: int) -> None:
    with path.open("wb") as file:
        file.truncate(megabytes << 20)


def _entry(name: str, damage: Callable[[Path], object]) -> None:
    """A compiled engine that is spoilt: it is compiled anew, with a word."""

    def inject(bench: Bench) -> Observation:
        shelf = Shelf(bench.folder / "engines")
        spec = tiny_network.spec(tiny_network.save(bench.folder / "weights.safetensors"))
        before = shelf.load(spec, OnnxCpu(1)).run(**tiny_network.INPUTS)["logits"]
        damage(shelf.entry())
        shelf.said.clear()
        began = time.monotonic()
        after = shelf.load(spec, OnnxCpu(1)).run(**tiny_network.INPUTS)["logits"]
        took = time.monotonic() - began
        complaints = () if np.array_equal(before, after) else ("its answers differ",)
        said = shelf.said[0] if shelf.said else ""
        return Observation(
            said, 0.0 if said else None, recovered=took if not complaints else None, complaints=complaints
        )

    fault("engine", f"a compiled engine: {name}", HELD, lasting=False)(inject)


for _name, (_damage, _) in DAMAGE.items():
    _entry(_name, _damage)


def _cache(home: str) -> None:
    def inject(bench: Bench) -> Observation:
        bench.patch.setenv("XDG_CACHE_HOME", home)
        said: list[str] = []
        began = time.monotonic()
        pool = EnginePool(EngineSettings(device="cpu", backend="onnx-cpu"), said.append)
        pool.engine(tiny_network.spec(tiny_network.save(bench.folder / "weights.safetensors")))
        told = [one for one in said if "cannot be kept" in one]
        return Observation(told[0] if told else "", time.monotonic() - began if told else None)

    fault("engine", f"the cache folder is {home}", "13", limit=5.0)(inject)


for _home in ("/dev/null", "/proc/emotrack", "/sys"):
    _cache(_home)


def _aliases() -> str:
    """A kilobyte that names 10^15 things."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 15)]
    return "\n".join(lines)


CONFIGURATIONS: dict[str, tuple[str, str]] = {
    "a kilobyte of YAML aliases": (_aliases(), "10"),
    "100,000 brackets deep": ("a: " + "[" * 100_000 + "]" * 100_000, "10"),
    "a number of 20,000 digits": ("stream: {segmentation: {hangover: " + "7" * 20_000 + "}}", "10"),
    "not closed": ("stream: [1, 2", HELD),
    "of bytes that are no text": ("\x00\x01", HELD),
    "a value that is no number": ("stream: {segmentation: {hangover: .nan}}", NEW),
    "a value without end": ("stream: {segmentation: {hangover: .inf}}", NEW),
    "a negative rate": ("stream: {vision: {face_rate: -1}}", NEW),
    "an object of Python": ("a: !!python/object/apply:os.system ['true']", NEW),
    "a key that is none": ("stream: {segmentation: {hangovr: 1}}", HELD),
    "a key given twice": ("stream: {segmentation: {hangover: 1, hangover: 2}}", NEW),
}


def _configured(name: str, text: str, origin: str, load: Callable[[Path], object], what: str) -> None:
    def inject(bench: Bench) -> Observation:
        path = bench.folder / "file.yaml"
        path.write_text(text)
        return bench.refused(lambda: load(path))

    fault("engine", f"{what}: {name}", origin)(inject)


for _name, (_text, _origin) in CONFIGURATIONS.items():
    _configured(_name, _text, _origin, lambda path: load_settings(config=path), "settings")


POLICIES = {
    "empty": "",
    "cut": "modalities: [aud",
    "with a word that is none": "modalities: [smell]",
    "with a flag that is none": "records: perhaps",
    "that refuses everything it does not know": "everything: false",
}
for _name, _text in POLICIES.items():
    _configured(_name, _text, NEW, load_policy, "a policy")


@fault("engine", "a policy: a link that leads nowhere", HELD)
def policy_gone(bench: Bench) -> Observation:
    path = bench.folder / "policy.yaml"
    path.symlink_to("gone")
    return bench.refused(lambda: load_policy(path))


@fault("engine", "an engine pack: its contents are cut")
def pack_cut(bench: Bench) -> Observation:
    pack = bench.folder / "pack"
    pack.mkdir()
    (pack / "pack.json").write_text(json.dumps({"version": 1})[:-3])
    return bench.refused(lambda: load_settings(overrides=[f"engines.pack={pack}"]))


@fault("engine", "the folder of compiled engines goes while a session runs", told=False)
def cache_goes(bench: Bench) -> Observation:
    shelf = Shelf(bench.folder / "engines")
    spec = tiny_network.spec(tiny_network.save(bench.folder / "weights.safetensors"))
    engine = shelf.load(spec, OnnxCpu(1))
    before = engine.run(**tiny_network.INPUTS)["logits"]
    shutil.rmtree(shelf.folder)
    after = engine.run(**tiny_network.INPUTS)["logits"]
    again = shelf.load(spec, OnnxCpu(1)).run(**tiny_network.INPUTS)["logits"]
    same = np.array_equal(before, after) and np.array_equal(before, again)
    return Observation("it goes on, and is compiled anew", complaints=() if same else ("its answers differ",))


COMPILING = """
import sys
from pathlib import Path
from emotrack.engines.backends.onnx_cpu import OnnxCpu
from helpers.networks import tiny_network
from helpers.networks.engines import Shelf

build = OnnxCpu.build
def slowly(*given):
    build(*given)
    print("compiled", flush=True)
    sys.stdin.read()

OnnxCpu.build = slowly
Shelf(Path(sys.argv[1])).load(tiny_network.spec(Path(sys.argv[2])), OnnxCpu(1))
"""
"""Compiles a network, and stands still when that is done, before it is in its place."""


@fault("engine", "the process that compiles is killed, and leaves files", told=False, seconds=120.0)
def compiler_killed(bench: Bench) -> Observation:
    weights = tiny_network.save(bench.folder / "weights.safetensors")
    shelf, temporary = Shelf(bench.folder / "engines"), bench.folder / "temporary"
    temporary.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", COMPILING, str(shelf.folder), str(weights)],
        env=environment(TMPDIR=str(temporary)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as victim:
        assert victim.stdout is not None
        begun = victim.stdout.readline()
        victim.kill()
    left = [path.name for path in shelf.folder.iterdir() if path.is_dir()]
    complaints = [] if begun and left else ["it left nothing: the fault never struck"]
    if shelf.cache.entries():
        complaints.append("half an engine counts as a whole one")
    shelf.load(tiny_network.spec(weights), OnnxCpu(1)).run(**tiny_network.INPUTS)
    if len(shelf.cache.entries()) != 1:
        complaints.append("nothing is kept afterwards")
    still = [path.name for path in shelf.folder.iterdir() if path.name in left]
    still += [
        path.name
        for path in temporary.iterdir()
        if not path.name.startswith("torchinductor_")  # torch's own, one for all its processes
    ]
    if still:
        complaints.append(f"{', '.join(still)} are left for ever")
    return Observation("compiled anew, and swept up", complaints=tuple(complaints))
