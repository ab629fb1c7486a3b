"""The threads that transcribe for all sessions of a recogniser."""

import math
import threading
import time

from emotrack.stream.transcription.turns import Turns

CLOSING_SECONDS = 2.0
"""What has started may take so long to end; a recogniser that hangs is left behind."""


class Workers:
    """Do what `turns` hands out, `count` requests at a time, until they are closed."""

    def __init__(self, turns: Turns, count: int) -> None:
        self.answered_at = -math.inf
        """Second of `time.monotonic` at which one of them was last done with a request."""
        self._turns = turns
        self._threads = [
            threading.Thread(target=self._work, name=f"transcription {number}", daemon=True) for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> bool:
        """Start nothing more and wait a while for what has started, which cannot be stopped: whether it has all ended."""
        self._turns.close()
        deadline = time.monotonic() + CLOSING_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        while (request := self._turns.take()) is not None:
            request.run()
            self.answered_at = time.monotonic()
