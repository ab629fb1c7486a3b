"""Bridges by their URLs: each is what it says, what is wrong is one sentence without a secret, and nothing
leaves the machine unencrypted unasked."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotrack.errors import UserError
from emotrack.stream.wire.bridges.destination import parse_destination, shown
from emotrack.stream.wire.bridges.open import FORMS, keeps_messages, open_bridge
from emotrack.stream.wire.publish.sinks import name_of

SECRETS = st.text(
    st.characters(codec="ascii", categories=("L", "N"), include_characters="!$&'()*,;="), min_size=3
)


def skip_without(url: str) -> None:
    if url == "rerun:":
        pytest.importorskip("rerun", reason="rerun-sdk is not for this Python")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("lsl:", "The bridge to LSL"),
        ("osc://127.0.0.1:9000", "The bridge to osc://127.0.0.1:9000"),
        ("osc://[::1]:9000", "The bridge to osc://[::1]:9000"),
        ("mqtt://localhost", "The bridge to mqtt://localhost:1883"),
        ("mqtts://broker.example/home/mood/", "The bridge to mqtts://broker.example:8883/home/mood"),
        ("mqtt://me:secret@127.0.0.1:2883/x", "The bridge to mqtt://127.0.0.1:2883/x"),
        ("rerun:", "The bridge to Rerun"),
    ],
)
def test_a_url_opens_its_bridge_which_says_where_it_leads(url: str, name: str) -> None:
    skip_without(url)
    bridge = open_bridge(url, insecure=True)
    assert name_of(bridge) == name
    bridge.close()


@pytest.mark.parametrize(
    "url",
    [
        *("", "lsl", "lsl:EEG", "ros2:x", "kafka://127.0.0.1:9092", "osc:", "osc://127.0.0.1"),
        *(
            "osc://127.0.0.1:99999",
            "osc://127.0.0.1:0",
            "osc://127.0.0.1:9000/x",
            "osc://me:secret@127.0.0.1:1",
        ),
        *(
            "mqtt://",
            "mqtt:///x",
            "mqtt://127.0.0.1/a/+/b",
            "mqtt://127.0.0.1/#",
            "mqtt://127.0.0.1?q=secret",
        ),
        *("rerun:x.txt", "rerun://127.0.0.1", "rerun:/nowhere/at/all.rrd", "osc://[::1:9000", "osc://a\nb:x"),
    ],
)
def test_what_opens_none_is_one_sentence(url: str) -> None:
    with pytest.raises(UserError) as caught:
        open_bridge(url, insecure=True)
    sentence = str(caught.value)
    assert sentence.endswith(".") and "\n" not in sentence and "secret" not in sentence


@pytest.mark.parametrize(
    "url", ["lsl:", "ros2:", "osc://192.0.2.1:9000", "osc://stage.example:9000", "mqtt://192.0.2.1/x"]
)
def test_nothing_leaves_the_machine_unencrypted_unasked(url: str) -> None:
    with pytest.raises(UserError, match=r"leads beyond this machine without encryption: .*--insecure\.$"):
        open_bridge(url)


@pytest.mark.parametrize("url", ["osc://127.0.0.1:9000", "mqtt://[::1]", "mqtts://broker.example", "rerun:"])
def test_what_stays_here_or_is_encrypted_needs_no_leave(url: str) -> None:
    skip_without(url)
    open_bridge(url).close()


@given(user=SECRETS, password=SECRETS)
def test_no_secret_of_an_address_is_shown(user: str, password: str) -> None:
    url = f"mqtt://{user}{user}:{password}{password}@broker.example/x?token={password}{password}"
    assert shown(url) == "mqtt://broker.example/x"
    good = parse_destination(url.partition("?")[0], 1883)
    assert str(good) == "mqtt://broker.example:1883/x" and f"{password}{password}" not in repr(good)
    assert (good.user, good.password) == (user * 2, password * 2)
    with pytest.raises(UserError) as caught:
        open_bridge(url)
    assert str(caught.value).startswith("mqtt://broker.example/x is no address")


@pytest.mark.parametrize(
    "url", ["kafka://me:hunter2@host/x", "MQTT://me:hun@ter2@host:x", "osc://me:hunter2@[::1"]
)
def test_a_wrong_address_keeps_its_secrets_too(url: str) -> None:
    with pytest.raises(UserError) as caught:
        open_bridge(url)
    assert "hun" not in str(caught.value) and "ter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "package", "extra"),
    [
        ("lsl:", "pylsl", "lsl"),
        ("osc://127.0.0.1:1", "pythonosc", "osc"),
        ("mqtt://127.0.0.1", "paho", "mqtt"),
        ("rerun:", "rerun", "rerun"),
    ],
)
def test_a_missing_library_is_one_sentence_with_what_brings_it(
    url: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [_Without(package), *sys.meta_path])
    with pytest.raises(
        UserError, match=rf"needs a package that is missing .*'emotrack\[{extra}\]' brings it"
    ):
        open_bridge(url, insecure=True)


class _Without:
    """Finds a package nowhere."""

    def __init__(self, package: str) -> None:
        self._package = package

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] == self._package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_without_ros_a_node_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rclpy", None)
    with pytest.raises(UserError, match=r"^ros2: needs ROS 2 with hri_msgs \(.*rclpy.*\): install "):
        open_bridge("ros2:", insecure=True)


def test_what_writes_a_file_is_known_before_it_is_opened() -> None:
    assert [url for url in (*FORMS, "rerun:", "RERUN:x.rrd") if keeps_messages(url)] == [
        "rerun:FILE.rrd",
        "RERUN:x.rrd",
    ]


def test_a_file_for_a_session_that_never_began_is_removed_and_none_is_overwritten(tmp_path: Path) -> None:
    skip_without("rerun:")
    path = tmp_path / "x.rrd"
    bridge = open_bridge(f"rerun:{path}")
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(UserError, match=r"x\.rrd is there already: choose another file\.$"):
        open_bridge(f"rerun:{path}")
    bridge.close()
    assert not path.exists()
