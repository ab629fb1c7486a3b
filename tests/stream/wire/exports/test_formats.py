"""Every format alike: what it writes is its owner's, never over anything, and does not depend on what was
exported before."""

import builtins
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from emotrack.errors import UserError, import_problem
from emotrack.files import write_new
from emotrack.stream.wire.exports.formats import FORMATS
from emotrack.stream.wire.recordings.conversation import Conversation
from helpers.recordings.conversations import awkward, conversations

NEEDS = {"vtt": "webvtt", "eaf": "pympi", "parquet": "pyarrow"}
"""The package that a format cannot do without."""


@pytest.mark.parametrize("name", FORMATS)
def test_files_are_written_for_their_owner_only_and_never_over_others(name: str, tmp_path: Path) -> None:
    paths = FORMATS[name].write(awkward(), tmp_path / "talk")
    assert sorted(paths) == sorted(tmp_path.iterdir())
    assert {path.stat().st_mode & 0o777 for path in paths} == {0o600}
    before = {path: path.read_bytes() for path in paths}
    for path in paths[:-1]:
        path.unlink()
    with pytest.raises(UserError, match=r"is there already"):
        FORMATS[name].write(awkward(), tmp_path / "talk")
    assert list(tmp_path.iterdir()) == paths[-1:] and paths[-1].read_bytes() == before[paths[-1]]


@pytest.mark.parametrize("name", FORMATS)
def test_a_target_may_have_the_suffix_already(name: str, tmp_path: Path) -> None:
    suffix = FORMATS[name].suffix
    bare = FORMATS[name].write(awkward(), tmp_path / "a.b")
    with pytest.raises(UserError, match=r"is there already"):
        FORMATS[name].write(awkward(), tmp_path / f"a.b{suffix}")
    assert any(path.name.endswith(suffix) for path in bare)
    assert all(path.name.startswith("a.b") for path in bare)


@pytest.mark.parametrize("name", FORMATS)
def test_only_a_single_file_of_text_can_go_to_standard_output(name: str) -> None:
    files = FORMATS[name].files(awkward())
    if FORMATS[name].one_text:
        (content,) = files.values()
        assert content.decode()
    else:
        assert len(files) > 1 or name == "mcap"


@settings(deadline=None)
@given(conversations())
def test_a_session_makes_the_same_files_each_time(conversation: Conversation) -> None:
    for form in FORMATS.values():
        assert form.files(conversation) == form.files(conversation)


def test_secrets_of_a_path_are_in_no_file() -> None:
    for form in FORMATS.values():
        assert not [one for one in form.files(awkward()).values() if b"secret folder" in one]


@pytest.mark.parametrize("name", NEEDS)
def test_a_missing_package_is_one_that_an_extra_brings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builtins, "__import__", without(NEEDS[name], builtins.__import__))
    with pytest.raises(ModuleNotFoundError) as missing:
        FORMATS[name].files(awkward())
    told = import_problem(missing.value)
    assert told is not None and told.endswith("pip install 'emotrack[export]' brings it")


def without(package: str, imported: Callable[..., Any]) -> Callable[..., Any]:
    """Importing, where one package is not installed."""

    def importing(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == package:
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)
        return imported(name, *rest, **more)

    return importing


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    too_long = "x" * 300
    with pytest.raises(
        UserError, match=r"cannot be written \(File name too long\): give another path by --out"
    ):
        write_new({tmp_path / "talk.a": b"a", tmp_path / f"talk.{too_long}": b"b"})
    assert list(tmp_path.iterdir()) == []


def test_a_link_that_leads_nowhere_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "talk.a").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="is there already"):
        write_new({tmp_path / "talk.a": b"a"})
    assert not (tmp_path / "elsewhere").exists()
