"""Broken files are read up to the damage, and say where it is."""

from pathlib import Path

import pytest

from emotrack.stream.sources.decoding.decode import HEALED, Damage
from emotrack.stream.sources.media import due
from emotrack.stream.sources.open import open_source
from helpers.media.clips import AudioSpec, VideoSpec, cut_off, overwrite, read, write_clip
from helpers.media.senders import piped

KINDS = {
    "mp4": (VideoSpec("mpeg4"), AudioSpec("aac")),
    "mkv": (VideoSpec("mpeg4"), AudioSpec("flac")),
    "ts": (VideoSpec("mpeg2video"), AudioSpec("mp2")),
    "avi": (VideoSpec("mpeg4"), AudioSpec("pcm_s16le")),
    "flac": (None, AudioSpec("flac")),
    "m4a": (None, AudioSpec("aac")),
}


def clip(folder: Path, kind: str) -> Path:
    video, audio = KINDS[kind]
    options = {"movflags": "faststart"} if kind in ("mp4", "m4a") else {}
    return write_clip(
        folder / f"clip.{kind}", video=video, audio=audio, duration=6.0, onset=0.5, options=options
    )


@pytest.mark.parametrize("kind", ["mp4", "mkv", "flac", "m4a"])
def test_a_truncated_file_is_read_to_its_end_and_says_so(tmp_path: Path, kind: str) -> None:
    reading = read(open_source(str(cut_off(clip(tmp_path, kind), 0.6))))
    end = reading.chunks[-1].end
    assert 2.5 < end < 4.5
    change = reading.last_change("audio")
    assert change.state == "down"
    assert "the file is cut off" in change.reason
    assert f"{end:.2f} s of 6.0" in change.reason
    assert reading.tone_onset() == pytest.approx(0.5, abs=0.005)


@pytest.mark.parametrize("kind", ["ts", "avi"])
def test_a_truncated_file_that_cannot_know_it_just_ends(tmp_path: Path, kind: str) -> None:
    reading = read(open_source(str(cut_off(clip(tmp_path, kind), 0.6))))
    assert 2.5 < reading.chunks[-1].end < 4.5
    assert reading.last_change("audio").state == "down"


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_whose_second_half_is_garbage_is_down_from_there_with_a_reason(
    tmp_path: Path, kind: str
) -> None:
    reading = read(open_source(str(overwrite(clip(tmp_path, kind), 0.5, 1.0))))
    assert 2.0 < reading.chunks[-1].end < 4.0
    for medium in {change.medium for change in reading.changes if change.state == "up"}:
        change = reading.last_change(medium)
        assert change.state == "down"
        assert any(word in change.reason for word in ("damaged", "cut off", "nothing can be read")), (
            change.reason
        )
        assert "\n" not in change.reason


@pytest.mark.parametrize("kind", KINDS)
def test_a_hole_in_a_file_is_skipped(tmp_path: Path, kind: str) -> None:
    reading = read(open_source(str(overwrite(clip(tmp_path, kind), 0.5, 0.6))))
    assert reading.chunks[-1].end > 5.0
    assert reading.tone_onset() == pytest.approx(0.5, abs=0.05)
    times = [due(item) for item in reading.items]
    assert times == sorted(times)


def test_a_track_that_appears_in_a_transport_stream_ends_nothing(tmp_path: Path) -> None:
    """Through a pipe, where FFmpeg cannot look ahead, PyAV raises IndexError when it comes to the new
    track."""
    plain = VideoSpec("mpeg2video")
    alone = write_clip(tmp_path / "alone.ts", video=plain, duration=4.0)
    both = write_clip(tmp_path / "both.ts", video=plain, duration=4.0, audio=AudioSpec("mp2"), start=16.0)
    data = alone.read_bytes() * 4 + both.read_bytes()
    with piped(data) as name:
        reading = read(open_source(name))
    assert reading.frames[-1].time > 18.0
    assert reading.last_change("video").reason == "end of file"


def test_damage_is_degraded_then_down_then_degraded_and_up_when_it_was_whole_for_a_while() -> None:
    damage = Damage("audio")
    assert damage.good(0.0) is None
    first = damage.bad(1.0, 0.4, "broken")
    assert first is not None and (first.state, first.time) == ("degraded", 1.0)
    assert damage.bad(1.0, 0.4, "broken") is None
    down = damage.bad(1.0, 0.4, "broken")
    assert down is not None and (down.state, down.reason) == ("down", "damaged from 1.00 s on: broken")
    assert damage.good(1.0) is None  # held in the decoder since before the damage
    again = damage.good(2.2)
    assert again is not None and (again.state, again.reason) == (
        "degraded",
        "decodable again (3 frames lost so far)",
    )
    assert damage.good(2.2 + HEALED - 0.1) is None
    up = damage.good(2.2 + HEALED)
    assert up is not None and (up.state, up.reason) == ("up", "whole again (3 frames lost so far)")
    end = damage.end(5.0, "end of file")
    assert end is not None and end.reason == "end of file"


def test_a_lossy_line_is_one_trouble_and_not_one_a_frame() -> None:
    damage, changes = Damage("video"), []
    for number in range(500):  # 20 s of which every seventh frame is lost, then 5 s that are whole
        time = number / 25
        changes.append(damage.bad(time, 0.04, "broken") if number % 7 == 3 else damage.good(time))
    changes += [damage.good(20.0 + number / 25) for number in range(125)]
    assert [change.state for change in changes if change is not None] == ["degraded", "up"]
