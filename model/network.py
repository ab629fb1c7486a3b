"""AM²-EmoJE as one network: tokens of an utterance → fused vector → live label in its dialogue → revised
labels.

Sources: AM²-EmoJE (arXiv 2402.10921) and its predecessor AMuSE; each part names where it departs from them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from emotrack.errors import UserError
from emotrack.modalities import MODES, SIGNALS
from emotrack.model.batch import UtteranceBatch
from emotrack.model.configuration import NetworkConfiguration
from emotrack.model.manifest import REMEDY
from emotrack.model.modules.acn import AdaptiveCrossAttention
from emotrack.model.modules.context import ContextLSTM, LabelHead, PaddedTurns, Reviser, Said
from emotrack.model.modules.evidence import SignalEvidence, Usual, met
from emotrack.model.modules.fusion import fusion_of
from emotrack.model.modules.joint_embedding import JointEmbedding
from emotrack.model.modules.unimodal import EncodedModes, UnimodalEncoders

States = tuple[Tensor, Tensor]
"""Hidden and cell states of an LSTM, each [B, h]."""


@dataclass(frozen=True)
class Fusion:
    """What is known of B utterances by themselves, before context. Mode axes follow `MODES`, modality axes
    `MODALITIES`.

    `vector` [B, d]: A(u), or the learned null vector where nothing is present (a label from it is "context
    only"). `weights` [B, 4]: exact share of each modality in `vector`, each row summing to 1 (to 0 where
    nothing is present); face and body share the weight of vision by valid tokens. `present` [B, 4], `modes`
    [B, 3], `imputed` [B, 3] bool; an imputed mode is missing and covered by JE. `mode_logits`: per mode name
    [B, C], meaningless where the mode is missing; where voice and vision are evidence, each mode's are its
    own, as if the others were missing. `descriptors` [B, 3, d]: f^m, zero where missing. `regions` [B, 2, d]:
    mean face and body descriptors before they are joined. `mode_weights` [B, 3, d]: β. `said` [B, row_width]:
    what the utterance leaves to its dialogue.
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
    said: Tensor

    @property
    def context_only(self) -> Tensor:
        """Rows where nothing is present, [B] bool."""
        return ~self.modes.any(1)


@dataclass(frozen=True)
class Remembered:
    """All that the live label of an utterance depends on beside the utterance: states of its speaker and of
    the dialogue, and what its speaker usually shows."""

    speaker: States
    dialogue: States
    usual: Usual


@dataclass(frozen=True)
class Labelled:
    """Live logits [..., C]; `evidence` [..., C], the part of them that is voice's and vision's; and
    `contributions` [..., 3, C]: what each mode adds to them, exactly: without the mode they would be less by
    that (0 for a label from A(u)). `row` [..., row_width]: the utterance's, with A(u) as JE's memory
    completed it."""

    logits: Tensor
    evidence: Tensor
    contributions: Tensor
    row: Tensor


@dataclass(frozen=True)
class DialogueLogits:
    """Logits of whole dialogues, each [B, T, C]: what the live head said at once and what the reviser says
    later; and the two parts of the former, `words` in their dialogue and the `evidence` of voice and vision
    (0 for labels from A(u))."""

    live: Tensor
    revised: Tensor
    words: Tensor
    evidence: Tensor


