"""The house as docs/architecture.md draws it: what each room may import, no circles, and what the
subscriber's side does without."""

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOPS = ("emotrack", "configs", "engines", "model", "stream", "training")

GROUND = {
    "emotrack.errors",
    "emotrack.files",
    "emotrack.modalities",
    "emotrack.notify",
    "emotrack.progress",
    "emotrack.section",
    "emotrack.streaming",
}
"""Imports nothing of ours but itself; every room may import it."""

MAY_IMPORT: dict[str, set[str]] = {
    "configs": set(),
    "model": set(),
    "engines.settings": set(),
    "engines.contract": set(),
    "engines.networks": {"engines.contract", "model"},
    "engines.backends": {"engines.contract", "model"},
    "engines.cache": {"engines.backends", "engines.contract"},
    "engines.running": {"engines.backends", "engines.cache", "engines.contract", "engines.settings"},
    "engines.encoders": {"engines.contract", "engines.networks", "engines.running", "model"},
    "engines.heads": {"engines.contract", "engines.running", "model"},
    "engines.open": {
        "engines.contract",
        "engines.encoders",
        "engines.heads",
        "engines.running",
        "engines.settings",
        "model",
    },
    "engines.catalogue": {
        *(
            "engines.backends",
            "engines.cache",
            "engines.contract",
            "engines.encoders",
            "engines.heads",
            "engines.open",
            "engines.running",
            "engines.settings",
        ),
        "model",
    },
    "engines.packs": {
        *("engines.backends", "engines.cache", "engines.catalogue", "engines.contract", "engines.encoders"),
        *("engines.running", "engines.settings", "model"),
    },
    "stream.wire.protocol": set(),
    "stream.wire.client": {"stream.wire.protocol"},
    "stream.settings": {"stream.wire.protocol"},
    "stream.wire.publish": {"stream.settings", "stream.wire.protocol"},
    "stream.wire.bridges": {"stream.wire.protocol", "stream.wire.publish"},
    "stream.wire.recordings": {"stream.wire.protocol", "stream.wire.publish"},
    "stream.wire.exports": {"stream.wire.protocol", "stream.wire.publish", "stream.wire.recordings"},
    "stream.views.monitor": {"stream.wire.client", "stream.wire.protocol", "stream.wire.publish"},
    "stream.views.report": {"stream.views.monitor", "stream.wire.protocol", "stream.wire.recordings"},
    "stream.views.alerts": {"stream.wire.bridges", "stream.wire.protocol"},
    "stream.views.dashboard": {
        *("stream.wire.client", "stream.wire.protocol", "stream.wire.publish", "stream.wire.recordings"),
        "stream.views.monitor",
    },
    "stream.sources": {"stream.settings"},
    "stream.hearing": {"engines.encoders", "stream.settings", "stream.sources"},
    "stream.seeing": {
        *("engines.encoders", "engines.open", "engines.running", "model", "stream.settings"),
        "stream.sources",
    },
    "stream.people.enrolment": {"engines.encoders", "stream.settings", "stream.wire.protocol"},
    "stream.speakers": {"engines.encoders", "stream.people.enrolment", "stream.settings"},
    "stream.transcription": {"engines.running", "stream.settings"},
    "stream.utterances": {
        "stream.hearing",
        "stream.seeing",
        "stream.settings",
        "stream.sources",
        "stream.transcription",
    },
    "stream.labels": {
        *("engines.heads", "engines.networks", "engines.open", "engines.running", "model"),
        *("stream.hearing", "stream.seeing", "stream.speakers", "stream.transcription", "stream.utterances"),
        *("stream.settings", "stream.wire.protocol", "stream.wire.publish"),
    },
    "stream.people": {
        *("model", "stream.people.enrolment", "stream.seeing", "stream.settings", "stream.sources"),
        *("stream.wire.protocol", "stream.wire.publish"),
    },
    "stream.session": {
        *(
            "engines.open",
            "stream.people.enrolment",
            "stream.hearing",
            "stream.labels",
            "stream.people",
            "stream.seeing",
            "stream.settings",
            "stream.sources",
            "stream.speakers",
        ),
        *("stream.transcription", "stream.utterances", "stream.wire.protocol", "stream.wire.publish"),
    },
    "training.settings": set(),
    "training.loop": {"model", "training.settings"},
    "training.corpora": {"model", "stream.settings", "stream.sources"},
    "training.spoken": {"stream.settings", "stream.transcription", "training.corpora"},
    "training.features": {
        *(
            "engines.encoders",
            "engines.networks",
            "engines.open",
            "engines.running",
            "engines.settings",
            "model",
        ),
        *(
            "stream.hearing",
            "stream.seeing",
            "stream.settings",
            "stream.sources",
            "stream.utterances",
            "training.corpora",
        ),
    },
    "training.tasks": {
        *("engines.contract", "engines.encoders", "engines.networks", "model"),
        *("training.corpora", "training.features", "training.loop", "training.settings"),
    },
    "training.evaluation": {
        *(
            "engines.encoders",
            "engines.networks",
            "engines.running",
            "engines.settings",
            "model",
            "stream.people.enrolment",
            "stream.speakers",
            "training.corpora",
            "training.features",
            "training.loop",
            "training.spoken",
        ),
        "training.tasks",
    },
    "training.bundles": {
        "model",
        "training.evaluation",
        "training.features",
        "training.loop",
        "training.tasks",
    },
    "training.run": {"model", "training.bundles", "training.loop", "training.tasks"},
    "emotrack.settings": {"engines.running", "engines.settings", "model", "stream.settings"},
    "emotrack.tracking": {
        *(
            "engines.backends",
            "engines.catalogue",
            "engines.contract",
            "engines.open",
            "engines.running",
            "model",
            "emotrack.settings",
        ),
        *("stream.labels", "stream.people.enrolment", "stream.session", "stream.settings", "stream.sources"),
        *("stream.transcription", "stream.utterances"),
        *("stream.wire.protocol", "stream.wire.publish"),
    },
    "emotrack": {
        "emotrack.settings",
        *("engines.contract", "engines.running", "stream.sources", "stream.transcription"),
        *("stream.wire.client", "stream.wire.protocol", "stream.wire.publish", "emotrack.tracking"),
    },
    "emotrack.demo": {
        "emotrack.settings",
        "stream.views.monitor",
        "stream.wire.protocol",
        "emotrack.tracking",
    },
    "emotrack.explaining": {
        *(
            "engines.encoders",
            "engines.networks",
            "engines.open",
            "engines.running",
            "model",
            "emotrack.settings",
        ),
        *(
            "stream.labels",
            "stream.views.monitor",
            "stream.sources",
            "stream.transcription",
            "stream.wire.protocol",
        ),
        *("stream.wire.publish", "stream.wire.recordings", "emotrack.tracking"),
        *("training.evaluation", "training.features"),
    },
}
"""What a room imports beside itself and the ground. The command line may import everything, and nothing
imports it."""

