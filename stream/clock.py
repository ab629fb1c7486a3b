"""One session clock: everything that is stamped is stamped on it, in seconds since the session began."""

import time
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SessionClock:
    """Maps the machine's monotonic clock to session time (seconds, 0 at session start)."""

    start_unix_ns: int = field(default_factory=time.time_ns)
    start_monotonic_ns: int = field(default_factory=time.monotonic_ns)

    def at(self, monotonic_ns: int) -> float:
        """Session time of a reading of `time.monotonic_ns()`."""
        return (monotonic_ns - self.start_monotonic_ns) / 1e9

    def now(self) -> float:
        """Session time of this instant; for stamping captures and for pacing, never to say when something was said."""
        return self.at(time.monotonic_ns())
