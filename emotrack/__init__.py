"""emotrack: who feels what, while they are still talking.

`Tracker` follows sources and makes labels (extra `track`); `subscribe`, and `subscribe_async` on an event
loop, read them from another process and need nothing more than the core install. All yield messages:
`Session`, `Emotion`, `Face`, `Person`, `Feed`, `Speaker`, `Heartbeat` and `Error`, together `Message`; a
recorded one is read by `decode`, which raises `BadMessage`. Settings are a `Settings`, composed by
`load_settings`.

What a tracker reads may be a `Source` of one's own, which gives `MediaItem`s (`AudioChunk`, `VideoFrame`,
`MediumChange`) stamped on a `SessionClock`. Where its messages go may be a `Sink` of one's own, which is
handed each as an `Outgoing`, and raises `SinkFailed` or `SinkDelayed`.

What a user can mend is a `UserError`; `Absent`, `EngineUnavailable`, `PackRefused` and
`RecogniserUnavailable` are kinds of it, as `emotrack.errors` draws them. All names are imported when first
used, so that importing the package stays quick.

errors       what a user can mend, and what is said of a package that is missing
files        files that are there whole or not at all
modalities   text, audio, face and body, and the modes of the papers
notify       talk to the person at the terminal
progress     how far along long work is
section      what every group of settings is
streaming    the state of what listens: reset, snapshot, restore
settings     all settings of the tracker as one whole
cli/         the command line
demo/        the bundled clip
explaining/  why a label was given
tracking/    the tracker as a program uses it
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emotrack.engines.contract.engine import EngineUnavailable as EngineUnavailable
    from emotrack.engines.running.pack import PackRefused as PackRefused
    from emotrack.errors import UserError as UserError
    from emotrack.settings import Settings as Settings
    from emotrack.settings import load_settings as load_settings
    from emotrack.stream.sources.media import Absent as Absent
    from emotrack.stream.sources.media import AudioChunk as AudioChunk
    from emotrack.stream.sources.media import MediaItem as MediaItem
    from emotrack.stream.sources.media import MediumChange as MediumChange
    from emotrack.stream.sources.media import Source as Source
    from emotrack.stream.sources.media import VideoFrame as VideoFrame
    from emotrack.stream.sources.timing.clock import SessionClock as SessionClock
    from emotrack.stream.transcription.transcript import RecogniserUnavailable as RecogniserUnavailable
    from emotrack.stream.wire.client.asynchronous import subscribe_async as subscribe_async
    from emotrack.stream.wire.client.subscription import subscribe as subscribe
    from emotrack.stream.wire.protocol.encoding import BadMessage as BadMessage
    from emotrack.stream.wire.protocol.encoding import decode as decode
    from emotrack.stream.wire.protocol.messages import Emotion as Emotion
    from emotrack.stream.wire.protocol.messages import Error as Error
    from emotrack.stream.wire.protocol.messages import Face as Face
    from emotrack.stream.wire.protocol.messages import Feed as Feed
    from emotrack.stream.wire.protocol.messages import Heartbeat as Heartbeat
    from emotrack.stream.wire.protocol.messages import Message as Message
    from emotrack.stream.wire.protocol.messages import Person as Person
    from emotrack.stream.wire.protocol.messages import Session as Session
    from emotrack.stream.wire.protocol.messages import Speaker as Speaker
    from emotrack.stream.wire.publish.sinks import Outgoing as Outgoing
    from emotrack.stream.wire.publish.sinks import Sink as Sink
    from emotrack.stream.wire.publish.sinks import SinkDelayed as SinkDelayed
    from emotrack.stream.wire.publish.sinks import SinkFailed as SinkFailed
    from emotrack.tracking.tracker import Tracker as Tracker

__version__ = "0.1.0"
__all__ = [
    "Absent",
    "AudioChunk",
    "BadMessage",
    "Emotion",
    "EngineUnavailable",
    "Error",
    "Face",
    "Feed",
    "Heartbeat",
    "MediaItem",
    "MediumChange",
    "Message",
    "Outgoing",
    "PackRefused",
    "Person",
    "RecogniserUnavailable",
    "Session",
    "SessionClock",
    "Settings",
    "Sink",
    "SinkDelayed",
    "SinkFailed",
    "Source",
    "Speaker",
    "Tracker",
    "UserError",
    "VideoFrame",
    "__version__",
    "decode",
    "load_settings",
    "subscribe",
    "subscribe_async",
]

# Read by libraries when they are imported, which is after this, in this process and in those that it starts.
for _name, _value in {
    "OMP_WAIT_POLICY": "PASSIVE",  # idle OpenMP threads that spin make shared cores tenfold slower
    "ORT_DISABLE_TELEMETRY": "1",  # else ONNX Runtime keeps an identifier and its events in the home folder
    "HF_HUB_DISABLE_TELEMETRY": "1",
}.items():
    os.environ.setdefault(_name, _value)

_MEDIA = "emotrack.stream.sources.media"
_SINKS = "emotrack.stream.wire.publish.sinks"
_ENCODING = "emotrack.stream.wire.protocol.encoding"
_HOMES = {
    "Absent": _MEDIA,
    "AudioChunk": _MEDIA,
    "BadMessage": _ENCODING,
    "EngineUnavailable": "emotrack.engines.contract.engine",
    "MediaItem": _MEDIA,
    "MediumChange": _MEDIA,
    "Outgoing": _SINKS,
    "PackRefused": "emotrack.engines.running.pack",
    "RecogniserUnavailable": "emotrack.stream.transcription.transcript",
    "Settings": "emotrack.settings",
    "decode": _ENCODING,
    "load_settings": "emotrack.settings",
    "SessionClock": "emotrack.stream.sources.timing.clock",
    "Sink": _SINKS,
    "SinkDelayed": _SINKS,
    "SinkFailed": _SINKS,
    "Source": _MEDIA,
    "Tracker": "emotrack.tracking.tracker",
    "UserError": "emotrack.errors",
    "VideoFrame": _MEDIA,
    "subscribe": "emotrack.stream.wire.client.subscription",
    "subscribe_async": "emotrack.stream.wire.client.asynchronous",
}
"""Where a name is; those that are not listed are messages."""
_CORE = ("emotrack.errors", "emotrack.stream.wire.")
_TRACKING = {name for name, home in _HOMES.items() if not home.startswith(_CORE)}
"""Names for which the core install may lack a package."""

if not TYPE_CHECKING:  # to a type checker every name would be there, the misspelt ones too

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module 'emotrack' has no attribute {name!r}")
        try:
            return getattr(import_module(_HOMES.get(name, "emotrack.stream.wire.protocol.messages")), name)
        except ModuleNotFoundError as error:
            if name not in _TRACKING:
                raise
            sentence = f"Tracking needs the package {error.name}: pip install 'emotrack[track]'."
            raise ImportError(sentence) from error
