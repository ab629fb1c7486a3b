"""Participants that the user names: which name a source gets, and what is no name."""

from pathlib import Path

import pytest

from emotrack.errors import UserError
from emotrack.stream.sources.names import participant
from emotrack.stream.sources.open import open_sources
from helpers.media.clips import AudioSpec, write_clip


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    written: Path = write_clip(tmp_path / "talk.wav", audio=AudioSpec("pcm_s16le"), duration=0.1)
    return written


@pytest.mark.parametrize(
    "text",
    [
        "talk.wav",
        "http://host/talk.mp4?token=a=b",
        "rtsp://user:pass=word@host/live",
        "camera:lavfi:testsrc=size=64x48",
        "mic:USB=1",
        "folder/a=b.wav",
        "camera:0+mic",
    ],
)
def test_a_source_alone_has_no_name(text: str) -> None:
    assert participant(text) == (None, text)


@pytest.mark.parametrize(
    "source",
    ["talk.wav", "camera:0+mic:default", "rtsp://host/live?a=b", "a=b.wav", "camera:lavfi:testsrc=size=8x8"],
)
def test_what_stands_before_the_first_equals_sign_is_a_name(source: str) -> None:
    assert participant(f"alice={source}") == ("alice", source)
    assert participant(f"Bob_2-b={source}") == ("Bob_2-b", source)


@pytest.mark.parametrize("name", ["", "-", "álice", "my friend", "a.b", "a" * 41])
def test_what_can_only_be_meant_as_a_name_and_is_none_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="is no name for a participant"):
        participant(f"{name}=talk.wav")


def test_named_sources_are_called_so_and_the_others_otherwise(clip: Path) -> None:
    sources = open_sources([str(clip), f"talk={clip}", str(clip), f"bob={clip}"])
    assert [source.name for source in sources] == ["talk-2", "talk", "talk-3", "bob"]
    assert {source.description for source in sources} == {str(clip)}


def test_a_file_that_is_called_so_comes_first(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(clip.parent)
    clip.rename(clip.parent / "alice=talk.wav")
    (source,) = open_sources(["alice=talk.wav"])
    assert source.name == "alice_talk"


def test_two_participants_of_one_name_are_refused(clip: Path) -> None:
    with pytest.raises(UserError, match="Two sources are named alice"):
        open_sources([f"alice={clip}", f"bob={clip}", f"alice={clip}"])
