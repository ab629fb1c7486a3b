"""What a monitoring system asks a session for: counts and delays in Prometheus' format at `/metrics`, whether
it lives at `/healthz`, whether it labels at `/readyz`.

All of it comes from the session's own messages, and names no person, utterance or session.
"""

import threading
import time
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from emotrack.errors import UserError, first_line
from emotrack.stream.settings import PublishSettings
from emotrack.stream.wire.protocol.endpoints import Address, parse_endpoint
from emotrack.stream.wire.protocol.messages import Emotion, Error, Face, Feed, Heartbeat, Message, Session
from emotrack.stream.wire.publish.sinks import Outgoing

SILENT_SECONDS = 5.0
"""Without a heartbeat for so long a session lives no more."""
AT_ONCE = 8
"""Requests that are answered at once; whoever asks beyond that is let go."""
REQUEST_SECONDS = 5.0
"""How long somebody may take to ask."""
_DELAYS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)
"""Bounds of the histograms, seconds."""
WHOLE = "all"
"""The medium of what befalls a whole feed."""
_REASON = 40
"""Characters of a reason that are told apart."""
_PLAIN = ("Content-Type", "text/plain; charset=utf-8")

Respond = Callable[[str, list[tuple[str, str]]], object]


class Metrics:
    """A sink that counts what it is given, and answers over HTTP."""

    watches = prompt = True

    def __init__(self, place: str, *, insecure: bool = False) -> None:
        """Answers at `HOST:PORT` (port 0: any that is free), which only this machine may reach unless
        `insecure`.

        Raises `UserError` where that cannot be, or prometheus-client is missing.
        """
        address = _address(place)
        if not address.is_local and not insecure:
            raise UserError(
                f"{place} can be reached from other machines, which need no key to read how often which "
                "label was given: serve metrics at 127.0.0.1, or say --insecure."
            )
        library = _library()
        self._registry = _registry(library)
        library.ProcessCollector(registry=self._registry)
        self._counters = _Counters(library, self._registry)
        self._page = library.make_wsgi_app(self._registry)
        self._beat: float | None = None
        self._up: set[str] = set()
        try:
            self._server = _Server(("" if address.host == "*" else address.host, address.port), _Handler)
        except (OSError, OverflowError) as error:
            raise UserError(
                f"Metrics cannot be served at {place} ({first_line(error)}): take another port."
            ) from error
        self._server.set_app(self._answer)
        host, port = self._server.server_address[:2]
        self.address = f"http://{host!s}:{port}"
        """Where it is served."""
        threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()

    def write(self, outgoing: Outgoing) -> None:
        """Count one message."""
        message = outgoing.message
        self._counters.count(message)
        match message:
            case Heartbeat():
                self._beat = time.monotonic()
            case Feed(medium=None, state="down"):
                self._up.discard(message.source)
            case Feed(state="up" | "degraded"):
                self._up.add(message.source)

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()

    @property
    def lives(self) -> str | None:
        """Why the session does not live, or None."""
        if self._beat is None:
            return "no heartbeat yet"
        silent = time.monotonic() - self._beat
        return f"no heartbeat for {silent:.0f} s" if silent > SILENT_SECONDS else None

    def _answer(self, request: dict[str, Any], respond: Respond) -> Iterable[bytes]:
        match request["PATH_INFO"]:
            case "/metrics":
                answer: Iterable[bytes] = self._page(request, respond)
                return answer
            case "/healthz":
                trouble = self.lives
            case "/readyz":
                trouble = self.lives or (None if self._up else "no source is up")
            case _:
                respond("404 Not Found", [_PLAIN])
                return [b"There is /metrics, /healthz and /readyz.\n"]
        respond("503 Service Unavailable" if trouble else "200 OK", [_PLAIN])
        return [f"{trouble or 'ok'}\n".encode()]


