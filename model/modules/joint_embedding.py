"""JE, the joint embedding that stands in for missing modes (AM²-EmoJE §3.5.2, Eq. 5), between ACN and QAF.

z^m = U_m(f^m − μ_m) with U_m orthogonal, hence invertible by its transpose and unable to collapse. A missing
mode is reconstructed from those present, S, as f̂^m = μ_{m,S} + U_mᵀ Γ_{m,S} z̄. Departure: the papers leave
the inverse map open; here it is the least-squares line per coordinate, one per subset S, estimated on
training data (see joint_fitting.py).

That line is a function of what is present, and so adds nothing that was not known. Memory does (a departure):
where a speaker's mode was seen before, the reconstruction moves by how the speaker's own mean of it differs
from everybody's, f̂^m += Λ_m ⊙ (f̄^m − μ_m), and the mode counts with the availability r_m; both are learned.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import orthogonal
from torch.nn.utils.parametrize import is_parametrized, remove_parametrizations

from emotrack.modalities import MODES
from emotrack.model.configuration import NetworkConfiguration

PAIRS: tuple[tuple[int, int], ...] = tuple(
    (mode, subset)
    for mode in range(len(MODES))
    for subset in range(1, 2 ** len(MODES))
    if not subset >> mode & 1
)
"""The nine (missing mode, subset of present modes) that can be reconstructed; bit k of a subset stands for
mode k."""

MEAN_MOMENTUM = 0.99
LARGEST_RELIANCE = 0.999


class JointEmbedding(nn.Module):
    """Orthogonal maps U_m, means μ_m, and per pair (m, S): line μ_{m,S}, Γ_{m,S} and reliance ρ_{m,S}."""

    mean: Tensor
    mean_updates: Tensor
    offset: Tensor
    gain: Tensor
    fitted: Tensor
    pair_table: Tensor

    def __init__(self, configuration: NetworkConfiguration) -> None:
        super().__init__()
        width = configuration.width
        self.rotation = nn.Parameter(torch.randn(len(MODES), width, width))
        if not self.rotation.is_meta:  # of which nothing but the shape is asked
            orthogonal(self, "rotation", orthogonal_map="cayley")
        self.raw_reliance = nn.Parameter(torch.zeros(len(PAIRS)))
        if configuration.memory:
            self.raw_carry = nn.Parameter(torch.full((len(MODES), width), 0.5))
            self.raw_recall = nn.Parameter(torch.full((len(MODES),), 0.5))
        self.register_buffer("mean", torch.zeros(len(MODES), width))
        self.register_buffer("mean_updates", torch.zeros(len(MODES)))
        self.register_buffer("offset", torch.zeros(len(PAIRS), width))
        self.register_buffer("gain", torch.zeros(len(PAIRS), width))
        self.register_buffer("fitted", torch.zeros(len(PAIRS), dtype=torch.bool))
        table = torch.full((len(MODES), 2 ** len(MODES)), -1)
        for index, (mode, subset) in enumerate(PAIRS):
            table[mode, subset] = index
        self.register_buffer("pair_table", table, persistent=False)

    @property
    def reliance(self) -> Tensor:
        """ρ_{m,S} in [0, 1), [9]; zero for a pair that was never fitted."""
        return torch.where(self.fitted, _clamped(self.raw_reliance), 0.0)

    def freeze(self) -> None:
        """Puts the value of U in place of its parametrisation, for running only: computing it each time is
        costly."""
        if is_parametrized(self, "rotation"):
            remove_parametrizations(self, "rotation", leave_parametrized=True)

    def embed(self, descriptors: Tensor) -> Tensor:
        """z^m = U_m(f^m − μ_m), [B, 3, d] to [B, 3, d]; no gradient reaches f."""
        return torch.einsum("mij,bmj->bmi", self.rotation, descriptors.detach() - self.mean)

    def pool(self, embedded: Tensor, modes: Tensor) -> Tensor:
        """z̄, the mean of z^k over the modes present; z [B, 3, d], modes [B, 3] bool; [B, d]."""
        kept = torch.where(modes[..., None], embedded, 0.0)
        return kept.sum(1) / modes.sum(1, keepdim=True).clamp(min=1).to(embedded.dtype)

    def pairs(self, modes: Tensor) -> Tensor:
        """Index into `PAIRS` per mode, from the modes present: [B, 3] bool to [B, 3] long; −1 for a present
        mode or S = ∅."""
        bits = 2 ** torch.arange(len(MODES), device=modes.device)
        return self.pair_table[:, (modes * bits).sum(1)].T

    def reconstruct(self, descriptors: Tensor, modes: Tensor) -> Tensor:
        """f̂^m for every missing mode from an ACN run over `modes` [B, 3]; [B, 3, d], zero where there is
        nothing to reconstruct."""
        pair = self.pairs(modes)
        pooled = self.pool(self.embed(descriptors), modes)
        coordinates = self.gain[pair] * pooled[:, None]
        restored = self.offset[pair] + torch.einsum("mij,bmi->bmj", self.rotation, coordinates)
        return torch.where((pair >= 0)[..., None], restored, 0.0)

    def complete(self, descriptors: Tensor, modes: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor]:
        """f̃ = w f + (1−w) f̂ [B, 3, d] and w̃ = w + (1−w) ρ_{m,S} [B, 3] for fusion.

        `allowed` [3] bool: modes that may be imputed at all (a mode without any trained modality may not).
        """
        pair = self.pairs(modes)
        reliance = torch.where((pair >= 0) & allowed, self.reliance[pair], 0.0)
        availability = torch.where(modes, 1.0, reliance)
        return torch.where(modes[..., None], descriptors, self.reconstruct(descriptors, modes)), availability

    def recall(
        self, completed: Tensor, modes: Tensor, usual: Tensor, known: Tensor, allowed: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """f̃ [B, 3, d] and w̃ [B, 3] of `complete` with what is remembered, and which modes that is, bool [B,
        3].

        `usual` [B, 3, d]: the speaker's mean of each mode where `known` [B, 3] bool. Where nothing at all is
        present, nothing is recalled.
        """
        pair = self.pairs(modes)
        known = known & ~modes & allowed & modes.any(1, keepdim=True)
        moved = completed + _clamped(self.raw_carry) * (usual - self.mean)
        reliance = torch.where((pair >= 0) & allowed, self.reliance[pair], 0.0)
        availability = torch.where(modes, 1.0, torch.where(known, _clamped(self.raw_recall), reliance))
        return torch.where(known[..., None], moved, completed), availability, known

    @torch.no_grad()
    def update_means(self, descriptors: Tensor, modes: Tensor) -> None:
        """Moves μ_m towards the batch mean of f^m: a plain average at first, then an exponential one of
        momentum 0.99."""
        count = modes.sum(0)
        batch_mean = torch.where(modes[..., None], descriptors, 0.0).sum(0) / count.clamp(min=1)[:, None]
        self.mean_updates += (count > 0).to(self.mean_updates.dtype)
        step = (1 / self.mean_updates.clamp(min=1)).clamp(min=1 - MEAN_MOMENTUM)[:, None]
        self.mean += torch.where((count > 0)[:, None], step * (batch_mean - self.mean), 0.0)


def _clamped(raw: Tensor) -> Tensor:
    """`raw` within 0 and 1; the gradient passes the clamp, so that a value at its limit can come back."""
    return raw + (raw.clamp(0.0, LARGEST_RELIANCE) - raw).detach()
