"""What a user can cause and mend, and what is said of a package that is missing or does not load.

Every such error is a `UserError`, whose text is one sentence naming the cause and the fix:

    Exception
    └── UserError                   a wrong argument, setting or file; a port that is taken; nothing to read
        ├── Absent                  stream.sources.media: a live source is not there now; it may come
        ├── EngineUnavailable       engines.contract.engine: nothing runs a network as it was asked for
        ├── PackRefused             engines.running.pack: an engine pack that cannot be used
        └── RecogniserUnavailable   stream.transcription.transcript: a recogniser cannot be had

All of them can be imported from `emotrack`. `SinkFailed` and `SinkDelayed` (stream.wire.publish.sinks) are
no user's errors: a sink raises them to say that it takes no more messages, or has to wait.
"""

import re
from importlib.metadata import requires
from traceback import walk_tb
from types import TracebackType


class UserError(Exception):
    """A mistake in what the user gave or has installed; the text is one sentence naming the cause and the
    fix."""


def first_line(error: BaseException) -> str:
    """What an error of a library says, as part of a sentence: its first line without a full stop, or the name
    of its kind."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


_REQUIREMENT = re.compile(r"(?P<package>[\w.-]+)(?P<extras>\[)?.*;.*\bextra == \"(?P<extra>[\w-]+)\"")
_DEVELOPING = ("dev", "speech-synthesis")
"""The extras that no user needs."""
_OURS = ("emotrack", "__main__")
_IMPORTED_AS = {
    "PIL": "pillow",
    "livekit": "livekit-agents",
    "minisign": "py-minisign",
    "pipecat": "pipecat-ai",
    "pympi": "pympi-ling",
    "sklearn": "scikit-learn",
    "webvtt": "webvtt-py",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}
"""Packages that are called otherwise where they are imported."""


def extras() -> dict[str, list[str]]:
    """The packages that each extra of emotrack brings by itself, as its installed metadata says."""
    found: dict[str, list[str]] = {}
    for requirement in requires("emotrack") or ():
        match = _REQUIREMENT.match(requirement)
        if match is None or match["extra"] in _DEVELOPING:
            continue
        packages = found.setdefault(match["extra"], [])
        if match["extras"] is None:  # else another extra of ours, which has its own line
            packages.append(match["package"])
    return found


def import_problem(error: ImportError | OSError) -> str | None:
    """What is wrong with the package whose import raised this, and what mends it; None where no import of a
    package did.

    A library whose compiled part does not load raises either kind, and seldom names itself.
    """
    module = error.name if isinstance(error, ImportError) and error.name else _importing(error.__traceback__)
    name = (module or "emotrack").partition(".")[0]
    if name in _OURS:
        return None
    package = _IMPORTED_AS.get(name, name.replace("_", "-"))
    if isinstance(error, ModuleNotFoundError):
        return f"the package {package} is missing; pip install 'emotrack[{_extra(package)}]' brings it"
    mending = f"pip install --force-reinstall {package} mends a damaged installation"
    return f"the package {package} does not load ({first_line(error)}); {mending}"


def _importing(trace: TracebackType | None) -> str | None:
    """The module of somebody else that was being imported when the error was raised, the innermost of
    them."""
    found = None
    for frame, _ in walk_tb(trace):
        name = str(frame.f_globals.get("__name__", ""))
        if frame.f_code.co_name == "<module>" and name.partition(".")[0] not in _OURS:
            found = name
    return found


def _extra(package: str) -> str:
    """The extra that brings a package: the one that asks for it, else all that tracks."""
    return next(
        (extra for extra, packages in extras().items() if package.lower() in map(str.lower, packages)),
        "track",
    )
