"""Signed bundles: what a maker signed is known, whatever else was made of it is refused, and what nobody
known signed is told."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from minisign import KeyPair, SecretKey, Signature

from emotrack.demo import clip_path
from emotrack.errors import UserError
from emotrack.model.bundle import default_directory, load_bundle
from emotrack.model.manifest import BundleManifest
from emotrack.model.signature import LARGEST, Makers, open_secret_key, sign, signature_path
from helpers.networks.small import save_small_bundle
from helpers.sessions.commands import emotrack


@dataclass(frozen=True)
class Signed:
    """A small bundle, and the makers who are trusted: one of them signed it."""

    bundle: Path
    keys: Path
    secret: SecretKey

    @property
    def signature(self) -> Path:
        return signature_path(self.bundle / "bundle.json")

    def load(self, *, required: bool = False) -> tuple[str | None, list[str]]:
        """Whom the bundle is from, and what was told."""
        told: list[str] = []
        return load_bundle(self.bundle, Makers(self.keys, required), told.append).maker, told

    def refused(self, *words: str, required: bool = False) -> None:
        with pytest.raises(UserError) as refusal:
            self.load(required=required)
        sentence = str(refusal.value)
        assert sentence.endswith(".") and "\n" not in sentence
        assert not [word for word in words if word not in sentence], sentence


def publish(pair: KeyPair, folder: Path, name: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.pub").write_bytes(bytes(pair.public_key) + b"\n")


def make(folder: Path) -> Signed:
    pair = KeyPair.generate()
    save_small_bundle(folder / "bundle")
    for name, one in (("acme", pair), ("else", KeyPair.generate())):
        publish(one, folder / "keys", name)
    made = Signed(folder / "bundle", folder / "keys", pair.secret_key)
    sign(made.bundle / "bundle.json", made.secret)
    return made


@pytest.fixture
def signed(tmp_path: Path) -> Signed:
    return make(tmp_path)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Signed:
    """For tests that put back what they change."""
    return make(tmp_path_factory.mktemp("signed"))


@pytest.mark.parametrize("required", [False, True])
def test_a_bundle_that_a_trusted_maker_signed_is_known_by_the_makers_name(
    signed: Signed, required: bool
) -> None:
    assert signed.load(required=required) == ("acme", [])


def test_what_minisign_itself_signed_is_known(tmp_path: Path) -> None:
    (tmp_path / "acme.pub").write_text(
        "untrusted comment: minisign public key B4DADE4C20E724A9\n"
        "RWSpJOcgTN7atJTOOk2oqkt5nnZDcXP3iq8dQzTadPUZbMSXXa1MQD7k\n"
    )
    path, content = tmp_path / "bundle.json", b'{"format": "emotrack bundle"}\n'
    signature_path(path).write_text(
        "untrusted comment: signature from minisign secret key\n"
        "RUSpJOcgTN7atJ3Z4uaUlvMjogUPAz4cUyyMJaPO318xeb/kGRwt7y4Uaw0BPNQJBNEElIX2sGjGuPow019YAE0wt88hxfdClw0=\n"
        "trusted comment: timestamp:0\tfile:bundle.json\thashed\n"
        "++2rt26R0PJBnsm6lNiL9QDIKlgjofS9MaG1Oy3EF1KdWYPvUbfXbUVPaZBOOm6Dx9mxepUaGq/c7O0X9E3eCQ==\n"
    )
    told: list[str] = []
    assert Makers(tmp_path, required=True).check(content, path, told.append) == "acme" and told == []
    with pytest.raises(UserError, match="not the one that acme signed"):
        Makers(tmp_path).check(content + b"\n", path, told.append)
    (tmp_path / "acme.pub").unlink()
    Makers(tmp_path).check(content, path, told.append)
    assert len(told) == 1 and "signed by the key B4DADE4C20E724A9, which is not in" in told[0]


def other_manifest(signed: Signed) -> None:
    path = signed.bundle / "bundle.json"
    content = {**json.loads(path.read_text()), "metrics": {"weighted_f1": 1.0}}
    path.write_text(BundleManifest.model_validate(content).sealed().model_dump_json())


def other_weights(signed: Signed) -> None:
    path = signed.bundle / "network.safetensors"
    *most, last = path.read_bytes()
    path.write_bytes(bytes([*most, last ^ 1]))


def other_key_of_that_name(signed: Signed) -> None:
    """A key that says it is the trusted one, and is not."""
    other = KeyPair.generate().secret_key
    other._keynum_sk.key_id[:] = signed.secret._keynum_sk.key_id
    sign(signed.bundle / "bundle.json", other)


def other_comment(signed: Signed) -> None:
    """The `trusted comment` is under the signature, too."""
    signature = Signature.from_file(signed.signature)
    signature._trusted_comment += "x"
    signed.signature.write_bytes(bytes(signature))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (other_manifest, "is not the one that acme signed"),
        (other_weights, "damaged or was replaced"),
        (other_key_of_that_name, "is not the one that acme signed"),
        (other_comment, "is not the one that acme signed"),
    ],
)
def test_what_the_maker_did_not_sign_is_refused(
    signed: Signed, change: Callable[[Signed], None], word: str
) -> None:
    change(signed)
    signed.refused(word)


def test_an_unsigned_bundle_is_told_once_and_refused_where_signatures_are_required(signed: Signed) -> None:
    signed.signature.unlink()
    maker, told = signed.load()
    assert maker is None and told == [
        f"The bundle in {signed.bundle} is not signed: who made it is not known."
    ]
    signed.refused("is not signed", "require_signature", str(signed.keys), required=True)


def test_a_bundle_of_an_unknown_maker_is_told_once_and_refused_where_signatures_are_required(
    signed: Signed,
) -> None:
    (signed.keys / "acme.pub").unlink()
    maker, told = signed.load()
    assert maker is None and len(told) == 1 and "is signed by the key" in told[0]
    signed.refused("is signed by the key", "require_signature", required=True)


def test_the_shipped_bundle_is_trusted_as_the_package_is_wherever_it_lies(tmp_path: Path) -> None:
    told: list[str] = []
    makers = Makers(tmp_path / "nobody", required=True)
    load_bundle(None, makers, told.append)
    shutil.copytree(default_directory(), tmp_path / "copy")
    load_bundle(tmp_path / "copy", makers, told.append)
    assert told == []


def test_whoever_reads_what_they_made_is_told_nothing(
    signed: Signed, capfd: pytest.CaptureFixture[str]
) -> None:
    signed.signature.unlink()
    assert load_bundle(signed.bundle).maker is None and capfd.readouterr().err == ""


def test_a_bundle_that_is_saved_again_loses_the_signature_of_what_it_was(signed: Signed) -> None:
    save_small_bundle(signed.bundle, 1)
    assert not signed.signature.exists()


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_signature_of_any_bytes_but_its_own_is_refused_in_one_sentence_or_is_of_nobody(
    kept: Signed, data: st.DataObject
) -> None:
    good = kept.signature.read_bytes()
    damage = st.binary(max_size=200) | st.builds(
        lambda place, bit: bytes([*good[:place], good[place] ^ 1 << bit, *good[place + 1 :]]),
        st.integers(0, len(good) - 1),
        st.integers(0, 7),
    )
    kept.signature.write_bytes(data.draw(damage))
    try:
        maker, told = kept.load()
    except UserError:
        kept.refused("fetch it again from its maker")
    else:  # another key's, or only the comment differs that is under no signature
        assert (maker, len(told)) in ((None, 1), ("acme", 0))
        if maker == "acme":
            assert Signature.from_bytes(good) == Signature.from_bytes(kept.signature.read_bytes())
    finally:
        kept.signature.write_bytes(good)


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=200))
def test_a_file_among_the_keys_that_is_none_is_named(kept: Signed, content: bytes) -> None:
    path = kept.keys / "broken.pub"
    path.write_bytes(content)
    try:
        kept.refused(str(path), "no public key of minisign")
    finally:
        path.unlink()


def test_no_more_of_a_signature_is_read_than_one_can_have(signed: Signed) -> None:
    with signed.signature.open("wb") as file:
        file.truncate(1 << 40)  # a hole: it takes no room on the disk, and would take all memory
    signed.refused("is damaged")
    assert LARGEST < 1 << 20


@pytest.mark.parametrize("password", [None, "open sesame"])
def test_bundle_signs_with_a_makers_key(
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    signed: Signed,
    tmp_path: Path,
    password: str | None,
) -> None:
    key, out = tmp_path / "acme.key", tmp_path / "out"
    secret = SecretKey.from_bytes(bytes(signed.secret))
    if password is not None:
        secret.encrypt(password, opslimit=32_768, memlimit=1 << 24)
        monkeypatch.setattr("typer.prompt", lambda *_, **__: password)
    key.write_bytes(bytes(secret))
    done = emotrack(capfd, monkeypatch, "bundle", str(signed.bundle), "--out", str(out), "--sign", str(key))
    assert done.code == 0 and done.sentences[-1].endswith(f"to {out}, signed."), done
    told: list[str] = []
    assert load_bundle(out, Makers(signed.keys), told.append).maker == "acme" and told == []


def test_a_key_that_cannot_sign_is_refused_before_anything_is_written(signed: Signed, tmp_path: Path) -> None:
    key = tmp_path / "acme.key"
    with pytest.raises(UserError, match=r"cannot be read .*`minisign -G`"):
        open_secret_key(key, str)
    key.write_bytes(bytes(signed.secret)[:-9])
    with pytest.raises(UserError, match="is no secret key of minisign"):
        open_secret_key(key, str)
    secret = SecretKey.from_bytes(bytes(signed.secret))
    secret.encrypt("right", opslimit=32_768, memlimit=1 << 24)
    key.write_bytes(bytes(secret))
    with pytest.raises(UserError, match="The password is not that of"):
        open_secret_key(key, lambda: "wrong")


def test_tracking_refuses_what_was_changed_and_doctor_says_who_signed(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, signed: Signed, tmp_path: Path
) -> None:
    keys = ["--set", f"bundle={signed.bundle}", "--set", f"bundle_keys={signed.keys}"]
    doctor = ["doctor", *keys, "--set", "stream.transcription.recogniser=none"]
    doctor += ["--set", f"engines.cache={tmp_path / 'cache'}"]
    assert ", signed by acme\n" in emotrack(capfd, monkeypatch, *doctor).out
    other_manifest(signed)
    done = emotrack(capfd, monkeypatch, "run", str(clip_path()), "--publish", "none", *keys)
    assert done.code == 2 and "is not the one that acme signed" in done.sentences[-1], done
    assert "FAIL bundle" in emotrack(capfd, monkeypatch, *doctor).out
    signed.signature.unlink()
    assert "is not signed: who made it is not known" in emotrack(capfd, monkeypatch, *doctor).out
