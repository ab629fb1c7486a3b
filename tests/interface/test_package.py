"""The package as users get it: every module and data file is in the wheel, and importing it stays light."""

import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

import emotrack

ROOT = Path(__file__).parents[2]
FOLDERS = {
    "emotrack": "emotrack",
    "emotrack/configs": "configs",
    "emotrack/engines": "engines",
    "emotrack/model": "model",
    "emotrack/stream": "stream",
    "emotrack/training": "training",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built from a copy of the checkout without its build leftovers."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "checkout"
    copy.mkdir()
    tracked = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in tracked.stdout.splitlines():
        if (ROOT / name).is_file() and not name.startswith("tests/"):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder), str(copy)]
    subprocess.run(command, check=True, capture_output=True)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_every_module_and_data_file_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    there = set(wheel.namelist())
    expected = set()
    for package, folder in FOLDERS.items():
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                expected.add(f"{package}/{path.relative_to(ROOT / folder).as_posix()}")
    assert not expected - there
    assert not [name for name in there if not name.startswith("emotrack")]


def test_every_module_imports_from_the_wheel(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path)
    modules = sorted(
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in wheel.namelist() if name.endswith(".py")
    )
    script = (
        "import sys, importlib\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "for name in sys.argv[2:]:\n"
        "    module = importlib.import_module(name)\n"
        "    assert module.__file__.startswith(sys.argv[1]), module.__file__\n"
    )
    command = [sys.executable, "-S", "-c", _with_site_packages(script), str(tmp_path), *modules]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def _with_site_packages(script: str) -> str:
    """`script` with the installed libraries on the path but without the editable install's import hook."""
    libraries = [path for path in sys.path if "site-packages" in path]
    return f"import sys\nsys.path += {libraries!r}\n{script}"


@pytest.mark.parametrize("module", ["emotrack", "emotrack.stream.subscribe", "emotrack.stream.monitor.terminal", "emotrack.cli"])
def test_what_a_subscriber_imports_is_light(module: str) -> None:
    heavy = ("torch", "numpy", "scipy", "av", "onnxruntime", "yaml")
    script = f"import sys, {module}; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_version_is_one() -> None:
    assert emotrack.__version__ == version("emotrack")
