"""`emotrack devices`: what can be given to `emotrack run`."""

from __future__ import annotations

import sys

from emotrack.notify import notify


def devices() -> None:
    """List the cameras and microphones that can be tracked."""
    from emotrack.stream.sources.devices.listing import device_remarks, list_devices

    for device in list_devices():
        sys.stdout.write(f"{device.id:<24} {device.name}  {device.detail}\n")
    for remark in device_remarks():
        notify(remark)
