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

# Idle OpenMP threads that spin make shared cores tenfold slower; this must be set before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


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
