"""CURVE: the right key sees, the wrong one sees nothing, only clients on the allow-list are served."""

import re
import shutil
import stat
import time
from pathlib import Path
from typing import Any, TypedDict

import pytest
import zmq
from zmq.utils.monitor import recv_monitor_message

from emotrack.errors import UserError
from emotrack.stream.wire.client.subscription import Subscription, subscribe
from emotrack.stream.wire.protocol.keys import ClientKeys, ServerKeys, create_keys, load_public_key
from emotrack.stream.wire.publish.zeromq.publisher import Publisher
from helpers.sessions import sample_messages as sample
from helpers.sessions.wire import heartbeats, publishing, receive, silent, wait_for_problem


class Keys(TypedDict, total=False):
    """What `subscribe` takes of an encrypted publisher."""

    server_key: Path
    keys: Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    create_keys(tmp_path, ["robot", "stranger"])
    (tmp_path / "clients" / "stranger.key").unlink()
    return tmp_path


def test_secrets_are_their_owners_alone(tmp_path: Path) -> None:
    written = create_keys(tmp_path / "new", ["robot"])
    names = {str(path.relative_to(tmp_path / "new")) for path in written}
    assert names == {"server.key", "server.key_secret", "clients/robot.key", "robot.key_secret"}
    for path in written:
        if path.suffix == ".key_secret":
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
        else:
            assert "secret-key" not in path.read_text()
    server = ServerKeys.load(tmp_path / "new")
    assert (
        load_public_key(tmp_path / "new" / "server.key")
        == server.public
        == load_public_key(server.public.decode())
    )
    assert zmq.curve_public(server.secret) == server.public
    assert zmq.curve_public(ClientKeys.load(tmp_path / "new" / "robot.key_secret").secret) == load_public_key(
        written[2]
    )


def test_keys_in_use_are_never_overwritten(tmp_path: Path) -> None:
    create_keys(tmp_path, ["robot"])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match="exists"):
        create_keys(tmp_path, ["other", "robot"])
    create_keys(tmp_path, ["other"])
    assert all(path.read_bytes() == content for path, content in before.items())


@pytest.mark.parametrize("name", ["server", "a b", "../up", ""])
def test_a_bad_client_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="name a client"):
        create_keys(tmp_path, [name])


def test_the_right_key_sees_everything(folder: Path) -> None:
    with (
        publishing(endpoint="tcp://0.0.0.0:0", keys=ServerKeys.load(folder)) as (publisher, outbox),
        subscribe(
            publisher.endpoint.replace("0.0.0.0", "127.0.0.1"),
            server_key=folder / "server.key",
            keys=folder / "robot.key_secret",
            since=0,
        ) as subscription,
    ):
        sent = [outbox.emit(sample.session())]
        assert receive(subscription, 1) == sent


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("stranger", r"The publisher at \S+ does not accept these keys: have NAME\.key"),
        (
            "wrong server key",
            r"The publisher at \S+ does not accept these keys: its server key is another one",
        ),
        ("no keys", r".* is encrypted.*start again with --server-key and --keys"),
    ],
)
def test_anyone_else_sees_nothing_and_is_told_once(
    folder: Path, tmp_path: Path, case: str, said: str
) -> None:
    options: Keys = {"server_key": folder / "server.key", "keys": folder / "stranger.key_secret"}
    if case == "wrong server key":
        create_keys(tmp_path / "elsewhere")
        options = {"server_key": tmp_path / "elsewhere" / "server.key", "keys": folder / "robot.key_secret"}
    elif case == "no keys":
        options = {}
    problems: list[str] = []
    with (
        publishing(keys=ServerKeys.load(folder)) as (publisher, outbox),
        subscribe(publisher.endpoint, **options, since=0, on_problem=problems.append) as subscription,
    ):
        outbox.emit(sample.session())
        wait_for_problem(subscription, problems)
        for _ in range(5):
            outbox.emit(sample.heartbeat())
        assert silent(subscription, 0.4)
        assert subscription.session is None
    assert len(problems) == 1 and re.match(said, problems[0]) and publisher.endpoint in problems[0]


def test_keys_for_a_publisher_that_has_none_are_told(folder: Path) -> None:
    problems: list[str] = []
    options: Keys = {"server_key": folder / "server.key", "keys": folder / "robot.key_secret"}
    with (
        publishing() as (publisher, _),
        subscribe(publisher.endpoint, **options, on_problem=problems.append) as subscription,
    ):
        wait_for_problem(subscription, problems)
    assert len(problems) == 1  # ZeroMQ does not always say why: then both causes are named
    assert "it is not encrypted" in problems[0] or f"{publisher.endpoint} is not encrypted" in problems[0]


def test_a_client_is_admitted_by_its_key_in_the_folder(folder: Path) -> None:
    public = folder / "stranger.key"
    shutil.copy(
        folder / "stranger.key_secret", public
    )  # as any file of that form with the public key would do
    public.write_text(
        "".join(line for line in public.read_text().splitlines(True) if "secret-key" not in line)
    )
    public.rename(folder / "clients" / "stranger.key")
    with (
        publishing(keys=ServerKeys.load(folder)) as (publisher, outbox),
        subscribe(
            publisher.endpoint, server_key=folder / "server.key", keys=folder / "stranger.key_secret", since=0
        ) as subscription,
    ):
        sent = [outbox.emit(sample.session())]
        assert receive(subscription, 1) == sent


