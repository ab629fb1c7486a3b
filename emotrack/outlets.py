"""Where a session's messages go, opened before the networks are loaded, so that a taken port is told at once."""

import secrets
from pathlib import Path

from emotrack.model.errors import UserError
from emotrack.stream.settings import PublishSettings
from emotrack.stream.wire.keys import ServerKeys
from emotrack.stream.wire.publish import Publisher
from emotrack.stream.wire.record import Recorder


def new_session_name() -> str:
    """A name for a session, for topics, messages and files."""
    return f"s{secrets.token_hex(4)}"


def open_publisher(settings: PublishSettings) -> Publisher | None:
    """The publisher of these settings, or None where nothing is to be published; raises `UserError` where it cannot bind."""
    if settings.endpoint == "none":
        return None
    return Publisher(
        settings.endpoint,
        snapshot_endpoint=settings.snapshot_endpoint,
        encoding=settings.encoding,
        keys=ServerKeys.load(settings.keys) if settings.keys else None,
        insecure=settings.insecure,
    )


def open_recorder(folder: Path, session: str) -> Recorder:
    """A recorder into a file named after the session; raises `UserError` where the folder cannot be written.

    A folder that is made for it can be read by its owner only.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"Nothing can be recorded in {folder}: {error.strerror}.") from error
    return Recorder(folder / f"{session}.jsonl")
