"""Networks that are asked on threads of their own, and only for so long: one that hangs fails, as far as the
session is concerned, and is used again once it has come back."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import replace
from queue import SimpleQueue
from typing import Any, TypeVar

from emotrack.engines.open import Networks

Whole = TypeVar("Whole")
Asked = SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]

SECONDS = 1.5
"""That one call may take, as a look at a picture may."""


class Deadlines:
    """What of a live session's networks its own thread asks, each with a thread for that."""

    def __init__(self) -> None:
        self._bounded: list[Deadlined] = []

    def over(self, networks: Networks) -> Networks:
        """The same networks, none of which may hang."""
        encoders, heads = networks.encoders, networks.heads
        text, audio = self._bound(encoders.text, "encode"), self._bound(encoders.audio, "encode")
        fusion, context = self._bound(heads.fusion, "fuse"), self._bound(heads.context, "step", "revise")
        return replace(
            networks,
            encoders=replace(encoders, text=text, audio=audio),
            heads=replace(heads, fusion=fusion, context=context),
        )

    def close(self) -> None:
        """End the threads, but those that hang, which nobody waits for."""
        for bounded in self._bounded:
            bounded.close()

    def _bound(self, whole: Whole, *functions: str) -> Whole:
        if whole is None:
            return whole
        self._bounded.append(Deadlined(whole, *functions))
        return self._bounded[-1]  # type: ignore[return-value]  # stands in for it


class Deadlined:
    """Something with some of its functions called on one thread, each for `SECONDS` at most; everything else
    is its own.

    A call that takes longer raises `TimeoutError`, and so does each one after it until the thread is back.
    """

    def __init__(self, whole: object, *functions: str) -> None:
        self._whole = whole
        self._asked: Asked = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._owed: Future[Any] | None = None
        for name in functions:
            self.__dict__[name] = self._in_time(name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)

    def close(self) -> None:
        """End the thread."""
        self._asked.put(None)

    def _in_time(self, name: str) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            if self._owed is not None and not self._owed.done():
                raise TimeoutError("it has not answered yet")
            if self._thread is None:
                self._thread = threading.Thread(
                    target=_serve, args=(self._asked,), name="network", daemon=True
                )
                self._thread.start()
            answer: Future[Any] = Future()
            self._asked.put((answer, lambda: getattr(self._whole, name)(*given, **named)))
            try:
                return answer.result(SECONDS)
            except NotInTime:
                if answer.done():  # its own
                    raise
                self._owed = answer
                raise TimeoutError(f"no answer within {SECONDS:g} s") from None

        return call


def _serve(asked: Asked) -> None:
    while (task := asked.get()) is not None:
        answer, call = task
        try:
            answer.set_result(call())
        except BaseException as failure:  # noqa: BLE001 - raised where it was asked
            answer.set_exception(failure)