def encrypted(publisher: Publisher, folder: Path, client: str, **options: Any) -> Subscription:
    return subscribe(
        publisher.endpoint,
        server_key=folder / "server.key",
        keys=folder / f"{client}.key_secret",
        on_problem=lambda _: None,
        **options,
    )


def test_a_key_added_while_it_publishes_is_admitted(folder: Path, tmp_path: Path) -> None:
    with publishing(keys=ServerKeys.load(folder)) as (publisher, outbox):
        create_keys(folder, ["late"])
        with encrypted(publisher, folder, "late", since=0) as subscription:
            sent = [outbox.emit(sample.session())]
            assert receive(subscription, 1) == sent


def test_a_key_removed_while_it_publishes_ends_its_sessions_and_no_other(folder: Path) -> None:
    create_keys(folder, ["guest"])
    with (
        publishing(keys=ServerKeys.load(folder)) as (publisher, outbox),
        encrypted(publisher, folder, "guest") as guest,
        encrypted(publisher, folder, "robot") as robot,
        heartbeats(outbox),
    ):
        receive(guest, 5)
        receive(robot, 5)
        (folder / "clients" / "guest.key").unlink()
        until = time.monotonic() + 10
        while not silent(guest, 1.0):
            assert time.monotonic() < until
        assert silent(guest, 1.0)  # and it is not let in again
        assert guest._snapshots.ask("s1", 0) is None
        before = robot.receive(1).seq
        assert receive(robot, 20)[-1].seq > before
        assert robot.lost == 0


def test_a_revoked_client_that_never_said_a_word_is_dropped_too(folder: Path) -> None:
    create_keys(folder, ["guest"])
    own = ClientKeys.load(folder / "guest.key_secret")
    with (
        publishing(keys=ServerKeys.load(folder)) as (publisher, _),
        zmq.Context() as context,
        context.socket(zmq.SUB) as silent_one,
    ):
        silent_one.curve_publickey, silent_one.curve_secretkey = own.public, own.secret
        silent_one.curve_serverkey = load_public_key(folder / "server.key")
        told = silent_one.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED)
        silent_one.connect(publisher.endpoint)
        assert told.poll(5000) and recv_monitor_message(told)["event"] == zmq.EVENT_HANDSHAKE_SUCCEEDED
        time.sleep(1.2)  # a first look at the folder is over
        (folder / "clients" / "guest.key").unlink()
        assert told.poll(5000) and recv_monitor_message(told)["event"] == zmq.EVENT_DISCONNECTED
        silent_one.disable_monitor()
        told.close()


def test_a_damaged_key_is_skipped_and_named_once(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    damaged = folder / "clients" / "damaged.key"
    damaged.write_bytes(b"\xff\x00 not a key")
    (folder / "clients" / "endless.key").write_bytes(bytes(100_000))
    (folder / "clients" / "nowhere.key").symlink_to(folder / "absent")
    with (
        publishing(keys=ServerKeys.load(folder)) as (publisher, outbox),
        encrypted(publisher, folder, "robot", since=0) as subscription,
        heartbeats(outbox),
    ):
        receive(subscription, 3)
        time.sleep(2.2)  # it is read again twice
    for name in ("damaged", "endless", "nowhere"):
        assert [f"/{name}.key" in record.getMessage() for record in caplog.records].count(True) == 1
    assert "is skipped, the others are admitted" in caplog.text


def test_a_secret_that_others_can_read_is_refused_with_what_mends_it(folder: Path) -> None:
    for name in ("server", "robot"):
        secret = folder / f"{name}.key_secret"
        for mode in (0o644, 0o640, 0o602):
            secret.chmod(mode)
            with pytest.raises(UserError, match=f"chmod 600 {secret}"):
                ServerKeys.load(folder) if name == "server" else ClientKeys.load(secret)
        secret.chmod(0o600)
    (folder / "clients").chmod(0o777)
    with pytest.raises(UserError, match=f"chmod o-w {folder / 'clients'}"):
        ServerKeys.load(folder)


def test_what_is_wrong_with_keys_is_one_sentence(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "text.key").write_text("hello")
    (tmp_path / "short.key").write_text('curve\n    public-key = "abc"\n')
    for path, said in (
        ("absent.key", "cannot be read"),
        ("text.key", "not a key file"),
        ("short.key", "damaged"),
    ):
        with pytest.raises(UserError, match=said):
            load_public_key(tmp_path / path)
    with pytest.raises(UserError, match="no secret key"):
        ClientKeys.load(folder / "server.key")
    with pytest.raises(UserError, match="cannot be read"):
        ServerKeys.load(tmp_path / "nowhere")
    (folder / "clients" / "robot.key").unlink()
    with pytest.raises(UserError, match="No client may subscribe"):
        ServerKeys.load(folder)
