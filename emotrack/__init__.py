"""emotrack: who feels what, while they are still talking.

`Tracker` follows sources and makes labels (extra `track`); `subscribe` reads them from another process and needs nothing more
than the core install. Both yield messages: `Session`, `Emotion`, `Feed`, `Speaker`, `Heartbeat` and `Error`. What a user can mend
is a `UserError`. All are imported when first used, so that importing the package stays quick.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emotrack.model.errors import UserError as UserError
    from emotrack.stream.messages import Emotion as Emotion
    from emotrack.stream.messages import Error as Error
    from emotrack.stream.messages import Feed as Feed
    from emotrack.stream.messages import Heartbeat as Heartbeat
    from emotrack.stream.messages import Message as Message
    from emotrack.stream.messages import Session as Session
    from emotrack.stream.messages import Speaker as Speaker
    from emotrack.stream.subscribe import subscribe as subscribe
    from emotrack.tracker import Tracker as Tracker

__version__ = "0.1.0"
__all__ = [
    "Emotion",
    "Error",
    "Feed",
    "Heartbeat",
    "Message",
    "Session",
    "Speaker",
    "Tracker",
    "UserError",
    "__version__",
    "subscribe",
]

# Read by libraries when they are imported, which is after this, in this process and in those that it starts.
for _name, _value in {
    "OMP_WAIT_POLICY": "PASSIVE",  # idle OpenMP threads that spin make shared cores tenfold slower
    "ORT_DISABLE_TELEMETRY": "1",  # else ONNX Runtime writes an identifier and a queue of events into the home folder
    "HF_HUB_DISABLE_TELEMETRY": "1",
}.items():
    os.environ.setdefault(_name, _value)

_HOMES = {
    "Tracker": "emotrack.tracker",
    "UserError": "emotrack.model.errors",
    "subscribe": "emotrack.stream.subscribe",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'emotrack' has no attribute {name!r}")
    try:
        return getattr(import_module(_HOMES.get(name, "emotrack.stream.messages")), name)
    except ModuleNotFoundError as error:
        if name != "Tracker":
            raise
        raise ImportError(f"Tracking needs the package {error.name}: pip install 'emotrack[track]'.") from error