class _Counters:
    """What is counted; the names follow Prometheus' rules (base units, `_total`)."""

    def __init__(self, library: Any, registry: Any) -> None:
        def make(kind: str, name: str, text: str, *labels: str, **more: object) -> Any:
            return getattr(library, kind)(f"emotrack_{name}", text, labels, registry=registry, **more)

        self._labels = make("Counter", "labels", "Labels sent.", "source", "state", "label")
        self._masked = make("Counter", "masked", "Final labels without it, by why.", "modality", "reason")
        self._delay = make(
            "Histogram", "endpoint_to_label_seconds", "From an endpoint to its label.", buckets=_DELAYS
        )
        self._words = make("Histogram", "transcribe_seconds", "Recognising the words.", buckets=_DELAYS)
        self._faces = make("Counter", "face_events", "Faces that appear and are lost.", "source", "event")
        self._up = make("Gauge", "feed_up", "Whether it gives anything.", "source", "medium")
        self._degraded = make(
            "Gauge", "feed_degraded", "Whether it is up and not as it should be.", "source", "medium"
        )
        self._errors = make("Counter", "errors", "Errors told.", "continues")
        for continues in ("true", "false"):  # a rate needs a first value
            self._errors.labels(continues)
        self._lag = make("Gauge", "lag_seconds", "How far behind the newest media the session is.")
        self._media = make("Gauge", "media_seconds", "Session time of the newest media.")
        self._depth = make("Gauge", "queue_depth", "What waits.", "queue")
        self._dropped = make("Counter", "dropped", "Items dropped.", "queue")
        self._shed = make("Counter", "shed", "Work left out.", "kind")
        self._shedding = make("Gauge", "shedding", "Whether it is left out at the moment.", "kind")
        self._session = make("Gauge", "session_start_time_seconds", "When the session began, Unix time.")
        self._alive = make(
            "Gauge", "last_heartbeat_timestamp_seconds", "When the session last said so, Unix time."
        )
        self._model = make("Info", "model", "What labels.")
        self._sums: dict[tuple[Any, str], int] = {}
        self._kinds: set[str] = set()
        self._media_of: dict[str, set[str]] = {}

    def count(self, message: Message) -> None:
        """Take one message."""
        match message:
            case Session(state="started"):
                self._session.set(message.start_unix_ns / 1e9)
                self._model.info({"id": message.model.id, "hash": message.model.hash})
            case Emotion():
                self._count_label(message)
            case Face(event="appeared" | "lost"):
                self._faces.labels(message.source, message.event).inc()
            case Feed():
                self._set_feed(message)
            case Heartbeat():
                self._beat(message)
            case Error():
                self._errors.labels(str(message.continues).lower()).inc()

    def _count_label(self, label: Emotion) -> None:
        self._labels.labels(label.source, label.state, label.label).inc()
        if label.state != "final":
            return
        if label.timing_ms.total is not None:
            self._delay.observe(label.timing_ms.total / 1e3)
        if label.timing_ms.transcribe is not None:
            self._words.observe(label.timing_ms.transcribe / 1e3)
        for modality, state in label.modalities.items():
            if state.reason is not None:  # one that failed says how, which is told apart no further
                self._masked.labels(modality, state.reason.partition(":")[0][:_REASON]).inc()

    def _set_feed(self, feed: Feed) -> None:
        media = self._media_of.setdefault(feed.source, set())
        media.add(feed.medium or WHOLE)
        with_it = media if feed.medium is None and feed.state == "down" else {feed.medium or WHOLE}
        for medium in with_it:
            self._up.labels(feed.source, medium).set(feed.state != "down")
            self._degraded.labels(feed.source, medium).set(feed.state == "degraded")

    def _beat(self, beat: Heartbeat) -> None:
        self._alive.set(beat.published_unix_ns / 1e9)
        self._lag.set(beat.lag)
        self._media.set(beat.time)
        for queue, depth in beat.queues.items():
            self._depth.labels(queue).set(depth)
        for counter, sums in ((self._dropped, beat.dropped), (self._shed, beat.shed)):
            for name, total in sums.items():  # which are of the whole session
                before = self._sums.get((counter, name), 0)
                counter.labels(name).inc(max(0, total - before))
                self._sums[counter, name] = total
        self._kinds |= set(beat.shedding)
        for kind in self._kinds:
            self._shedding.labels(kind).set(kind in beat.shedding)


class _Handler(WSGIRequestHandler):
    timeout = REQUEST_SECONDS

    def log_message(self, format: str, *values: object) -> None:
        """Who asks is nobody's business."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[_Handler]) -> None:
        self._slots = threading.BoundedSemaphore(AT_ONCE)
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Without asking who the host is by name, which may take long."""
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        host, self.server_port = self.server_address[:2]
        self.server_name = str(host)
        self.setup_environ()

    def process_request(self, request: Any, client: Any) -> None:
        """Answer on a thread of its own, where one is left."""
        if self._slots.acquire(blocking=False):
            super().process_request(request, client)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client: Any) -> None:
        """Give the place to the next."""
        try:
            super().process_request_thread(request, client)
        finally:
            self._slots.release()

    def handle_error(self, request: Any, client: Any) -> None:
        """Somebody left, or took too long: nothing is to be told."""


def open_metrics(settings: PublishSettings) -> Metrics | None:
    """What these settings ask for; raises what `Metrics` raises."""
    return None if settings.metrics is None else Metrics(settings.metrics, insecure=settings.insecure)


def _registry(library: Any) -> Any:
    """A registry without the moment at which each counter began: in Prometheus' text format each would be a
    metric of its own, which nothing reads."""

    class Plain(library.CollectorRegistry):  # type: ignore[misc]  # known once it is imported
        def collect(self) -> Iterable[Any]:
            for family in super().collect():
                family.samples = [one for one in family.samples if not one.name.endswith("_created")]
                yield family

    return Plain()


def _address(place: str) -> Address:
    try:
        return parse_endpoint(f"tcp://{place}")
    except UserError:
        raise UserError(
            f"{place[:80]!r} is no place to serve metrics at: write HOST:PORT, such as 127.0.0.1:9464."
        ) from None


def _library() -> Any:
    try:
        import prometheus_client
    except ImportError as error:
        raise UserError(
            f"Metrics need a package that is missing ({error}): pip install 'emotrack[metrics]' brings it."
        ) from error
    return prometheus_client
