"""AM²-EmoJE as one network: tokens of an utterance → fused vector → live label in dialogue context → revised labels.

Sources: AM²-EmoJE (arXiv 2402.10921) and its predecessor AMuSE; each part names where it departs from them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from emotrack.model.acn import AdaptiveCrossAttention
from emotrack.model.batch import UtteranceBatch
from emotrack.model.configuration import MODES, NetworkConfiguration
from emotrack.model.context import ContextLSTM, LabelHead, Turns
from emotrack.model.fusing import fusion_of
from emotrack.model.joint_embedding import JointEmbedding
from emotrack.model.reviser import Reviser
from emotrack.model.unimodal import EncodedModes, UnimodalEncoders

States = tuple[Tensor, Tensor]
"""Hidden and cell states of an LSTM, each [B, h]."""


@dataclass(frozen=True)
class Fusion:
    """What is known of B utterances by themselves, before context. Mode axes follow `MODES`, stream axes `STREAMS`.

    `vector` [B, d]: A(u), or the learned null vector where nothing is present (a label from it is "context only").
    `weights` [B, 4]: exact share of each stream in `vector`, each row summing to 1 (to 0 where nothing is present);
    face and body share the weight of vision by valid tokens. `present` [B, 4], `modes` [B, 3], `imputed` [B, 3] bool;
    an imputed mode is missing and covered by JE. `mode_logits`: per mode name [B, C], meaningless where the mode is
    missing. `descriptors` [B, 3, d]: f^m, zero where missing. `regions` [B, 2, d]: mean face and body descriptors
    before they are joined. `mode_weights` [B, 3, d]: β.
    """

    vector: Tensor
    weights: Tensor
    present: Tensor
    modes: Tensor
    imputed: Tensor
    mode_logits: dict[str, Tensor]
    descriptors: Tensor
    regions: Tensor
    mode_weights: Tensor

    @property
    def context_only(self) -> Tensor:
        """Rows where nothing is present, [B] bool."""
        return ~self.modes.any(1)


@dataclass(frozen=True)
class DialogueLogits:
    """Logits of whole dialogues, each [B, T, C]: what the live head said at once and what the reviser says later."""

    live: Tensor
    revised: Tensor


class EmotionNetwork(nn.Module):
    """The whole network, without a `forward`: `fuse` is for utterances, `step`, `revise` and `forward_dialogues` for dialogues."""

    trained_streams: Tensor
    trained_modes: Tensor

    def __init__(self, configuration: NetworkConfiguration) -> None:
        super().__init__()
        self.configuration = configuration
        classes = len(configuration.classes)
        self.encoders = UnimodalEncoders(configuration)
        self.cross_attention = AdaptiveCrossAttention(configuration)
        self.mode_heads = nn.ModuleDict({mode: nn.Linear(configuration.width, classes) for mode in MODES})
        self.joint = JointEmbedding(configuration)
        self.fusion = fusion_of(configuration)
        self.null_vector = nn.Parameter(torch.randn(configuration.width) * 0.1)
        self.context = ContextLSTM(configuration)
        self.live_head = LabelHead(configuration.width + 2 * configuration.context_hidden, configuration)
        self.reviser = Reviser(configuration)
        self.register_buffer("trained_streams", torch.tensor(configuration.trained_streams), persistent=False)
        self.register_buffer("trained_modes", torch.tensor(configuration.trained_modes), persistent=False)

    def encode(self, batch: UtteranceBatch) -> EncodedModes:
        """The tokens of each mode, with untrained streams masked."""
        return self.encoders(batch.keep(self.trained_streams))

    def attend(self, encoded: EncodedModes) -> Tensor:
        """f^m of the modes that are not masked, [B, 3, d]; one ACN run over them."""
        return self.cross_attention(encoded)

    def fuse(self, batch: UtteranceBatch, impute: bool = True) -> Fusion:
        """Everything up to A(u). `impute=False` leaves JE out: fusion is then renormalised over the modes present.

        In training mode it also moves JE's means μ_m.
        """
        return self.fuse_encoded(self.encode(batch), impute)

    def fuse_encoded(self, encoded: EncodedModes, impute: bool = True) -> Fusion:
        """`fuse` from tokens that are encoded already, so that several mode masks can share one encoding."""
        modes = encoded.modes
        descriptors = self.attend(encoded)
        if self.training:
            self.joint.update_means(descriptors.detach(), modes)
        allowed = self.trained_modes & impute
        completed, availability = self.joint.complete(descriptors, modes, allowed)
        vector, weights = self.fusion(completed, availability)
        return Fusion(
            vector=torch.where(modes.any(1)[:, None], vector, self.null_vector),
            weights=self._stream_weights(weights.mean(2), encoded.counts),
            present=encoded.counts > 0,
            modes=modes,
            imputed=~modes & (availability > 0),
            mode_logits={mode: self.mode_heads[mode](descriptors[:, index]) for index, mode in enumerate(MODES)},
            descriptors=descriptors,
            regions=encoded.regions,
            mode_weights=weights,
        )

    def step(self, vector: Tensor, speaker: States, dialogue: States) -> tuple[Tensor, States, States]:
        """Live logits [B, C] of one utterance per dialogue, A(u) `vector` [B, d], and the states after it.

        `speaker` and `dialogue` are the hidden and the cell states [B, h] of who speaks, and of the dialogue.
        """
        dialogue = self.context.dialogue(vector, dialogue)
        speaker = self.context.speaker(vector, speaker)
        return self.live_head(vector, speaker[0], dialogue[0]), speaker, dialogue

    def revise(self, turns: Turns, speaking: Tensor, dialogue: Tensor) -> Tensor:
        """Revised logits [B, W, C] of the last W utterances, newest last, from the live path's own states [B, W, h]."""
        return self.reviser(turns, (speaking, dialogue))

    def forward_dialogues(self, vectors: Tensor, speakers: Tensor, valid: Tensor, look_ahead: int | None = None) -> DialogueLogits:
        """Whole padded dialogues at once, for training and offline use: what `step` and `revise` give one by one.

        `vectors` [B, T, d], `speakers` [B, T] long (0..K−1 in each dialogue), `valid` [B, T] bool. `look_ahead`: how
        many later utterances the reviser has seen; None for all of them (the offline Bi-LSTM).
        """
        turns = Turns(torch.where(valid[..., None], vectors, 0.0), speakers, valid, int(speakers.max()) + 1)
        states = self.context.run(turns)
        live = self.live_head(turns.vectors, *states)
        if look_ahead is None or look_ahead >= vectors.shape[1] - 1:
            return DialogueLogits(live, self.reviser(turns, states))
        return DialogueLogits(live, self.reviser.truncated(turns, states, look_ahead))

    def probabilities(self, logits: Tensor) -> Tensor:
        """Calibrated probabilities [..., C] of live or revised logits, in double precision."""
        return torch.softmax(logits.double() / self.configuration.temperature, -1)

    def _stream_weights(self, weights: Tensor, counts: Tensor) -> Tensor:
        """Mode weights [B, 3] to stream weights [B, 4]: face and body share by valid tokens, evenly where both are imputed."""
        trained = self.trained_streams[2:].to(counts.dtype)
        tokens = torch.where(counts[:, 2:].sum(1, keepdim=True) > 0, counts[:, 2:], trained).to(weights.dtype)
        share = tokens / tokens.sum(1, keepdim=True).clamp(min=1)
        return torch.cat([weights[:, :2], weights[:, 2:] * share], 1)


def pad_dialogues(vectors: Tensor, lengths: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Cuts `vectors` [N, d], or anything else of N consecutive utterances, into dialogues: padded [B, T, d], valid [B, T] bool."""
    padded = nn.utils.rnn.pad_sequence(list(vectors.split(list(lengths))), batch_first=True)
    valid = torch.arange(padded.shape[1], device=vectors.device) < torch.tensor(lengths, device=vectors.device)[:, None]
    return padded, valid
