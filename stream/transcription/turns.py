"""Whose transcription is next where sessions share a recogniser: what labels wait for, then speculation, then
words that are late anyway, then work ahead; and the threads that do it.

While more is asked for than can be done, the newest is done first: served in the order of asking, everybody
would get their words too late, and newest first as many get them in time as can. What is asked for and was
not begun when nobody wants it any more costs nothing.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future

from emotrack.engines.running.priority import give_way
from emotrack.stream.transcription.transcript import Transcript

CROWDED_SECONDS = 0.5
"""When the oldest of a session's finals has waited so long, the newest is next."""


class Request(Future[Transcript]):
    """A transcript that `session` asks for, and the `work` that makes it; abandon it when nobody wants it any
    more."""

    def __init__(
        self, session: Hashable, work: Callable[[], Transcript], unwanted: threading.Event | None = None
    ) -> None:
        """`unwanted` is set when the work is abandoned while it runs: it may stop at its next step."""
        super().__init__()
        self.session = session
        self.concluded_at = math.inf
        """Second of the turns' clock at which its utterance ended."""
        self.patience = math.inf
        """Seconds from then on for which somebody waits for it."""
        self._work = work
        self._unwanted = unwanted or threading.Event()

    @property
    def waiting(self) -> bool:
        """Whether it has neither started nor been cancelled."""
        return not (self.running() or self.done())

    def abandon(self) -> None:
        """Cancel it, or let it fail at its next step when it runs."""
        self._unwanted.set()
        self.cancel()

    def run(self) -> None:
        """Do the work on this thread; whatever it fails with is what the request fails with."""
        try:
            transcript = self._work()
        except BaseException as failure:  # noqa: BLE001 - raised again where the transcript is asked for
            self.set_exception(failure)
        else:
            self.set_result(transcript)


class Turns:
    """The requests that have not started; callable from any thread, and only `take` waits."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._clock = clock
        self._changed = threading.Condition()
        self._speculations: dict[
            Hashable, Request
        ] = {}  # by session; the order of the dictionary is the circle
        self._finals: dict[Hashable, deque[Request]] = {}
        self._late: list[Request] = []  # finals that nobody waits for any more, by their utterances' ends
        self._ahead: dict[Hashable, Request] = {}  # by utterance
        self._closed = False

    def speculate(self, request: Request) -> None:
        """Put a new request into its session's slot, in the place and turn of one that is there.

        The one that was there stays unanswered until it is concluded or cancelled.
        """
        with self._changed:
            self._speculations[request.session] = request
            self._changed.notify()
        request.add_done_callback(self._forget)

    def work_ahead(self, request: Request, utterance: Hashable) -> None:
        """Put a request that nobody waits for into its utterance's slot, in the place and turn of one that is
        there.

        The one that was there stays unanswered until it is cancelled.
        """
        with self._changed:
            self._ahead[utterance] = request
            self._changed.notify()
        request.add_done_callback(self._forget)

    @property
    def backlog(self) -> float:
        """Seconds for which the longest waiting of those has waited whose utterance has ended and whose words
        somebody waits for; 0 where none does."""
        with self._changed:
            now = self._clock()
            self._set_late_aside(now)
            return max((now - owed[0].concluded_at for owed in self._finals.values()), default=0.0)

    def conclude(self, request: Request, patience: float = math.inf) -> None:
        """An utterance has ended with this request: it will be answered, after the finals that its session is
        owed already.

        After `patience` seconds nobody waits for it any more, and it lets those go first for whom somebody
        does. One without end is never overtaken by a later one of its session. Nothing changes for one that
        has started or was cancelled. Conclude a request once.
        """
        with self._changed:
            if request.waiting:
                self._vacate(request)
                request.concluded_at, request.patience = self._clock(), patience
                self._finals.setdefault(request.session, deque()).append(request)
                self._changed.notify()

    def take(self) -> Request | None:
        """Wait for the request that is next, which counts as started from now on; None once there are no more
        turns."""
        with self._changed:
            while not self._closed:
                request = self._next()
                if request is None:
                    self._changed.wait()
                elif request.set_running_or_notify_cancel():
                    return request
        return None

    def close(self) -> None:
        """Let nothing more start."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _next(self) -> Request | None:
        now = self._clock()
        self._set_late_aside(now)
        if self._finals:
            session = next(iter(self._finals))
            owed = self._finals.pop(session)
            crowded = now - owed[0].concluded_at > CROWDED_SECONDS and owed[0].patience < math.inf
            request = owed.pop() if crowded else owed.popleft()
            if owed:
                self._finals[session] = owed  # to the end of the circle
            return request
        if self._speculations:
            return self._speculations.pop(next(iter(self._speculations)))
        if self._late:
            return self._late.pop()
        if self._ahead:
            return self._ahead.pop(next(iter(self._ahead)))
        return None

    def _set_late_aside(self, now: float) -> None:
        for session, owed in list(self._finals.items()):
            late = [request for request in owed if now - request.concluded_at > request.patience]
            for request in late:
                owed.remove(request)
            if late and not owed:
                del self._finals[session]
            self._late += late
            if late:
                self._late.sort(key=lambda request: request.concluded_at)

    def _forget(self, request: Future[Transcript]) -> None:
        assert isinstance(request, Request)
        with self._changed:
            self._vacate(request)
            if request in self._late:
                self._late.remove(request)
            owed = self._finals.get(request.session, deque())
            if request in owed:
                owed.remove(request)
                if not owed:
                    del self._finals[request.session]

    def _vacate(self, request: Request) -> None:
        if self._speculations.get(request.session) is request:
            del self._speculations[request.session]
        for utterance in [key for key, ahead in self._ahead.items() if ahead is request]:
            del self._ahead[utterance]


CLOSING_SECONDS = 2.0
"""What has started may take so long to end; a recogniser that hangs is left behind."""


class Workers:
    """Do what `turns` hands out, `count` requests at a time, until they are closed."""

    def __init__(self, turns: Turns, count: int) -> None:
        self.answered_at = -math.inf
        """Second of `time.monotonic` at which one of them was last done with a request."""
        self._turns = turns
        self._threads = [
            threading.Thread(target=self._work, name=f"transcription {number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> bool:
        """Start nothing more and wait a while for what has started, which cannot be stopped: whether it has
        all ended."""
        self._turns.close()
        deadline = time.monotonic() + CLOSING_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        give_way()
        while (request := self._turns.take()) is not None:
            request.run()
            self.answered_at = time.monotonic()
