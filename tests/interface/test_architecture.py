"""Dependencies point one way: what each folder may import of ours, and what the subscriber's side must not import at all."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAY_IMPORT = {
    "model": {"model"},
    "engines": {"engines", "model"},
    "stream": {"stream", "engines", "model"},
    "training": {"training", "model", "engines", "stream"},
    "configs": {"configs"},
    "emotrack": {"emotrack", "configs", "stream", "engines", "model", "training"},
}
OF_STREAM_TRAINING_MAY_USE = (
    "emotrack.stream.sources",
    "emotrack.stream.media",
    "emotrack.stream.clock",
    "emotrack.stream.settings",
    "emotrack.stream.hearing.audio",
    "emotrack.stream.seeing",
    "emotrack.stream.transcription",
)
"""What describes a clip as the live path would; never the loop."""


def modules(folder: str) -> Iterator[Path]:
    return (path for path in (ROOT / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Full names of our modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("emotrack"))
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("emotrack"):
            yield node.module


def room(module: str) -> str:
    """The folder that a module lies in."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in MAY_IMPORT else "emotrack"


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_dependencies_point_one_way(folder: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in modules(folder)
        for module in imports(path)
        if room(module) not in MAY_IMPORT[folder]
    ]
    assert not wrong


def test_training_uses_only_the_sources_ears_and_eyes_of_stream() -> None:
    used = {module for path in modules("training") for module in imports(path) if room(module) == "stream"}
    assert not [module for module in used if not module.startswith(OF_STREAM_TRAINING_MAY_USE)]


def test_ultralytics_and_other_extras_are_imported_only_when_used() -> None:
    optional = {"ultralytics", "hear21passt", "resemblyzer", "tensorrt", "torch_tensorrt", "piper"}
    for folder in MAY_IMPORT:
        for path in modules(folder):
            for node in ast.parse(path.read_text("utf-8")).body:
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                assert not [name for name in names if name.split(".")[0] in optional], path
