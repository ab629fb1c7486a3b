"""Voice agents that hear how somebody is: their sound and pictures in, our messages out.

`EmotionProcessor` and its `EmotionFrame` join a pipeline of pipecat (extra `pipecat`), `RoomEmotions` follows
the participants of a LiveKit room (extra `livekit`). Both are imported when first used, and raise
`ImportError` with one sentence where the extra is missing.

background  a tracker beside an event loop
pipecat     a frame processor
livekit     participants as feeds
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from emotrack.errors import import_problem

if TYPE_CHECKING:
    from emotrack.tracking.agents.livekit import RoomEmotions as RoomEmotions
    from emotrack.tracking.agents.pipecat import EmotionFrame as EmotionFrame
    from emotrack.tracking.agents.pipecat import EmotionProcessor as EmotionProcessor

__all__ = ["EmotionFrame", "EmotionProcessor", "RoomEmotions"]

if not TYPE_CHECKING:  # to a type checker every name would be there, the misspelt ones too

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module 'emotrack.tracking.agents' has no attribute {name!r}")
        home = "livekit" if name == "RoomEmotions" else "pipecat"
        try:
            return getattr(import_module(f"emotrack.tracking.agents.{home}"), name)
        except ImportError as error:
            problem = import_problem(error)
            if problem is None:
                raise
            raise ImportError(f"{name} cannot be used: {problem}.") from error
