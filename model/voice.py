"""Our own voice network: how two seconds of speech sound, as a descriptor, as the eight emotions of RAVDESS, and as arousal.

Whisper's encoder hears (see speech_encoder.py); what is ours is how its layers are pooled and read.
"""

from torch import Tensor, nn

from emotrack.model.formats import VOICE_DIM, VOICE_EMOTIONS
from emotrack.model.speech_encoder import SpeechEncoder

DROPPED = 0.5
"""Share of the pooled numbers, and of what is read from a descriptor, that training hides from each segment."""
HIDDEN, HIDDEN_DROPPED = 512, 0.3
"""Numbers between the pooled ones and the descriptor, and the share of them that training hides. They keep apart what only one
language's actors do: without them, learning from Polish ones as well costs American ones several points."""


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
        """Pooled layers [B, inputs] to descriptors [B, 128], emotion logits [B, 8] and arousal [B, 1] about -1 to 1."""
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