class EmotionNetwork(nn.Module):
    """The whole network, without a `forward`: `fuse` is for utterances, `step`, `revise` and
    `forward_dialogues` for dialogues."""

    trained_modalities: Tensor
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
        if configuration.weighs_evidence:
            self.evidence = SignalEvidence(configuration)
        self.null_vector = nn.Parameter(torch.randn(configuration.width) * 0.1)
        self.context = ContextLSTM(configuration)
        self.live_head = LabelHead(configuration.width + 2 * configuration.context_hidden, configuration)
        self.reviser = Reviser(configuration)
        self.register_buffer(
            "trained_modalities", torch.tensor(configuration.trained_modalities), persistent=False
        )
        self.register_buffer("trained_modes", torch.tensor(configuration.trained_modes), persistent=False)

    def encode(self, batch: UtteranceBatch) -> EncodedModes:
        """The tokens of each mode, with untrained modalities masked."""
        found: EncodedModes = self.encoders(batch.keep(self.trained_modalities))
        return found

    def attend(self, encoded: EncodedModes) -> Tensor:
        """f^m of the modes that are not masked, [B, 3, d]; one ACN run over them."""
        found: Tensor = self.cross_attention(encoded)
        return found

    def fuse(self, batch: UtteranceBatch, impute: bool = True) -> Fusion:
        """Everything up to A(u). `impute=False` leaves JE out: fusion is then renormalised over the modes
        present.

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
        vector = torch.where(modes.any(1)[:, None], vector, self.null_vector)
        own = self.cross_attention(encoded, alone=True) if self.configuration.weighs_evidence else descriptors
        mode_logits: dict[str, Tensor] = {
            mode: self.mode_heads[mode](own[:, index]) for index, mode in enumerate(MODES)
        }
        if self.configuration.weighs_evidence:
            # Detached: the heads say what is shown, and what that is worth as evidence is another question.
            shown = torch.stack([mode_logits[mode] for mode in SIGNALS], 1).detach().log_softmax(-1)
        else:
            shown = completed if self.configuration.memory else vector[:, :0, None]
        said = Said(
            vector=vector,
            words=torch.where(modes[:, :1], own[:, 0], self.null_vector),
            shown=shown,
            modes=modes,
        )
        return Fusion(
            vector=vector,
            weights=self._modality_weights(weights.mean(2), encoded.counts),
            present=encoded.counts > 0,
            modes=modes,
            imputed=~modes & (availability > 0),
            mode_logits=mode_logits,
            descriptors=descriptors,
            regions=encoded.regions,
            mode_weights=weights,
            said=said.row(self.configuration),
        )

    def step(self, row: Tensor, before: Remembered) -> tuple[Labelled, Remembered]:
        """The live label of one utterance per dialogue, `row` [B, row_width], and what is remembered after
        it."""
        said = self._recalled(Said.of(row, self.configuration), before.usual)
        words = self.live_head(said.words, before.speaker[0], before.dialogue[0])
        evidence = self._evidence(said, before.usual)
        after = Remembered(
            speaker=self.context.speaker(said.vector, before.speaker),
            dialogue=self.context.dialogue(said.vector, before.dialogue),
            usual=before.usual.after(*self._shown(said))
            if self.configuration.usual_shape[0]
            else before.usual,
        )
        logits = self._joined(words, evidence.sum(-2), said.modes)
        beyond = logits - evidence.sum(-2) if self.configuration.weighs_evidence else torch.zeros_like(logits)
        contributions = torch.cat([beyond[..., None, :], evidence], -2)
        return Labelled(logits, evidence.sum(-2), contributions, said.row(self.configuration)), after

    def revise(
        self, turns: PaddedTurns, rows: Tensor, speaking: Tensor, dialogue: Tensor, evidence: Tensor
    ) -> Tensor:
        """Revised logits [B, W, C] of the last W utterances, newest last.

        `rows` [B, W, row_width] are theirs, `speaking` and `dialogue` the states [B, W, h] that they met
        live, and `evidence` [B, W, C] what voice and vision added to their labels.
        """
        said = Said.of(rows, self.configuration)
        return self._joined(self.reviser(turns, said.words, (speaking, dialogue)), evidence, said.modes)

    def forward_dialogues(
        self,
        rows: Tensor,
        speakers: Tensor,
        valid: Tensor,
        look_ahead: int | None = None,
        recall: bool = True,
    ) -> DialogueLogits:
        """Whole padded dialogues at once, for training and offline use: what `step` and `revise` give one by
        one.

        `rows` [B, T, row_width], `speakers` [B, T] long (0..K−1 in each dialogue), `valid` [B, T] bool.
        `look_ahead`: how many later utterances the reviser has seen; None for all of them (the offline
        Bi-LSTM). `recall=False` leaves JE's memory out.
        """
        said = Said.of(torch.where(valid[..., None], rows, 0.0), self.configuration)
        usual = met(*self._shown(said), speakers, valid)
        said = self._recalled(said, usual) if recall else said
        turns = PaddedTurns(said.vector, speakers, valid, int(speakers.max()) + 1)
        states = self.context.run(turns)
        words = self.live_head(said.words, *states)
        evidence = self._evidence(said, usual).sum(-2)
        if look_ahead is None or look_ahead >= rows.shape[1] - 1:
            revised = self.reviser(turns, said.words, states)
        else:
            revised = self.reviser.truncated(turns, said.words, states, look_ahead)
        return DialogueLogits(
            self._joined(words, evidence, said.modes),
            self._joined(revised, evidence, said.modes),
            words=words,
            evidence=evidence,
        )

    def _shown(self, said: Said) -> tuple[Tensor, Tensor]:
        """What an utterance adds to the usual of its speaker, [..., k, n], and which of it is there, [..., k]
        bool."""
        if self.configuration.weighs_evidence:
            return torch.where(said.modes[..., 1:, None], said.shown, 0.0).exp(), said.modes[..., 1:]
        return said.shown.detach(), said.modes[..., : said.shown.shape[-2]]

    def _recalled(self, said: Said, usual: Usual) -> Said:
        """The same with A(u) fused anew where JE's memory has a mode that is missing; any axes [...]."""
        if not self.configuration.memory:
            return said
        axes, width = said.modes.shape[:-1], self.configuration.width
        shown, modes = said.shown.reshape(-1, len(MODES), width), said.modes.reshape(-1, len(MODES))
        mean, count = usual.mean.reshape(-1, len(MODES), width), usual.count.reshape(-1, len(MODES))
        recalled, availability, known = self.joint.recall(shown, modes, mean, count > 0, self.trained_modes)
        vector, _ = self.fusion(recalled, availability)
        vector = torch.where(
            known.any(-1).reshape(axes)[..., None], vector.reshape(*axes, width), said.vector
        )
        return replace(said, vector=vector, words=vector)

    def _evidence(self, said: Said, usual: Usual) -> Tensor:
        """What each signal adds to the logits, [..., 2, C]."""
        if self.configuration.weighs_evidence:
            found: Tensor = self.evidence(said.shown, said.modes[..., 1:], usual)
            return found
        return said.vector.new_zeros(*said.vector.shape[:-1], len(SIGNALS), len(self.configuration.classes))

    def _joined(self, words: Tensor, evidence: Tensor, modes: Tensor) -> Tensor:
        """Log-odds of the words and of voice and vision together, all [..., C]; `modes` [..., 3] bool.

        Without words the label is what is shown, whatever is usually said; without anything it is what the
        dialogue lets expect.
        """
        if not self.configuration.weighs_evidence:
            return words
        shown = modes[..., 1:].any(-1) & ~modes[..., 0]
        return torch.where(shown[..., None], 0.0, words) + evidence

    def probabilities(self, logits: Tensor, modes: Tensor) -> Tensor:
        """Calibrated probabilities [..., C], in double precision, of live or revised logits of utterances
        with `modes` [..., 3]."""
        temperatures = torch.tensor(
            self.configuration.temperatures, dtype=torch.float64, device=logits.device
        )
        return torch.softmax(logits.double() / temperatures[mode_set(modes)][..., None], -1)

    def _modality_weights(self, weights: Tensor, counts: Tensor) -> Tensor:
        """Mode weights [B, 3] to modality weights [B, 4]: face and body share by valid tokens, evenly where
        both are imputed."""
        trained = self.trained_modalities[2:].to(counts.dtype)
        tokens = torch.where(counts[:, 2:].sum(1, keepdim=True) > 0, counts[:, 2:], trained).to(weights.dtype)
        share = tokens / tokens.sum(1, keepdim=True).clamp(min=1)
        return torch.cat([weights[:, :2], weights[:, 2:] * share], 1)


