"""The threads that transcribe for all sessions of a recogniser."""

import threading

from emotrack.stream.transcription.turns import Turns


class Workers:
    """Do what `turns` hands out, `count` requests at a time, until they are closed."""

    def __init__(self, turns: Turns, count: int) -> None:
        self._turns = turns
        self._threads = [
            threading.Thread(target=self._work, name=f"transcription {number}", daemon=True) for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Start nothing more and wait for what has started: a running transcription cannot be stopped."""
        self._turns.close()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (request := self._turns.take()) is not None:
            request.run()
