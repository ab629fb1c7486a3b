"""Our own voice network: how two seconds of speech sound, as a descriptor and as the eight emotions of
RAVDESS, on the first layers of Whisper's encoder (Radford et al., arXiv 2212.04356), whose middle ones carry
how something is said."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

from emotrack.errors import UserError
from emotrack.files import file_digest
from emotrack.model.converted import read_converted
from emotrack.model.formats import VOICE_DIM, VOICE_EMOTIONS
from emotrack.model.modules.small import fill

FRAME, STEP = 400, 160
"""Samples of a frame, and from one to the next: Whisper's, at 16 kHz."""
LEVEL = 0.05
"""Root mean square that every segment is brought to, about that of speech near a microphone."""
QUIET = 1e-4
"""A segment quieter than this root mean square (-80 dB) is taken for silence and not amplified to speech
level."""


class LogMel(nn.Module):
    """Whisper's spectrogram of level-normalised segments: [B, n] to [B, 80, n / 160]. The gain of the
    microphone cancels."""

    exact = True
    """Powers of a spectrum span more than fp16 holds."""
    waves: Tensor
    filters: Tensor

    def __init__(self, filters: Path) -> None:
        """`filters`: the file of Whisper's mel filters."""
        super().__init__()
        bins = FRAME // 2 + 1
        angles = (
            -2 * torch.pi / FRAME * torch.arange(bins, dtype=torch.float64)[:, None] * torch.arange(FRAME)
        )
        waves = torch.cat([angles.cos(), angles.sin()]) * torch.hann_window(FRAME, dtype=torch.float64)
        self.register_buffer("waves", waves[:, None].float(), persistent=False)
        self.register_buffer("filters", safetensors.torch.load_file(filters)["filters"], persistent=False)

    def forward(self, segments: Tensor) -> Tensor:
        """Compute the spectrogram in float32; a convolution with waves, which every backend has."""
        values = segments.float()
        level = values.square().mean(dim=1, keepdim=True).sqrt().clamp(min=QUIET)
        mirrored = nn.functional.pad(
            (values * (LEVEL / level)).unsqueeze(1), (FRAME // 2, FRAME // 2), mode="reflect"
        )
        real, imaginary = nn.functional.conv1d(mirrored, self.waves, stride=STEP)[:, :, :-1].chunk(2, dim=1)
        power = (self.filters @ (real.square() + imaginary.square())).clamp(min=1e-10).log10()
        return (torch.maximum(power, power.amax(dim=(1, 2), keepdim=True) - 8) + 4) / 4


class Layer(nn.Module):
    """One layer of the encoder: self-attention and two linear layers, each behind a norm and added to what
    came in."""

    def __init__(self, width: int, inner: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.attend = nn.Linear(width, 3 * width)
        self.join = nn.Linear(width, width)
        self.inner_norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, inner)
        self.narrow = nn.Linear(inner, width)

    def forward(self, frames: Tensor) -> Tensor:
        """Frames [B, T, width] to the same; each attends to all of its segment."""
        batch, times, width = frames.shape
        parts = self.attend(self.attention_norm(frames)).view(
            batch, times, 3, self.heads, width // self.heads
        )
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        scores = (query @ key.transpose(2, 3) * (width // self.heads) ** -0.5).softmax(dim=3)
        frames = frames + self.join((scores @ value).transpose(1, 2).reshape(batch, times, width))
        found: Tensor = frames + self.narrow(nn.functional.gelu(self.widen(self.inner_norm(frames))))
        return found


class SpeechEncoder(nn.Module):
    """Spectrogram, two convolutions and the first layers of a Whisper encoder, pooled over time; none of it
    is ours."""

    positions: Tensor

    def __init__(self, tensors: Mapping[str, np.ndarray], layers: int, filters: Path) -> None:
        """`tensors`: the encoder's variables by the names in `read_converted`; raises `UserError` where they
        are none's."""
        super().__init__()
        try:
            width, bands, _ = tensors["conv1/weight"].shape
            inner = len(tensors["layer_0/ffn/linear_0/weight"])
            heads = int(tensors["num_heads"])
            self.spectrogram = LogMel(filters)
            self.first = nn.Conv1d(bands, width, 3, padding=1)
            self.second = nn.Conv1d(width, width, 3, stride=2, padding=1)
            self.register_buffer("positions", torch.from_numpy(tensors["position_encodings/encodings"]))
            self.layers = nn.ModuleList(Layer(width, inner, heads) for _ in range(layers))
            self.load_state_dict(
                {ours: torch.from_numpy(tensors[theirs]) for ours, theirs in names(layers).items()}
            )
        except (KeyError, ValueError, RuntimeError) as error:
            raise UserError(
                f"The base of the voice network is no Whisper encoder of {layers} layers ({error})."
            ) from None
        self.width: int = width
        self.requires_grad_(False)

    @property
    def outputs(self) -> int:
        """Numbers pooled from a segment."""
        return 2 * len(self.layers) * self.width

    def forward(self, segments: Tensor) -> Tensor:
        """Pool segments [B, n] of samples at 16 kHz over time: of each layer in turn the mean, then the
        deviation, [B, outputs]."""
        spectrogram = self.spectrogram(segments).to(self.first.weight.dtype)
        frames = nn.functional.gelu(self.second(nn.functional.gelu(self.first(spectrogram)))).transpose(1, 2)
        frames, found = frames + self.positions[: frames.shape[1]], []
        for layer in self.layers:
            frames = layer(frames)
            mean = frames.mean(dim=1)
            found += [mean, ((frames - mean[:, None]).square().mean(dim=1) + 1e-6).sqrt()]
        return torch.cat(found, dim=1)


def names(layers: int) -> dict[str, str]:
    """The parameters of a `SpeechEncoder` by name, and what CTranslate2 calls each."""
    found = {"positions": "position_encodings/encodings"}
    for ours, theirs in (("first", "conv1"), ("second", "conv2")):
        found |= {f"{ours}.{kind}": f"{theirs}/{kind}" for kind in ("weight", "bias")}
    linear = {
        "attend": "self_attention/linear_0",
        "join": "self_attention/linear_1",
        "widen": "ffn/linear_0",
        "narrow": "ffn/linear_1",
    }
    norms = {"attention_norm": "self_attention/layer_norm", "inner_norm": "ffn/layer_norm"}
    for layer in range(layers):
        for ours, theirs in linear.items():
            found |= {
                f"layers.{layer}.{ours}.{kind}": f"layer_{layer}/{theirs}/{kind}"
                for kind in ("weight", "bias")
            }
        for ours, theirs in norms.items():
            place = f"layers.{layer}.{ours}", f"layer_{layer}/{theirs}"
            found |= {f"{place[0]}.weight": f"{place[1]}/gamma", f"{place[0]}.bias": f"{place[1]}/beta"}
    return found


DROPPED = 0.5
"""Share of the pooled numbers, and of what is read from a descriptor, that training hides from each
segment."""
HIDDEN, HIDDEN_DROPPED = 512, 0.3
"""Numbers between the pooled ones and the descriptor, and the share of them that training hides. They keep
apart what only one language's actors do: without them, learning from Polish ones as well costs American ones
several points."""


class VoiceTop(nn.Module):
    """Reads pooled layers: the network's own part, and all that a bundle holds of it."""

    def __init__(self, inputs: int) -> None:
        """`inputs`: numbers pooled from a segment."""
        super().__init__()
        self.standard = nn.BatchNorm1d(inputs, affine=False)
        self.describe = nn.Sequential(
            nn.Dropout(DROPPED),
            nn.Linear(inputs, HIDDEN),
            nn.GELU(),
            nn.Dropout(HIDDEN_DROPPED),
            nn.Linear(HIDDEN, VOICE_DIM),
            nn.LayerNorm(VOICE_DIM),
        )
        self.head = nn.Sequential(nn.Dropout(DROPPED), nn.Linear(VOICE_DIM, len(VOICE_EMOTIONS)))
        self.arousal = nn.Sequential(nn.Dropout(DROPPED), nn.Linear(VOICE_DIM, 1))

    def forward(self, pooled: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pooled layers [B, inputs] to descriptors [B, 128], emotion logits [B, 8] and arousal [B, 1] about
        -1 to 1."""
        descriptors = self.describe(self.standard(pooled))
        return descriptors, self.head(descriptors), self.arousal(descriptors)


class VoiceNetwork(nn.Module):
    """Whisper's first layers and our own part on top."""

    def __init__(self, encoder: SpeechEncoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.top = VoiceTop(encoder.outputs)

    def forward(self, segments: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Describe segments [B, 32000] of samples at 16 kHz: see `VoiceTop.forward`."""
        top: tuple[Tensor, Tensor, Tensor] = self.top(self.encoder(segments))
        return top


def network(weights: Path, base: Path, filters: Path, layers: int, sha256: str) -> VoiceNetwork:
    """Segments [B, 32000] to descriptors [B, 128], emotion logits [B, 8] and arousal [B, 1].

    Raises `UserError` for other weights, and for another `base` than the one whose hash is `sha256`.
    """
    if base.is_file() and file_digest(base) != sha256:
        raise UserError(
            f"{base} is not the Whisper model that the voice network learnt on: install its package again."
        )
    found = VoiceNetwork(SpeechEncoder(read_converted(base, "encoder/"), layers, filters))
    fill(found.top, weights, "voice")
    return found.eval()
