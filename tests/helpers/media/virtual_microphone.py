"""A virtual microphone: a PulseAudio of our own in a temporary folder, whose null sink sounds 440 Hz and is
recorded from.

PortAudio reaches it by ALSA's `pulse` plug-in (Debian: pulseaudio, pulseaudio-utils, libasound2-plugins,
libportaudio2).
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ALSA_TO_PULSE = "pcm.!default { type pulse }\nctl.!default { type pulse }\n"


@contextmanager
def virtual_microphone(folder: Path) -> Iterator[dict[str, str] | None]:
    """Environment in which the default microphone is the virtual one; None where it cannot be had."""
    if not all(shutil.which(tool) for tool in ("pulseaudio", "pactl")):
        yield None
        return
    socket = folder / "native"
    (folder / ".asoundrc").write_text(ALSA_TO_PULSE)
    places = {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "PULSE_RUNTIME_PATH": str(folder / "run")}
    environment = os.environ | places | {"PULSE_SERVER": f"unix:{socket}"}
    modules = [
        f"module-native-protocol-unix socket={socket} auth-anonymous=1",
        "module-null-sink sink_name=virtual rate=48000",
        "module-sine sink=virtual frequency=440",
    ]
    command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--disable-shm=yes"]
    with (folder / "pulseaudio.log").open("wb") as log:
        server = subprocess.Popen(
            [*command, *(f"--load={module}" for module in modules)], env=environment, stdout=log, stderr=log
        )
    try:
        yield environment if _answers(environment) else None
    finally:
        server.terminate()
        server.wait()


def _answers(environment: dict[str, str]) -> bool:
    deadline = time.monotonic() + 5.0
    while time.monotonic() < deadline:
        command = ["pactl", "set-default-source", "virtual.monitor"]
        if (
            subprocess.run(command, env=environment, capture_output=True, timeout=5, check=False).returncode
            == 0
        ):
            return True
        time.sleep(0.1)
    return False
