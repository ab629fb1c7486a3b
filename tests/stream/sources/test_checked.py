"""What no source may give ends its feed with a sentence, before it reaches anything else."""

from typing import Any

import numpy as np
import pytest

from emotrack.stream.sources.media import AUDIO_RATE, LATEST, AudioChunk, MediumChange, VideoFrame, checked

SOUND = np.zeros(AUDIO_RATE // 10, np.float32)
PICTURE = np.zeros((4, 6, 3), np.uint8)
GOOD: list[Any] = [
    AudioChunk(-0.1, SOUND),
    AudioChunk(0.0, SOUND[:0]),
    VideoFrame(0.5, PICTURE),
    MediumChange(1.0, "audio", "down", "end"),
]


def test_what_is_well_passes_as_it_is() -> None:
    assert list(checked(GOOD)) == GOOD


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (AudioChunk(0.0, np.stack([SOUND, SOUND])), "sound of 2 dimensions"),
        (AudioChunk(0.0, np.full(9, np.nan, np.float32)), "not finite"),
        (AudioChunk(0.0, np.full(9, np.inf, np.float32)), "not finite"),
        (AudioChunk(float("nan"), SOUND), "a time of nan s"),
        (VideoFrame(LATEST, PICTURE), "a time of 1e[+]09 s"),
        (VideoFrame(0.0, PICTURE[:, :, 0]), r"pictures of uint8 \[4, 6\]"),
        (VideoFrame(0.0, PICTURE[:0]), r"pictures of uint8 \[0, 6, 3\]"),
        (VideoFrame(0.0, PICTURE.astype(np.float64)), "pictures of float64"),
        (MediumChange(float("inf"), "audio", "up", "start"), "a time of inf s"),
        (None, "NoneType instead of sound"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_nonsense_is_named(item: Any, said: str) -> None:
    items = checked([*GOOD, item, *GOOD])
    assert [next(items) for _ in GOOD] == GOOD
    with pytest.raises(ValueError, match=f"^the source gives .*{said}"):
        next(items)
