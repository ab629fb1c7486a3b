"""A stand-in for ROS 2, which cannot be installed from packages: what a node asks of rclpy, and the messages
that it publishes, with the fields of `hri_msgs` 2 and types as ROS checks them. It shows nothing about ROS
itself."""

import sys
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest

FIELDS: dict[str, dict[str, Any]] = {
    "hri_msgs/Expression": {"expression": "", "valence": 0.0, "arousal": 0.0, "confidence": 0.0},
    "hri_msgs/IdsList": {"ids": []},
    "hri_msgs/IdsMatch": {"id1": "", "id1_type": 0, "id2": "", "id2_type": 0, "confidence": 0.0},
    "hri_msgs/LiveSpeech": {"incremental": "", "final": "", "confidence": 0.0, "locale": ""},
    "hri_msgs/NormalizedRegionOfInterest2D": {"xmin": 0.0, "ymin": 0.0, "xmax": 0.0, "ymax": 0.0, "c": 0.0},
    "std_msgs/Bool": {"data": False},
    "std_msgs/String": {"data": ""},
}
"""Fields of each type beside its header, with their defaults, which say their types."""
WITHOUT_HEADER = ("hri_msgs/IdsMatch", "std_msgs/Bool", "std_msgs/String")


@dataclass
class Ros:
    """What was done to ROS."""

    published: list[tuple[str, Any]] = field(default_factory=list)
    topics: dict[str, str] = field(default_factory=dict)
    """Type by topic, of every publisher that was ever made."""
    begun: bool = False
    nodes: int = 0


class _Plain:
    pass


def _type(name: str) -> type:
    def make(self: Any) -> None:
        for key, value in FIELDS[name].items():
            object.__setattr__(self, key, list(value) if isinstance(value, list) else value)
        if name not in WITHOUT_HEADER:
            header: Any = _Plain()
            header.stamp, header.frame_id = _Plain(), ""
            header.stamp.sec = header.stamp.nanosec = 0
            object.__setattr__(self, "header", header)

    def set_field(self: Any, key: str, value: object) -> None:
        assert key in FIELDS[name], f"{name} has no field {key}"
        assert type(value) is type(FIELDS[name][key]), f"{name}.{key} is no {type(value).__name__}"
        object.__setattr__(self, key, value)

    return type(name.partition("/")[2], (), {"__init__": make, "__setattr__": set_field, "ros_name": name})


def install(monkeypatch: pytest.MonkeyPatch) -> Ros:
    """Make it what `import rclpy` finds."""
    ros = Ros()

    class Publisher:
        def __init__(self, topic: str) -> None:
            self._topic = topic

        def publish(self, message: Any) -> None:
            assert message.ros_name == ros.topics[self._topic]
            ros.published.append((self._topic, message))

    class Node:
        def create_publisher(self, kind: Any, topic: str, depth: int) -> Publisher:
            assert depth > 0
            ros.topics[topic] = kind.ros_name
            return Publisher(topic)

        def destroy_publisher(self, publisher: Publisher) -> None:
            pass

        def destroy_node(self) -> None:
            ros.nodes -= 1

    def begin() -> None:
        ros.begun = True

    def end() -> None:
        ros.begun = False

    def create_node(_name: str) -> Node:
        assert ros.begun
        ros.nodes += 1
        return Node()

    rclpy: Any = ModuleType("rclpy")
    rclpy.ok, rclpy.init, rclpy.create_node, rclpy.try_shutdown = lambda: ros.begun, begin, create_node, end
    monkeypatch.setitem(sys.modules, "rclpy", rclpy)
    for package in ("hri_msgs", "std_msgs"):
        found: Any = ModuleType(package)
        found.msg = ModuleType(f"{package}.msg")
        for name in FIELDS:
            if name.startswith(f"{package}/"):
                setattr(found.msg, name.partition("/")[2], _type(name))
        monkeypatch.setitem(sys.modules, package, found)
        monkeypatch.setitem(sys.modules, f"{package}.msg", found.msg)
    return ros