NO_ENTRIES = {"__init__.py", "__pycache__", "py.typed"}
"""What a folder has without being one of its rooms: its own text, and markers."""

SMALL = {
    "emotrack/modalities.py": "one vocabulary for all rooms",
    "engines/running/priority.py": "whoever computes beside the loop gives way to it by the same measure",
    "engines/networks/yolo.py": "needs no torch, as those that run the network must not",
    "model/tokens.py": "needs no torch, as batch.py beside it does",
    "stream/transcription/open.py": "chooses among recognisers, which do not know each other",
    "stream/wire/exports/rttm.py": "a format by itself",
    "stream/wire/exports/mcap.py": "a format by itself",
    "stream/wire/protocol/vocabulary.py": "what labels are called elsewhere: a table",
}
"""Files under 40 lines, and why they are files; commands (one file each) and the docstrings of folders need
no reason."""


@cache
def modules() -> dict[str, Path]:
    """Every module of ours by its full name."""
    found = {}
    for path in (path for top in TOPS for path in (ROOT / top).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts if parts[0] == "emotrack" else ("emotrack", *parts))
        found[name.removesuffix(".__init__")] = path
    return found


def imports(name: str) -> Iterator[str]:
    """The modules of ours that a module imports, wherever in it: in functions and for type checkers only,
    too."""
    for node in ast.walk(ast.parse(modules()[name].read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules())
        elif isinstance(node, ast.ImportFrom) and node.module in modules():
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in modules() else str(node.module)


def room(name: str) -> str:
    """The room that a module is in."""
    if name in GROUND:
        return "ground"
    short = name if name == "emotrack" else name.removeprefix("emotrack.")
    fits = [r for r in MAY_IMPORT if short == (s := r.removeprefix("emotrack.")) or short.startswith(f"{s}.")]
    return max(fits, key=len, default="cli" if short.startswith("cli") else short)


def test_every_module_is_in_a_room() -> None:
    rooms = {*MAY_IMPORT, "ground", "cli"}
    packages = {"engines", "stream", "stream.views", "stream.wire", "training"}
    assert {room(name) for name in modules()} - rooms <= packages


@pytest.mark.parametrize("name", [*MAY_IMPORT, "ground"])
def test_a_room_imports_only_what_is_below_it(name: str) -> None:
    allowed = {name, "ground", *MAY_IMPORT.get(name, set())}
    wrong = [
        f"{module} imports {other}"
        for module in modules()
        if room(module) == name
        for other in imports(module)
        if room(other) not in allowed
    ]
    assert not wrong


def test_rooms_stand_in_floors() -> None:
    order = list(TopologicalSorter(MAY_IMPORT).static_order())
    assert set(order) == set(MAY_IMPORT)


def test_no_circle_of_files() -> None:
    graph = {name: {other for other in imports(name) if other != name} for name in modules()}
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as circle:
        pytest.fail(" → ".join(circle.args[1]))


@pytest.mark.parametrize("sense", ["hearing", "seeing", "speakers", "transcription"])
def test_no_sense_imports_another(sense: str) -> None:
    others = {"stream.hearing", "stream.seeing", "stream.speakers", "stream.transcription"} - {
        f"stream.{sense}"
    }
    assert not MAY_IMPORT[f"stream.{sense}"] & others


def test_what_a_robot_installs_stands_on_the_ground() -> None:
    for name in modules():
        if room(name) in ("stream.wire.protocol", "stream.wire.client"):
            assert {room(other) for other in imports(name)} <= {
                "ground",
                "stream.wire.protocol",
                "stream.wire.client",
            }, name


def test_training_never_imports_the_session() -> None:
    used = {
        room(other) for name in modules() if name.startswith("emotrack.training") for other in imports(name)
    }
    assert not used & {"stream.labels", "stream.session", "stream.wire.publish", "emotrack.tracking"}


def test_no_folder_has_more_than_twelve_entries() -> None:
    folders = {path.parent for path in (*modules().values(), *(ROOT / "tests").rglob("*.py"))}
    crowded = {}
    for folder in folders:
        entries = [one for one in folder.iterdir() if one.name not in NO_ENTRIES]
        if len(entries) > 12:
            crowded[str(folder.relative_to(ROOT))] = len(entries)
    assert not crowded


def test_a_small_file_has_a_reason() -> None:
    small = {
        str(path.relative_to(ROOT)): room(name)
        for name, path in modules().items()
        if path.name != "__init__.py" and len(path.read_text("utf-8").splitlines()) < 40
    }
    assert {path for path, where in small.items() if where != "cli"} <= set(SMALL)
    assert set(SMALL) <= set(small), "a reason outlives its file, or the file is small no longer"


PLUGS = {
    "emotrack.stream.views.dashboard.serving": {"starlette", "uvicorn"},
    "emotrack.stream.sources.pushed.publisher": {"aiortc"},
    "emotrack.stream.sources.pushed.whip_server": {"starlette", "uvicorn"},
    "emotrack.tracking.agents.livekit": {"livekit"},
    "emotrack.tracking.agents.pipecat": {"pipecat"},
}
"""Modules and folders that are made of an optional package, such as a class of its own, which they import at
once; they are imported only when used themselves."""
OPTIONAL = {
    *("ultralytics", "hear21passt", "cryptography", "tensorrt", "torch_tensorrt", "piper"),
    *("paho", "pylsl", "pythonosc", "rclpy", "rerun"),
    *(package for packages in PLUGS.values() for package in packages),
}


def imported_at_once(path: Path) -> Iterator[str]:
    """The full names of what a file imports when it is imported itself."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names))


def plug(name: str) -> str | None:
    """The plug that a module is or belongs to."""
    return next((one for one in PLUGS if name == one or name.startswith(f"{one}.")), None)


def test_ultralytics_and_other_extras_are_imported_only_when_used() -> None:
    for name, path in modules().items():
        names = set(imported_at_once(path))
        own = plug(name)
        assert {one.split(".")[0] for one in names} & OPTIONAL <= PLUGS.get(own or "", set()), path
        assert own is not None or {plug(one) for one in names} <= {None}, path
