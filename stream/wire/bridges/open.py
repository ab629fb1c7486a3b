"""The bridge that a URL asks for: `lsl:`, `osc://HOST:PORT`, `mqtt[s]://HOST[:PORT][/PREFIX]`, `ros2:`,
`rerun:[FILE.rrd]`."""

from collections.abc import Callable
from pathlib import Path

from emotrack.errors import UserError
from emotrack.stream.wire.bridges.destination import shown
from emotrack.stream.wire.publish.sinks import Sink

Maker = Callable[[str, bool], Sink]
"""Makes a bridge of its URL; the second says whether it may lead beyond this machine unencrypted."""


def open_bridge(url: str, *, insecure: bool = False) -> Sink:
    """The bridge to `url`, which connects with the first message.

    Raises `UserError` where the URL is of no bridge, its library is missing, or it would send messages beyond
    this machine unencrypted without `insecure`.
    """
    scheme, colon, _ = url.partition(":")
    maker = _MAKERS.get(scheme.lower()) if colon else None
    if maker is None:
        raise UserError(f"{shown(url)} is no bridge: write one of {', '.join(FORMS)}.")
    return maker(url, insecure)


def keeps_messages(url: str) -> bool:
    """Whether this bridge writes to a file, as a policy may refuse."""
    return url.lower().startswith("rerun:") and not url.endswith(":")


def _lsl(url: str, insecure: bool) -> Sink:
    from emotrack.stream.wire.bridges.lsl import LslOutlets

    _bare(url)
    return LslOutlets(insecure=insecure)


def _osc(url: str, insecure: bool) -> Sink:
    from emotrack.stream.wire.bridges.osc import OscSender

    return OscSender(url, insecure=insecure)


def _mqtt(url: str, insecure: bool) -> Sink:
    from emotrack.stream.wire.bridges.mqtt import MqttPublisher

    return MqttPublisher(url, insecure=insecure)


def _ros2(url: str, insecure: bool) -> Sink:
    from emotrack.stream.wire.bridges.ros2 import HumansNode

    _bare(url)
    return HumansNode(insecure=insecure)


def _rerun(url: str, _: bool) -> Sink:
    from emotrack.stream.wire.bridges.rerun import RerunLog

    file = url.partition(":")[2]
    if file and (file.startswith("//") or Path(file).suffix != ".rrd"):
        raise UserError(f"{shown(url)} is no file for Rerun: write rerun:FILE.rrd, or rerun: for its viewer.")
    return RerunLog(Path(file) if file else None)


def _bare(url: str) -> None:
    scheme, _, rest = url.partition(":")
    if rest:
        raise UserError(f"{shown(url)} is no bridge: {scheme}: stands alone.")


_MAKERS: dict[str, Maker] = {
    "lsl": _lsl,
    "osc": _osc,
    "mqtt": _mqtt,
    "mqtts": _mqtt,
    "ros2": _ros2,
    "rerun": _rerun,
}
FORMS = ("lsl:", "osc://HOST:PORT", "mqtt://HOST/PREFIX", "mqtts://HOST/PREFIX", "ros2:", "rerun:FILE.rrd")
"""How bridges are written."""
