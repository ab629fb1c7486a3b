"""What is measured on a device, each section on its own: a generator of rows, so that what was found is kept
when time is up.

Nothing but this project, torch and what its networks are made of is needed; what is missing is a row that
says so.
"""

import itertools
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from emotrack.modalities import Modality

Row = dict[str, Any]
BUDGET_MS = 100.0
"""What an utterance's label may take after its end."""


@dataclass(frozen=True)
class Plan:
    """How much is done: everything, or a trial run on the processor in which only that it runs is of
    interest."""

    device: str
    backends: tuple[str, ...]
    """Held to the gate one after the other; the first is the one on which labels are timed."""
    tracking: str
    """The backend on which the clip is tracked."""
    networks: tuple[str, ...]
    """Those held to the gate; empty means all."""
    runs: int
    """Timed runs of one thing, at most."""
    seconds: float
    """For which one thing is timed, at most."""
    streams: tuple[int, ...]


GPU = Plan(
    "cuda",
    ("cuda-graph", "eager-cuda", "inductor-cuda-graph"),
    "cuda-graph",
    (),
    400,
    1.0,
    (1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
)
PROCESSOR = Plan("cpu", ("eager-cpu", "onnx-cpu"), "onnx-cpu", ("context-step",), 3, 0.05, (1, 2))


class Engines:
    """Stands for a pool that gives engines of one backend."""

    pack = None

    def __init__(self, backend: str, plan: Plan) -> None:
        self.backend, self._plan = backend, plan
        self.given: dict[str, Any] = {}

    def engine(self, spec: Any) -> Any:
        from emotrack.engines.running.batching import Batcher

        opened = Batcher(self.open(spec))
        self.given[spec.name] = opened.info
        return opened

    def open(self, spec: Any) -> Any:
        """The engine itself; raises what `open_engine` raises, and `EngineRefused` for what stands in the
        backend's way."""
        from emotrack.engines.contract.engine import EngineRefused
        from emotrack.engines.running.loading import open_engine
        from emotrack.engines.running.policy import policy_of
        from emotrack.engines.running.pool import open_cache
        from emotrack.engines.settings import EngineSettings

        settings = EngineSettings(device=self._plan.device, backend=self.backend)
        (backend,) = policy_of(settings).backends
        if (obstacle := backend.obstacle(spec)) is not None:
            raise EngineRefused(obstacle)
        return open_engine(spec, backend, "fp32", open_cache(settings, note), note)


def note(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")


def networks(plan: Plan) -> Iterator[Any]:
    """The specs of every network that this machine has, those of every label first; a row for each sort that
    it lacks."""
    from emotrack.engines.encoders.face.detection import face_detection_specs
    from emotrack.engines.encoders.face.expression import face_spec
    from emotrack.engines.encoders.sound.passt import PasstEncoder
    from emotrack.engines.encoders.sound.voice import open_voice
    from emotrack.engines.encoders.text.encoder import TextEncoder
    from emotrack.engines.heads import reviser_spec, step_spec, utterance_spec
    from emotrack.model.bundle import load_bundle

    bundle = load_bundle()

    class Listed(Exception):
        pass

    class Listing:
        pack = None

        def engine(self, spec: Any) -> Any:
            raise Listed(spec)

    def listed(make: Callable[[Any], object]) -> list[Any]:
        try:
            make(Listing())
        except Listed as found:
            return [found.args[0]]
        return []

    sorts: dict[str, Callable[[], list[Any]]] = {
        "heads": lambda: [step_spec(bundle), reviser_spec(bundle), utterance_spec(bundle)],
        "face": lambda: [face_spec(bundle.parts["face"].path)],
        "voice": lambda: listed(lambda pool: open_voice(pool, bundle.parts["voice"])),
        "sentence": lambda: listed(lambda pool: TextEncoder(pool, adapter=bundle.parts.get("text"))),
        "face detection": lambda: list(reversed(face_detection_specs())),
        "passt": lambda: listed(PasstEncoder),
    }
    for sort, specs in sorts.items():
        try:
            yield from (spec for spec in specs() if not plan.networks or spec.name in plan.networks)
        except Exception as error:  # noqa: BLE001 - whatever is missing for it is the finding
            yield {"network": sort, "refused": reason(error)}


def machine(plan: Plan) -> Iterator[Row]:
    """Versions and the device, if torch finds one."""
    import torch

    found: Row = {"python": platform.python_version(), "cores": os.cpu_count(), "torch": torch.__version__}
    for package in ("triton", "numpy", "onnxruntime", "transformers", "facenet-pytorch"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    if plan.device == "cuda" and torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        found |= {
            "gpu": properties.name,
            "gpu_gb": round(properties.total_memory / 1e9, 1),
            "cuda": torch.version.cuda,
        }
        found |= {"cudnn": torch.backends.cudnn.version(), "sm": f"{properties.major}.{properties.minor}"}
    yield found


def gate(plan: Plan, backend: str) -> Iterator[Row]:
    """Each network through the parity gate of one backend, its promises, its speed and what it takes."""
    from emotrack.engines.backends.cuda_graph import combinations
    from emotrack.engines.running.selftest import examine, inputs_of

    engines = Engines(backend, plan)
    for spec in networks(plan):
        if isinstance(spec, dict):
            yield {"backend": backend, **spec}
            continue
        sizes = len(combinations(spec))
        tried = narrowed(spec) if backend == "inductor-cuda-graph" else spec
        row: Row = {"backend": backend, "network": spec.name, "graphs": len(combinations(tried)), "of": sizes}
        try:
            engine = engines.open(tried)
            info = engine.info
            row |= {
                "difference": info.parity.absolute,
                "cosine": info.parity.cosine,
                "agreement": info.parity.agreement,
            }
            row |= {"build_s": round(info.build_seconds, 2), "memory_mb": round(info.memory_bytes / 1e6, 1)}
            for batch in (1, 16):
                if batch <= spec.axes["batch"].maximum:
                    row[f"batch_{batch}"] = pace(partial(engine.run_named, inputs_of(spec, batch)), plan)
            row["broken"] = [
                f"{one.promise}: {one.detail}" for one in examine(tried, engine) if not one.holds
            ]
        except Exception as error:  # noqa: BLE001 - whatever it was refused for is the finding
            row["refused"] = reason(error)
        yield row
    yield {"backend": backend, "memory": memory(plan)}


def narrowed(spec: Any) -> Any:
    """`spec` with the usual and the greatest bucket of each axis alone: generating kernels for all takes too
    long for a check."""
    from emotrack.engines.contract.spec import Axis

    axes = {
        name: Axis(
            name,
            tuple(sorted({axis.bucket(axis.typical), axis.maximum})),
            typical=axis.typical,
            minimum=axis.minimum,
        )
        for name, axis in spec.axes.items()
    }

    def side(one: Any) -> Any:
        if isinstance(one, Axis):
            return axes[one.name]
        return one if isinstance(one, int) else replace(one, axis=axes[one.axis.name])

    def ports(given: Any) -> Any:
        return tuple(replace(port, shape=tuple(side(one) for one in port.shape)) for port in given)

    return replace(spec, inputs=ports(spec.inputs), outputs=ports(spec.outputs))


class Session:
    """All that describes and labels an utterance, on one backend; its dialogues share the engines."""

    def __init__(self, plan: Plan, backend: str) -> None:
        from emotrack.engines.encoders.face.expression import FaceEncoder, face_spec
        from emotrack.engines.encoders.sound.voice import open_voice
        from emotrack.engines.encoders.text.encoder import TextEncoder
        from emotrack.engines.heads import open_heads
        from emotrack.model.bundle import load_bundle

        bundle, engines = load_bundle(), Engines(backend, plan)
        pool: Any = engines
        self._heads = open_heads(pool, bundle)
        self._voice = open_voice(pool, bundle.parts["voice"])
        self._face = FaceEncoder(engines.engine(face_spec(bundle.parts["face"].path)))
        self.without_text = ""
        try:
            self._text = TextEncoder(pool, adapter=bundle.parts.get("text"))
        except Exception as error:  # noqa: BLE001 - then it is timed without
            self.without_text = reason(error)
        random = np.random.default_rng(0)
        widths = bundle.configuration.widths.model_dump()
        modalities: tuple[Modality, ...] = ("text", "audio", "face")
        self._tokens = {name: random.normal(size=(8, widths[name])).astype(np.float32) for name in modalities}
        self._sound = 0.1 * random.normal(size=(1, round(self._voice.rate * self._voice.window))).astype(
            np.float32
        )
        self._crops = random.integers(0, 256, (1, 48, 48), dtype=np.uint8)
        self._numbers = itertools.count()

    def dialogue(self) -> Any:
        from emotrack.model.dialogue.dialogue import Dialogue

        return Dialogue(self._heads.context)

    def heads(self, dialogue: Any) -> None:
        """One utterance fused, and the dialogue stepped by it."""
        fused = self._heads.fusion.fuse(self._tokens)
        dialogue.commit(str(next(self._numbers)), fused.row, "somebody")

    def tick(self, dialogue: Any) -> None:
        """What is left to be done when an utterance has ended: its words, its last sound and face, the heads,
        the context."""
        if not self.without_text:
            self._text.encode("I lost my keys again, and I am very sad about all of it.")
        self._voice.encode(self._sound)
        self._face.encode(self._crops)
        self.heads(dialogue)

    def while_speaking(self) -> None:
        """What a second of speech takes: a segment of sound and five faces."""
        self._voice.encode(self._sound)
        self._face.encode(self._crops.repeat(5, 0))


def label(plan: Plan, backend: str) -> Iterator[Row]:
    """Head and context step, and the whole tick, of one stream alone; then of as many as meet the budget."""
    session = Session(plan, backend)
    dialogue = session.dialogue()
    row: Row = {"backend": backend, "without_text": session.without_text}
    yield row | {"what": "head and context step", "pace": pace(lambda: session.heads(dialogue), plan)}
    yield row | {"what": "utterance end to label", "pace": pace(lambda: session.tick(dialogue), plan)}
    for streams in plan.streams:
        late = together(session, streams, rounds=4 if plan.device == "cuda" else 1)
        yield row | {"streams": streams, "pace": late, "holds": late["p95_ms"] <= BUDGET_MS}
        if late["p95_ms"] > 3 * BUDGET_MS:
            break
    yield row | {"memory": memory(plan)}


def together(session: Session, streams: int, rounds: int) -> Row:
    """Streams that each end an utterance a second, at moments of their own, measured from when each is
    due."""
    took: list[float] = []
    begin = time.perf_counter() + 0.2

    def stream(number: int) -> None:
        dialogue = session.dialogue()
        for turn in range(rounds):
            due = begin + turn + number / streams
            time.sleep(max(0.0, due - 0.5 - time.perf_counter()))
            session.while_speaking()
            time.sleep(max(0.0, due - time.perf_counter()))
            session.tick(dialogue)
            took.append(time.perf_counter() - due)

    threads = [threading.Thread(target=stream, args=(number,), daemon=True) for number in range(streams)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return quantiles(took)


def clip(plan: Plan, backend: str) -> Iterator[Row]:
    """The demonstration clip, tracked by the program itself in real time; in a trial run a second of silence,
    as fast as may be."""
    with tempfile.TemporaryDirectory() as folder:
        found, source = Path(folder) / "found.jsonl", Path(folder) / "silence.wav"
        if plan.device == "cuda":
            from emotrack.demo import clip_path

            source = Path(clip_path())
        else:
            with wave.open(str(source), "wb") as silence:
                silence.setparams((1, 2, 16_000, 0, "NONE", ""))
                silence.writeframes(bytes(32_000))
        pace_of = "--realtime" if plan.device == "cuda" else "--fast"
        command = [
            sys.executable,
            "-c",
            "from emotrack.cli.__main__ import main; main()",
            "run",
            str(source),
            pace_of,
        ]
        command += ["--publish", "none", "--jsonl", str(found), "--set", f"engines.backend={backend}"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0 or not found.is_file():
            told = (done.stderr.strip() or "it ended without a word").splitlines()
            yield {"backend": backend, "what": "the clip in real time", "refused": told[-1]}
            return
        messages = [json.loads(line) for line in found.read_text().splitlines()]
    finals = [one for one in messages if one["type"] == "emotion" and one["state"] == "final"]
    seconds = [one["timing_ms"]["total"] / 1e3 for one in finals if one["timing_ms"]["total"] is not None]
    yield {
        "backend": backend,
        "what": "the clip in real time",
        "finals": len(finals),
        "pace": quantiles(seconds),
    }


def pace(run: Callable[[], object], plan: Plan) -> Row:
    """Milliseconds of one run after the other, warmed up."""
    for _ in range(min(5, plan.runs)):
        run()
    took: list[float] = []
    until = time.perf_counter() + plan.seconds
    while len(took) < plan.runs and (not took or time.perf_counter() < until):
        began = time.perf_counter()
        run()
        took.append(time.perf_counter() - began)
    return quantiles(took)


def quantiles(seconds: list[float]) -> Row:
    """Median and how slow the slowest are, in milliseconds; nothing where nothing was timed."""
    if not seconds:
        return {"runs": 0}
    p50, p95, p99 = (round(float(np.quantile(seconds, at)) * 1e3, 3) for at in (0.5, 0.95, 0.99))
    return {"runs": len(seconds), "p50_ms": p50, "p95_ms": p95, "p99_ms": p99}


def memory(plan: Plan) -> Row:
    """What this process holds of the machine and of the GPU now, and held of the GPU at most, in
    megabytes."""
    import psutil

    found: Row = {"resident_mb": round(psutil.Process().memory_info().rss / 1e6)}
    if plan.device == "cuda":
        import torch

        free, total = torch.cuda.mem_get_info()
        found |= {
            "gpu_used_mb": round((total - free) / 1e6),
            "gpu_most_mb": round(torch.cuda.max_memory_reserved() / 1e6),
        }
    return found


def reason(error: BaseException) -> str:
    """What it says, in one line that is not too long; with its kind where it is not one of ours, which are
    sentences."""
    told = (str(error).strip() or "without a word").splitlines()[0]
    kind = "" if type(error).__module__.startswith("emotrack.") else f"{type(error).__name__}: "
    return shorten(f"{kind}{told}", 120, placeholder=" …")
