"""The package as users get it: every module and data file is in the wheel, with its types; importing it stays
light; what it says that it exports and raises is so."""

import ast
import re
import subprocess
import sys
import venv
import zipfile
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest

import emotrack
from emotrack import errors

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
    tracked = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in tracked.stdout.splitlines():
        if (ROOT / name).is_file() and not name.startswith("tests/"):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(folder),
        str(copy),
    ]
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
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in wheel.namelist()
        if name.endswith(".py")
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


@pytest.mark.parametrize(
    "module",
    [
        "emotrack",
        "emotrack.stream.wire.client.subscription",
        "emotrack.stream.views.monitor.terminal",
        "emotrack.cli",
    ],
)
def test_what_a_subscriber_imports_is_light(module: str) -> None:
    heavy = ("torch", "numpy", "scipy", "av", "onnxruntime", "yaml")
    script = f"import sys, {module}; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_type_checkers_of_users_see_the_types(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    assert "emotrack/py.typed" in wheel.namelist()
    venv.create(tmp_path / "venv", symlinks=True)
    python = tmp_path / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    where = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    wheel.extractall(subprocess.run(where, capture_output=True, text=True, check=True).stdout.strip())
    program = tmp_path / "program.py"
    program.write_text(
        "from emotrack import Emotion, Tracker, Trakcer\n"
        "for message in Tracker(['clip.mp4']).messages():\n"
        "    if isinstance(message, Emotion):\n"
        "        reveal_type(message.confidence)\n"
        "Tracker(sauces=[])\n"
    )
    command = [sys.executable, "-m", "mypy", "--python-executable", str(python), program.name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    said = done.stdout
    assert re.search(r'program.py:4: note: Revealed type is "(builtins\.)?float"', said), said + done.stderr
    assert 'program.py:1: error: Module "emotrack" has no attribute "Trakcer"' in said
    assert 'program.py:5: error: Unexpected keyword argument "sauces" for "Tracker"' in said


def test_every_name_is_what_type_checkers_take_it_for() -> None:
    source = (ROOT / "emotrack" / "__init__.py").read_text("utf-8")
    found = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)]
    homes = {
        alias.asname: node.module for node in found for alias in node.names if alias.asname == alias.name
    }
    assert sorted([*homes, "__version__"]) == emotrack.__all__
    for name, home in homes.items():
        assert getattr(emotrack, str(name)) is getattr(import_module(str(home)), str(name))


def test_a_name_that_is_not_exported_is_told_as_such() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Trakcer'"):
        _ = emotrack.Trakcer  # type: ignore[attr-defined]


def test_names_for_tracking_say_what_brings_what_they_lack() -> None:
    without = "import sys; sys.modules['numpy'] = None"
    script = f"{without}; from emotrack import Session, Sink; print(Sink); from emotrack import AudioChunk"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout
    assert "ImportError: Tracking needs the package numpy: pip install 'emotrack[track]'." in done.stderr


def test_every_error_of_a_user_is_drawn_and_exported() -> None:
    drawn = dict(re.findall(r"[├└]── (\w+) +([\w.]+:)?", errors.__doc__ or ""))
    assert drawn.keys() == user_errors()
    for name, home in drawn.items():
        assert getattr(emotrack, name).__module__ == f"emotrack.{home.rstrip(':') or 'errors'}"
        assert name in emotrack.__all__


def user_errors() -> set[str]:
    """The classes in the product that derive from `UserError`, and itself."""
    paths = [path for folder in FOLDERS.values() for path in (ROOT / folder).rglob("*.py")]
    nodes = [node for path in paths for node in ast.walk(ast.parse(path.read_text("utf-8")))]
    classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
    bases = {one.name: {ast.unparse(base).rpartition(".")[2] for base in one.bases} for one in classes}
    kinds, known = {"UserError"}, 0
    while len(kinds) > known:
        known = len(kinds)
        kinds |= {name for name, parents in bases.items() if parents & kinds}
    return kinds


def test_the_version_is_one() -> None:
    assert emotrack.__version__ == version("emotrack")