def mode_set(modes: Tensor) -> Tensor:
    """The number of each set of `modes` [..., 3] bool: bit k stands for mode k; long [...]."""
    return (modes.long() << torch.arange(len(MODES), device=modes.device)).sum(-1)


def pad_dialogues(vectors: Tensor, lengths: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Cuts `vectors` [N, d], or anything else of N consecutive utterances, into dialogues: padded [B, T, d],
    valid [B, T] bool."""
    padded = nn.utils.rnn.pad_sequence(list(vectors.split(list(lengths))), batch_first=True)
    valid = (
        torch.arange(padded.shape[1], device=vectors.device)
        < torch.tensor(lengths, device=vectors.device)[:, None]
    )
    return padded, valid


if TYPE_CHECKING:
    from torch import Tensor

    from emotrack.model.network import EmotionNetwork


def load_network(weights: Path, configuration: str) -> EmotionNetwork:
    """The network of a weights file, and of a `NetworkConfiguration` in JSON; raises `UserError` as
    `build_network` does."""
    try:
        tensors = safetensors.torch.load_file(weights)
    except (SafetensorError, OSError):
        raise UserError(f"The bundle's {weights} cannot be read as a safetensors file: {REMEDY}.") from None
    return build_network(NetworkConfiguration.model_validate_json(configuration), tensors, weights)


def build_network(
    configuration: NetworkConfiguration, tensors: Mapping[str, Tensor], path: Path
) -> EmotionNetwork:
    """The network with these weights, which are from `path`.

    Raises `UserError` where a tensor is missing, unknown, of another shape, or not finite.
    """
    # A configuration of greatest widths is a kilobyte, and 77 GB as a network: shapes are compared first.
    with torch.device("meta"):
        expected = EmotionNetwork(configuration).state_dict()
    for problem, names in (
        ("lacks", expected.keys() - tensors.keys()),
        ("has an unknown", tensors.keys() - expected.keys()),
    ):
        if names:
            raise UserError(f"The bundle's {path} {problem} tensor {min(names)!r}: {REMEDY}.")
    for name, wanted in expected.items():
        given = tensors[name]
        if given.shape != wanted.shape or given.dtype != wanted.dtype:
            raise UserError(
                f"The bundle's {path} has {name!r} as {given.dtype} {list(given.shape)} where its "
                f"configuration needs {wanted.dtype} {list(wanted.shape)}: {REMEDY}."
            )
        if not bool(torch.isfinite(given).all()):
            raise UserError(f"The bundle's {path} has a value that is not finite in {name!r}: {REMEDY}.")
    network = EmotionNetwork(configuration).eval()
    network.joint.freeze()
    network.load_state_dict(tensors)
    return network.requires_grad_(False)
