"""Which cameras and microphones are there, under the names that `open_source` takes."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import av

from emotrack.errors import UserError
from emotrack.stream.sources.devices.portaudio import input_devices

LINUX_CAMERAS = Path("/sys/class/video4linux")


@dataclass(frozen=True)
class Device:
    """One camera or microphone."""

    kind: Literal["camera", "microphone"]
    id: str
    """What to give `emotrack run`."""
    name: str
    detail: str
    """Format or driver, rate and channels, whether it is the default."""


@dataclass(frozen=True)
class Camera:
    """One camera as its platform knows it."""

    number: str
    address: str
    """What FFmpeg opens, before `CameraFormat.address`."""
    name: str
    detail: str

    @property
    def id(self) -> str:
        """What `emotrack run` takes for it."""
        return f"camera:{self.number}"


def cameras() -> list[Camera]:
    """Cameras of this machine; empty where there are none or the platform cannot list them."""
    if sys.platform == "linux":
        return _linux_cameras()
    format_name = {"darwin": "avfoundation", "win32": "dshow"}.get(sys.platform)
    enumerate_devices = getattr(av, "enumerate_input_devices", None)
    if format_name is None or enumerate_devices is None:
        return []
    found = [device for device in enumerate_devices(format_name) if "video" in device.media_types]
    return [
        Camera(str(number), device.name, device.description or device.name, format_name)
        for number, device in enumerate(found)
    ]


def _linux_cameras() -> list[Camera]:
    """Video4Linux devices; of the several nodes of one camera only the first gives pictures."""
    found = []
    for folder in sorted(LINUX_CAMERAS.glob("video*"), key=lambda path: int(path.name.removeprefix("video"))):
        index = folder / "index"
        if not index.exists() or index.read_text().strip() == "0":
            name = (folder / "name").read_text().strip() if (folder / "name").exists() else folder.name
            address = f"/dev/{folder.name}"
            found.append(Camera(folder.name.removeprefix("video"), address, name, f"v4l2, {address}"))
    return found


def list_devices() -> list[Device]:
    """Every camera and microphone that is there."""
    return [*_camera_devices(), *_microphone_devices()[0]]


def device_remarks() -> list[str]:
    """Sentences on the kinds of which there are none or that cannot be listed, with the reason."""
    return ([] if _camera_devices() else ["no camera is connected."]) + _microphone_devices()[1]


def _camera_devices() -> list[Device]:
    return [Device("camera", camera.id, camera.name, camera.detail) for camera in cameras()]


def _microphone_devices() -> tuple[list[Device], list[str]]:
    try:
        found = [
            Device("microphone", f"mic:{device.name}", device.name, device.detail)
            for device in input_devices()
        ]
    except UserError as error:
        return [], [str(error)]
    return found, [] if found else ["no microphone is connected, or the sound system does not run."]
