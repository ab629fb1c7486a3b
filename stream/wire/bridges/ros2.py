"""A node of ROS 2 that publishes what humans.py makes of each message.

It is thin, for it runs where ROS is and nowhere else: what it asks of rclpy is to begin, a node, a publisher
for each topic, and to publish. It has been tried with a stand-in for these calls only, never under ROS.
"""

from collections import OrderedDict
from functools import cache
from importlib import import_module
from typing import Any

from emotrack.errors import UserError, first_line
from emotrack.stream.wire.bridges.destination import check_unencrypted
from emotrack.stream.wire.bridges.humans import Humans, Publication
from emotrack.stream.wire.publish.sinks import Outgoing

NODE = "emotrack"
DEPTH = 10
"""Messages that wait for a subscriber of a topic."""
TOPICS = 500
"""Topics that are open at once; the one unused for longest is closed for another."""


class HumansNode:
    """A sink that is a node of ROS 2.

    Raises `UserError` where there is no ROS, or no hri_msgs, and, for ROS shows its topics to the whole
    network, without `insecure`.
    """

    name = "The bridge to ROS 2"

    def __init__(self, *, insecure: bool = False) -> None:
        check_unencrypted(
            "ros2:",
            local=False,
            insecure=insecure,
            remedy="ROS shows its topics to the whole local network, so leave it out",
        )
        try:
            self._rclpy: Any = import_module("rclpy")
            for package in ("hri_msgs", "std_msgs"):
                import_module(f"{package}.msg")
        except (ImportError, OSError) as error:
            raise UserError(
                f"ros2: needs ROS 2 with hri_msgs ({first_line(error)}): install ros-DISTRO-hri-msgs and "
                "begin from a shell that has read ROS's setup.bash."
            ) from error
        self._humans = Humans()
        self._node: Any = None
        self._publishers: OrderedDict[str, Any] = OrderedDict()

    def write(self, outgoing: Outgoing) -> None:
        """Publish what a message comes to."""
        if self._node is None:
            if not self._rclpy.ok():
                self._rclpy.init()
            self._node = self._rclpy.create_node(NODE)
        for publication in self._humans.publications(outgoing.message):
            self._publisher(publication).publish(as_ros(publication))

    def close(self) -> None:
        """Leave ROS's graph."""
        if self._node is not None:
            self._publishers.clear()
            self._node.destroy_node()
            self._node = None
            self._rclpy.try_shutdown()

    def _publisher(self, publication: Publication) -> Any:
        publisher = self._publishers.pop(publication.topic, None)
        if publisher is None:
            if len(self._publishers) >= TOPICS:
                self._node.destroy_publisher(self._publishers.popitem(last=False)[1])
            publisher = self._node.create_publisher(message_type(publication.type), publication.topic, DEPTH)
        self._publishers[publication.topic] = publisher
        return publisher


@cache
def message_type(name: str) -> Any:
    """The class of `package/Name`."""
    package, _, kind = name.partition("/")
    return getattr(import_module(f"{package}.msg"), kind)


def as_ros(publication: Publication) -> Any:
    """The message of ROS with its fields filled in, and its header where it has one."""
    message = message_type(publication.type)()
    if publication.unix_ns is not None:
        stamp = message.header.stamp
        stamp.sec, stamp.nanosec = divmod(publication.unix_ns, 1_000_000_000)
        message.header.frame_id = publication.frame
    for name, value in publication.fields.items():
        if name == "locale" and not hasattr(message, name):
            name = "language"  # as hri_msgs called it at first
        setattr(message, name, value)
    return message
