"""Fuzz one reader for long, by hand: `PYTHONPATH=tests python -m fuzzing TARGET [--seconds N]`.

Atheris (`pip install atheris`) looks for inputs that reach new lines of ours; executions, and how many were
taken, are printed at the end. It is in no lock: it has wheels for some Pythons and systems only. What it
finds lies as `crash-…` where it was started: mend it, and keep the input in `corpus/TARGET/`.
"""

import argparse
import multiprocessing
import resource
import sys
import tempfile
from collections.abc import MutableSequence, Sequence
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["emotrack", "yaml", "minisign", "zmq.auth"]):
    from fuzzing.targets import MIB, TARGETS, Target, attempt, folder

CORPUS = Path(__file__).parent / "corpus"
SPARE = 512 * MIB
"""Address space that a process may take beyond what it has when it begins: for the fuzzer, and for whatever
libraries do not give back. An input that asks for more gets a `MemoryError`, which is a finding."""
PATIENCE = 10
"""Seconds after which one input is taken for a hang."""


def bound_memory(one: Target, corpus: Path) -> None:
    """Let the process have no more address space than it needs, and the room of one input."""
    for path in sorted(corpus.iterdir()):
        attempt(one, path.read_bytes())
    (pages,) = Path("/proc/self/statm").read_text().split()[:1]
    limit = int(pages) * resource.getpagesize() + SPARE + one.room
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def fuzz(name: str, flags: Sequence[str], grown: str, counts: MutableSequence[int]) -> None:
    """Fuzz in this process, which ends with it; `counts`: inputs that were refused, and taken."""
    one, kept = TARGETS[name], CORPUS / name

    def once(data: bytes) -> None:
        counts[attempt(one, data)] += 1

    bound_memory(one, kept)
    atheris.Setup([sys.argv[0], *flags, f"-max_len={one.largest}", grown, str(kept)], once)
    atheris.Fuzz()


def main() -> int:
    """See the module; the exit status is not 0 where something was found."""
    parser = argparse.ArgumentParser(prog="python -m fuzzing")
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0, help="0: another one each time")
    asked = parser.parse_args()
    options = {
        "max_total_time": asked.seconds,
        "seed": asked.seed,
        "timeout": PATIENCE,
        "rss_limit_mb": 4_096,  # of the whole process, torch and all; that of an input is bounded above
    }
    flags = [f"-{name}={value}" for name, value in options.items()]
    forking = multiprocessing.get_context("fork")
    counts = forking.RawArray("Q", 2)
    folder()  # removed with this process, however the other one ends
    with tempfile.TemporaryDirectory(prefix="fuzzing-") as grown:
        child = forking.Process(target=fuzz, args=(asked.target, flags, grown, counts))
        child.start()  # the fuzzer ends its process as it likes
        child.join()
    found = "nothing found" if child.exitcode == 0 else "see above"
    print(f"{asked.target}: {sum(counts)} executions, {counts[True]} inputs taken, {found}")  # noqa: T201
    return child.exitcode or 0


if __name__ == "__main__":
    sys.exit(main())
