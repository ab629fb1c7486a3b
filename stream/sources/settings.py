"""Typed settings of reading sources."""

from pydantic import BaseModel, ConfigDict, Field


class SourceSettings(BaseModel):
    """What is taken of a source, and how long is waited for one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_frame_rate: float = Field(default=10.0, gt=0, le=120)
    """Pictures a second that are converted; of the others only the compressed form is looked at."""
    max_frame_side: int = Field(default=1280, ge=64)
    """Pictures whose longer side has more pixels are scaled down to it."""
    connect_timeout: float = Field(default=5.0, gt=0)
    """Seconds until an address that does not answer counts as unreachable, and one that falls silent as lost."""
    start_seconds: float = Field(default=20.0, ge=0)
    """Seconds for which a start waits where nothing at all is there yet: no live source, or nothing in a pipe."""
    retry_first: float = Field(default=0.5, gt=0)
    """Seconds until a lost device or address is tried again; the wait doubles up to `retry_longest`."""
    retry_longest: float = Field(default=15.0, gt=0)
