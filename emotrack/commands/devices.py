"""`emotrack devices`: what can be given to `emotrack run`."""

import sys

from emotrack.say import say
from emotrack.stream.sources.devices import device_remarks, list_devices


def devices_command() -> None:
    """One line a device on stdout; what is missing on stderr."""
    for device in list_devices():
        sys.stdout.write(f"{device.id:<24} {device.name}  {device.detail}\n")
    for remark in device_remarks():
        say(remark)
