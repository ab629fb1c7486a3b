"""Fixtures that every folder's tests share."""

import functools
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported, or timings swing tenfold

import pytest

if TYPE_CHECKING:
    from helpers.sessions.tracking import Workbench

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # tests in a shell's background: what they start is not
    signal.signal(signal.SIGINT, signal.default_int_handler)

REFERENCE_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """The reference clips and corpora that may lie beside the checkout; tests that need them skip where they
    do not."""
    if not REFERENCE_DATA.is_dir():
        pytest.skip("reference data is not beside the checkout")
    return REFERENCE_DATA


@pytest.fixture(scope="session")
def workbench() -> Iterator["Workbench"]:
    """The shipped bundle, the encoders and the recogniser, opened once for all sessions of a test process."""
    from helpers.sessions.tracking import Workbench  # imports everything that tracks

    opened = Workbench()
    yield opened
    opened.close()


@pytest.fixture
def without_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a GPU, also where there is one."""
    from emotrack.engines.backends import cuda_graph, eager, machine, tensorrt
    from emotrack.engines.running import policy

    for module in (machine, policy, cuda_graph, eager, tensorrt):
        monkeypatch.setattr(module, "gpu_obstacle", lambda: machine.NO_GPU)


@pytest.fixture
def nothing_ships(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine on which every network has to be compiled, as those of other bundles have."""
    monkeypatch.setattr("emotrack.engines.cache.entry.FOLDER", tmp_path / "no engines")


_OPENERS = (
    *(
        "emotrack.cli",
        "emotrack.tracking.tracker",
        "emotrack.model.bundle",
        "emotrack.stream.hearing.vad",
        "emotrack.stream.transcription",
    ),
    *(
        "emotrack.engines.backends",
        "emotrack.engines.catalogue",
        "emotrack.engines.open",
        "emotrack.engines.encoders.face.detection",
    ),
    *(
        "emotrack.engines.heads",
        "emotrack.engines.running.loading",
        "emotrack.engines.encoders.sound.passt",
        "emotrack.engines.running.pool",
    ),
    *(
        "emotrack.training",
        "helpers.sessions.commands",
        "helpers.networks.converting",
        "helpers.networks.engines",
        "helpers.sessions.explaining",
    ),
    *("torch.export", "subprocess"),
)
"""What opens, compiles or trains networks, or starts the program, which does: modules of which a test module
imports something."""
_OPENED = {
    "workbench",
    "live",
    "detector",
    "face_engines",
    "text_encoder",
    "trained_yolo",
    "random_yolo",
    "exported_yolo",
}
"""Fixtures that give an open network."""


@pytest.hookimpl(tryfirst=True)  # before xdist looks which tests belong together
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs networks, so that `-m "not networks"` leaves the tests that take milliseconds.

    Tests that share a fixture of their module run on one worker, one after the other: it is made once.
    """
    for item in items:
        if not isinstance(item, pytest.Function):
            continue
        if _opens_networks(item.module) or _OPENED & set(item.fixturenames):
            item.add_marker("networks")
        if item.get_closest_marker("xdist_group") is None and _shares_with_its_module(item):
            item.add_marker(pytest.mark.xdist_group(item.module.__name__))


@functools.cache
def _opens_networks(module: ModuleType) -> bool:
    homes = {
        getattr(value, "__name__" if isinstance(value, ModuleType) else "__module__", "")
        for value in vars(module).values()
    }
    return any(home == opener or str(home).startswith(f"{opener}.") for home in homes for opener in _OPENERS)


def _shares_with_its_module(item: pytest.Function) -> bool:
    found = item._fixtureinfo.name2fixturedefs.values()
    return any(definition.scope == "module" for definitions in found for definition in definitions)


_OWN_CACHE = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """All processes of a run share one folder of compiled networks, which is not the user's and goes when
    they are done.

    One named by EMOTRACK_TEST_CACHE stays, so that the next run need not compile again.
    """
    config.addinivalue_line(
        "markers", "networks: opens, compiles or trains networks or starts the program; set by imports"
    )
    if hasattr(config, "workerinput"):
        return
    if kept := os.environ.get("EMOTRACK_TEST_CACHE"):
        os.environ["XDG_CACHE_HOME"] = kept
    else:
        config.stash[_OWN_CACHE] = os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="emotrack-tests-")


def pytest_unconfigure(config: pytest.Config) -> None:
    if _OWN_CACHE in config.stash:
        shutil.rmtree(config.stash[_OWN_CACHE], ignore_errors=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skip whose reason nobody has reviewed fails the run: a test that quietly stops running protects
    nothing."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not os.environ.get("CI"):
        return
    lines = (Path(__file__).parent / "helpers" / "reviewed_skips.txt").read_text().splitlines()
    reviewed = [line for line in lines if line and not line.startswith("#")]
    for report in reporter.stats.get("skipped", []):
        reason = str(report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr)
        if not any(part in reason for part in reviewed):
            reporter.write_line(
                f"skipped for a reason that is not in reviewed_skips.txt: {report.nodeid}: {reason}", red=True
            )
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
