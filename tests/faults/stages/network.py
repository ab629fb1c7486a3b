"""Senders that stall, reset, die or freeze, on real sockets: told, and connected to again."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable

from emotrack.stream.settings import SourceSettings
from emotrack.stream.sources.media import Source
from emotrack.stream.sources.open import open_source
from emotrack.stream.wire.protocol.messages import Feed, Message
from faults.bench import Bench, spoken
from faults.matrix import HELD, SILENCE, Observation, Skipped, fault
from faults.rtsp import RtspServer
from faults.watching import Trial, tells
from helpers.media.clips import AudioSpec, Pace, Tracks, VideoSpec, write_clip
from helpers.media.scripted import Scripted
from helpers.media.senders import LOW_DELAY, TcpSender, free_udp_port, http_server
from helpers.media.virtual_microphone import virtual_microphone

CLIP: Tracks = {"video": VideoSpec("mpeg2video"), "audio": AudioSpec("mp2")}
QUICK = SourceSettings(connect_timeout=3.0, retry_first=0.1)
SECONDS = 20.0


def ill_tells(message: Message) -> bool:
    """Whether something is wrong with the feed from the network."""
    return isinstance(message, Feed) and message.source == "ill" and message.state != "up"


def comes_back(message: Message) -> bool:
    """Whether that feed is up (again)."""
    return isinstance(message, Feed) and message.source == "ill" and message.state == "up"


def received(
    bench: Bench,
    source: Source,
    strike: Callable[[], object],
    mend: Callable[[], object] | None = None,
    *,
    patience: float = 8.0,
) -> Observation:
    """A feed from the network beside one that is well; it is struck, and mended once that was told."""
    source.name = "ill"
    trial = Trial()
    count = 14
    with bench.session([Scripted("well", spoken(count)), source], trial=trial):
        if trial.wait_for(comes_back, 8.0) is None:
            trial.close()
            return Observation("", complaints=("the stream never came",))
        time.sleep(0.5)
        trial.strike()
        strike()
        told = trial.wait_for(ill_tells, patience, since=trial.struck or 0.0)
        if mend is not None:
            mend()
            trial.wait_for(comes_back, 12.0, since=told.at if told else time.monotonic())
        said = len(trial.finals("well"))
        trial.wait_for(lambda _: len(trial.finals("well")) > said, 3.0)
        took = trial.close()
    finals = len(trial.finals("well"))
    late = () if took <= 2.5 else (f"stopping takes {took:.1f} s",)
    alive = () if finals > said or finals == count else ("the other feed stands still",)
    return trial.observe(
        0, told=ill_tells, well=comes_back if mend is not None else None, more=(*late, *alive)
    )


class Sender:
    """A sender of a clip in a process of its own, which can be stopped and killed."""

    def __init__(self, scheme: str, port: int = 0) -> None:
        code = (
            "import sys, time\n"
            "from helpers.media.clips import AudioSpec, VideoSpec\n"
            "from helpers.media.senders import TcpSender\n"
            f"sender = TcpSender(scheme={scheme!r}, port={port}, video=VideoSpec('mpeg2video'), "
            "audio=AudioSpec('mp2'), duration=20.0, onset=0.0)\n"
            "print(sender.url, flush=True)\ntime.sleep(120)\n"
        )
        self.process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def _killed(scheme: str, origin: str) -> None:
    def inject(bench: Bench) -> Observation:
        sender = Sender(scheme)
        bench.undo.callback(sender.close)
        port = int(sender.url.rpartition(":")[2])
        source = open_source(sender.url, settings=QUICK)

        def mend() -> None:
            bench.undo.callback(Sender(scheme, port).close)

        return received(bench, source, lambda: sender.signal(signal.SIGKILL), mend)

    fault("network", f"a live stream over {scheme}: its server is killed", origin, lasting=False)(inject)


def _frozen(scheme: str, origin: str) -> None:
    def inject(bench: Bench) -> Observation:
        sender = Sender(scheme)
        bench.undo.callback(sender.close)
        source = open_source(sender.url, settings=QUICK)
        return received(
            bench, source, lambda: sender.signal(signal.SIGSTOP), lambda: sender.signal(signal.SIGCONT)
        )

    fault(
        "network", f"a live stream over {scheme}: its server freezes", origin, limit=SILENCE, lasting=False
    )(inject)


def _reset(scheme: str, origin: str, *, short: bool = False) -> None:
    def inject(bench: Bench) -> Observation:
        sender = TcpSender(scheme=scheme, **CLIP, duration=SECONDS, onset=0.0)  # type: ignore[arg-type]  # one of two
        bench.undo.callback(sender.close)
        source = open_source(sender.url, settings=QUICK)
        return received(bench, source, sender.hang_up, lambda: None)

    fault("network", f"a live stream over {scheme}: hung up", origin, short=short, lasting=False)(inject)


for _scheme in ("tcp", "http"):
    _killed(_scheme, HELD)
    _frozen(_scheme, HELD)
    _reset(_scheme, HELD, short=_scheme == "tcp")


def _udp(name: str, send: Callable[[str, Pace, threading.Event], None], *, comes_again: bool) -> None:
    def inject(bench: Bench) -> Observation:
        address = f"udp://127.0.0.1:{free_udp_port()}"
        pace = Pace()

        def begin(pace: Pace) -> None:
            to = address + "?pkt_size=1316"
            threading.Thread(
                target=lambda: write_clip(
                    to, **CLIP, format="mpegts", options=LOW_DELAY, pace=pace, duration=SECONDS, onset=0.0
                ),
                daemon=True,
            ).start()

        begin(pace)
        bench.undo.callback(pace.ending.set)
        source = open_source(address, settings=QUICK)

        def mend() -> None:
            again = Pace()
            bench.undo.callback(again.ending.set)
            begin(again)

        return received(
            bench, source, lambda: send(address, pace, bench.released), mend if comes_again else None
        )

    fault("network", name, HELD, limit=SILENCE, lasting=not comes_again)(inject)


_udp("a live stream over udp: it falls silent", lambda _, pace, __: pace.ending.set(), comes_again=True)


def _noise(address: str, pace: Pace, over: threading.Event) -> None:
    """Somebody else sends garbage to the same port."""
    host, port = address.removeprefix("udp://").split(":")

    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            for _ in range(20_000):
                if over.is_set():
                    return
                out.sendto(os.urandom(1316), (host, int(port)))
                time.sleep(0.001)

    threading.Thread(target=send, daemon=True).start()


_udp("a live stream over udp: a stranger sends garbage to its port", _noise, comes_again=False)


def _rtsp(
    name: str, act: Callable[[RtspServer], object], mend: Callable[[RtspServer], object], limit: float
) -> None:
    def inject(bench: Bench) -> Observation:
        server = RtspServer()
        bench.undo.callback(server.close)
        source = open_source(server.url, settings=QUICK)
        return received(bench, source, lambda: act(server), lambda: mend(server))

    fault("network", f"a camera over rtsp {name}", HELD, limit=limit, lasting=False)(inject)


_rtsp("hangs up", RtspServer.hang_up, lambda _: None, 2.0)
_rtsp("freezes", lambda server: server.frozen.set(), lambda server: server.frozen.clear(), SILENCE)


def _finite(name: str, origin: str, *, ranges: bool, told: bool) -> None:
    """A recording behind HTTP whose connection is reset half-way."""

    def inject(bench: Bench) -> Observation:
        path = write_clip(bench.folder / "clip.mkv", **CLIP, duration=5.0, onset=0.0)
        served = bench.undo.enter_context(
            http_server(bench.folder, break_after=path.stat().st_size // 2, ranges=ranges)
        )
        source = open_source(f"{served}/{path.name}", settings=QUICK)
        source.name = "ill"
        trial = Trial()
        trial.strike()

        def cut(message: Message) -> bool:
            return ill_tells(message) and "end of file" not in str(getattr(message, "reason", ""))

        with bench.session([Scripted("well", spoken(6)), source], trial=trial, realtime=not told):
            pass
        ends = [
            m.time for m in trial.messages if isinstance(m, Feed) and m.source == "ill" and m.state == "down"
        ]
        short = not told and (not ends or max(ends) < 4.9)
        return trial.observe(6, told=cut, more=("it is not read to its end",) if short else ())

    fault("network", name, origin, told=told)(inject)


_finite("a recording over http is reset half-way, and can be asked for again", "12", ranges=True, told=False)
_finite("a recording over http is reset half-way, and cannot", "12", ranges=False, told=True)


def _mute(scheme: str) -> None:
    def inject(bench: Bench) -> Observation:
        quick = SourceSettings(connect_timeout=1.0)
        mute = bench.undo.enter_context(socket.create_server(("127.0.0.1", 0)))
        url = f"{scheme}://user:secret@127.0.0.1:{mute.getsockname()[1]}/live?token=secret"
        seen = bench.refused(lambda: open_source(url, settings=quick))
        return (
            seen
            if "secret" not in seen.effect
            else Observation(seen.effect, complaints=("it tells the password",))
        )

    fault("network", f"an address over {scheme} answers nothing at the start", HELD)(inject)


for _scheme in ("http", "tcp", "rtsp", "rtmp"):
    _mute(_scheme)


@fault("network", "looking up a host's name hangs")
def lookup(bench: Bench) -> Observation:
    bench.patch.setattr(socket, "getaddrinfo", lambda *_: bench.hang())
    quick = SourceSettings(connect_timeout=1.0)
    return bench.refused(lambda: open_source("rtsp://camera.example/live", settings=quick))


def _pulse(name: str, strike: Callable[[int, dict[str, str]], object], limit: float, *, mend: bool) -> None:
    """A microphone of PulseAudio, in a session of its own process."""

    def inject(bench: Bench) -> Observation:
        environment = bench.undo.enter_context(virtual_microphone(bench.folder))
        if environment is None:
            raise Skipped("there is no pulseaudio here")
        pid = int((bench.folder / "run" / "pid").read_text())
        from helpers.sessions.commands import start

        names = ("HOME", "XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH", "PULSE_SERVER")
        for name in names:
            bench.patch.setenv(name, environment[name])
        # a home of its own has no compiled networks, which voices need
        quick = ("--modalities", "audio", "--set=stream.speakers.mode=feed")
        process = start("run", "mic", "--publish", "none", "--jsonl", "-", *quick)
        with bench.process(process=process) as trial:
            if trial.wait_for(lambda m: isinstance(m, Feed) and m.state == "up", 10.0) is None:
                process.kill()
                trial.wait()
                raise Skipped("PortAudio reaches no pulseaudio here")
            time.sleep(1.0)
            trial.strike()
            strike(pid, environment)
            trial.wait_for(tells, 8.0, since=trial.struck or 0.0)
            if mend:
                os.kill(pid, signal.SIGCONT)
                trial.wait_for(
                    lambda m: isinstance(m, Feed) and m.state == "up", 15.0, since=time.monotonic()
                )
            took = trial.close()
        late = () if took <= 3.5 else (f"stopping takes {took:.1f} s",)
        return trial.observe(
            0, well=(lambda m: isinstance(m, Feed) and m.state == "up") if mend else None, more=late
        )

    fault("network", name, HELD, limit=limit, lasting=not mend)(inject)


def _muted(_: int, environment: dict[str, str]) -> None:
    subprocess.run(
        ["pactl", "set-source-mute", "virtual.monitor", "1"], env=environment, check=True, timeout=5
    )


_pulse("a microphone: pulseaudio is killed", lambda pid, _: os.kill(pid, signal.SIGKILL), SILENCE, mend=False)
_pulse("a microphone: pulseaudio freezes", lambda pid, _: os.kill(pid, signal.SIGSTOP), SILENCE, mend=True)
_pulse("a microphone is muted", _muted, SILENCE, mend=False)
