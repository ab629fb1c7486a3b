"""Media that were kept come back as they were: every sample, every picture, every stamp."""

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotrack.errors import UserError
from emotrack.stream.sources.files.recorded.writing import Given, MediaRecorder
from emotrack.stream.sources.media import AudioChunk, MediaItem, MediumChange, VideoFrame
from emotrack.stream.sources.open import open_sources
from emotrack.stream.sources.timing.clock import SessionClock

CHANGES = (MediumChange(0.0, "audio", "up", "start"), MediumChange(0.0, "video", "up", "start"))


def keep(folder: Path, items: Sequence[MediaItem], source: str = "room") -> Path:
    recorder = MediaRecorder(folder / "s1.media")
    for item in items:
        recorder.write(Given(source, item))
    recorder.close()
    return recorder.folder


def given_again(folder: Path) -> list[MediaItem]:
    (source,) = open_sources([str(folder)])
    return list(source.items(SessionClock(), threading.Event()))


def same(one: MediaItem, other: MediaItem) -> bool:
    match one, other:
        case AudioChunk(), AudioChunk():
            return one.start == other.start and np.array_equal(one.samples, other.samples)
        case VideoFrame(), VideoFrame():
            return one.time == other.time and np.array_equal(one.image, other.image)
    return one == other


def noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


pieces = st.one_of(
    st.builds(
        lambda start, count, seed: AudioChunk(start, noise(seed, count) / np.float32(300)),
        st.floats(0, 1e6),
        st.integers(0, 5_000),
        st.integers(0, 99),
    ),
    st.builds(
        lambda time, width, height, seed: VideoFrame(time, noise(seed, height, width, 3)),
        st.floats(0, 1e6),
        st.sampled_from([33, 64]),
        st.sampled_from([48, 49]),
        st.integers(0, 99),
    ),
    st.builds(MediumChange, st.floats(0, 1e6), st.just("video"), st.just("down"), st.text(max_size=20)),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(pieces, min_size=1, max_size=25))
def test_everything_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, items: list[MediaItem]
) -> None:
    found = given_again(keep(tmp_path_factory.mktemp("kept"), items))
    assert len(found) == len(items)
    assert all(same(one, other) for one, other in zip(items, found, strict=True))


def test_each_source_of_a_session_is_a_source_again(tmp_path: Path) -> None:
    recorder = MediaRecorder(tmp_path / "s1.media")
    for name in ("anna", "ben"):
        for change in CHANGES:
            recorder.write(Given(name, change))
    recorder.close()
    assert [source.name for source in open_sources([str(recorder.folder)])] == ["anna", "ben"]
    (one,) = open_sources([f"carla={recorder.folder / 'ben.stamps'}"])
    assert one.name == "carla"


def test_what_breaks_off_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    items: list[MediaItem] = [
        *CHANGES,
        AudioChunk(0.0, np.ones(16_000, np.float32)),
        VideoFrame(0.5, noise(1, 48, 64, 3)),
        AudioChunk(0.5, np.ones(16_000, np.float32)),
        VideoFrame(1.0, noise(2, 48, 64, 3)),
    ]
    folder = keep(tmp_path, items)
    (folder / "room.sound.mka").write_bytes((folder / "room.sound.mka").read_bytes()[:40_000])
    found = given_again(folder)
    assert sum(isinstance(one, VideoFrame) for one in found) == 2
    told = [one for one in found if isinstance(one, MediumChange)][len(CHANGES) :]
    assert [(one.medium, one.state) for one in told] == [("audio", "down")]
    assert told[0].reason == "the media that were kept end here: they break off"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "holds no media: nothing was kept"),
        (b"RIFF\n", "is no file of stamps, or damaged"),
        (b'{"kind":"sound","start":1e99,"samples":1}\n', "is no file of stamps, or damaged"),
        (b'{"kind":"picture","time":1,"file":"../x"}\n', "is no file of stamps, or damaged"),
    ],
)
def test_what_is_no_recording_of_media_is_one_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "room.stamps").write_bytes(content)
    with pytest.raises(UserError, match=sentence):
        open_sources([str(tmp_path / "room.stamps")])


def test_only_the_owner_may_see_and_hear_it(tmp_path: Path) -> None:
    folder = keep(tmp_path, [AudioChunk(0.0, np.ones(9, np.float32)), VideoFrame(0.5, noise(1, 48, 64, 3))])
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert len(list(folder.iterdir())) == 3


def test_a_session_that_is_gone_on_with_keeps_both_parts(tmp_path: Path) -> None:
    first, second = keep(tmp_path, CHANGES), keep(tmp_path, CHANGES)
    assert (first.name, second.name) == ("s1.media", "s1.2.media")


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"No media can be kept in .*: .*\.$"):
        MediaRecorder(tmp_path / "file" / "s1.media")
