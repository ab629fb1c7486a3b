"""Real MQTT brokers, each in a process of its own: amqtt, which comes with the tests, and mosquitto where it
is installed."""

import contextlib
import datetime
import ipaddress
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
AMQTT = """
listeners:
  default: {{type: tcp, bind: "127.0.0.1:{port}"{more}}}
plugins:
  amqtt.plugins.authentication.AnonymousAuthPlugin: {{allow_anonymous: true}}
"""


@dataclass
class Heard:
    """A subscriber to everything at a broker."""

    topics: list[tuple[str, bytes, int, bool]] = field(default_factory=list)
    """Topic, payload, quality of service and whether it was retained, in order."""

    def wait_for(self, holds: Callable[["Heard"], bool], seconds: float = 20.0) -> None:
        deadline = time.monotonic() + seconds
        while not holds(self):
            assert time.monotonic() < deadline, [one[:2] for one in self.topics]
            time.sleep(0.02)

    def payloads(self, ending: str) -> list[bytes]:
        return [payload for topic, payload, _, _ in self.topics if topic.endswith(ending)]


@contextlib.contextmanager
def broker(kind: str, folder: Path, port: int, *lines: str, more: str = "") -> Iterator[None]:
    """A broker at this port of loopback; `lines` configure mosquitto, `more` amqtt's listener."""
    path = folder / "broker.conf"
    if kind == "mosquitto":
        if MOSQUITTO is None:
            pytest.skip("there is no mosquitto here")
        settings = lines or ("allow_anonymous true",)
        if os.geteuid() == 0:  # else it becomes a user who cannot read the tests' files
            settings += ("user root",)
        path.write_text("\n".join([f"listener {port} 127.0.0.1", *settings]) + "\n")
        command = [MOSQUITTO, "-c", str(path)]
    else:
        pytest.importorskip("amqtt", reason="amqtt is not for this Python")
        path.write_text(AMQTT.format(port=port, more=more))
        command = [sys.executable, "-m", "amqtt.scripts.broker_script", "-c", str(path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(port, process)
            yield
        finally:
            process.kill()


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def listening(port: int, **options: Any) -> Iterator[Heard]:
    """Everything that is published at a broker from now on."""
    heard, ready = Heard(), threading.Event()
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = lambda _client, _data, one: heard.topics.append(
        (one.topic, bytes(one.payload), one.qos, one.retain)
    )
    client.connect("127.0.0.1", port)
    client.subscribe("#", qos=1)
    client.loop_start()
    try:
        assert ready.wait(20)
        yield heard
    finally:
        client.disconnect()
        client.loop_stop()


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    pytest.importorskip("cryptography", reason="cryptography is not for this Python")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.timezone.utc)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_file, key_file


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 30
    while True:
        assert process.poll() is None and time.monotonic() < deadline, "the broker did not begin"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
