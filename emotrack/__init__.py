"""emotrack: who feels what, while they are still talking.

`Tracker` follows sources and makes labels (extra `track`); `subscribe` reads them from another process and needs nothing more
than the core install. Both are imported when first used, so that importing the package stays quick.
"""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emotrack.stream.subscribe import subscribe as subscribe
    from emotrack.tracker import Tracker as Tracker

__version__ = "0.1.0"
__all__ = ["Tracker", "__version__", "subscribe"]

# Read by libraries when they are imported, which is after this, in this process and in those that it starts.
for _name, _value in {
    "OMP_WAIT_POLICY": "PASSIVE",  # idle OpenMP threads that spin make shared cores tenfold slower
    "ORT_DISABLE_TELEMETRY": "1",  # else ONNX Runtime writes an identifier and a queue of events into the home folder
    "HF_HUB_DISABLE_TELEMETRY": "1",
}.items():
    os.environ.setdefault(_name, _value)


def __getattr__(name: str) -> Any:
    if name == "Tracker":
        try:
            from emotrack.tracker import Tracker
        except ModuleNotFoundError as error:
            raise ImportError(f"Tracking needs the package {error.name}: pip install 'emotrack[track]'.") from error
        return Tracker
    if name == "subscribe":
        from emotrack.stream.subscribe import subscribe

        return subscribe
    raise AttributeError(f"module 'emotrack' has no attribute {name!r}")
