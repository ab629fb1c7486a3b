"""How the network is to be trained; importing it brings no torch along, so that what has been trained is
recognised at once."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator
from typing_extensions import Self

from emotrack.model.configuration import NetworkConfiguration
from emotrack.section import Section
from emotrack.training.settings import Training
from emotrack.training.tasks.network.matching import MatchSettings


class Objective(Section):
    """The terms and their weights λ; a weight of 0 switches a term off."""

    live: float = Field(1.0, ge=0)
    """Cross-entropy of the live, causal labels."""
    revised: float = Field(1.0, ge=0)
    """Cross-entropy of the reviser's labels, after a random number of later utterances."""
    focal: float = Field(0.5, ge=0)
    """Focal loss of each mode's own head."""
    gamma: float = Field(1.0, ge=0)
    """The focal loss's γ."""
    nce: float = Field(0.05, ge=0)
    """Guided NCE between the modes, and between face and body."""
    nce_temperature: float = Field(0.2, gt=0)
    """By which its cosines are divided; those of `joint_contrast` too."""
    joint: float = Field(0.1, ge=0)
    """The joint embedding's losses; the next three weigh its parts."""
    joint_contrast: float = Field(1.0, ge=0)
    """Symmetric InfoNCE between the modes as the joint embedding has them."""
    joint_divergence: float = Field(1.0, ge=0)
    """λ_J: Jensen–Shannon divergence between them."""
    joint_reconstruction: float = Field(1.0, ge=0)
    """λ_r: squared error of what is reconstructed of a missing mode."""
    evidence: float = Field(1.0, ge=0)
    """Cross-entropy of what voice and vision say without any words, where they are evidence."""
    masked: float = Field(0.5, ge=0, le=1)
    """Probability that an utterance is learnt from a random non-empty subset of the modes rather than from
    all."""
    class_balance: float = Field(0.3, ge=0, le=1)
    """Class weights are frequencies to the power of minus this."""
    smoothing: float = Field(0.0, ge=0, lt=1)
    """Label smoothing of the two context terms."""

    @model_validator(mode="after")
    def _teaches(self) -> Self:
        if not any((self.live, self.revised, self.focal, self.nce, self.joint, self.evidence)):
            raise ValueError("every term is switched off")
        return self


class FurtherCorpus(Section):
    """Dialogues of another corpus that are learnt beside the main ones, for their words."""

    store: Path
    """Its utterances, as `emotrack features` describes them."""
    dialogues: int = Field(16, ge=1)
    """How many of them are in each batch."""


def _several(given: Any) -> Any:
    """One path, several or none, as a list."""
    return given if isinstance(given, list | tuple) else [] if given is None else [given]


class NetworkTraining(Training):
    """How the network is trained, and from which stores (`emotrack features` makes them)."""

    train: Literal["network"] = "network"
    store: Path
    """Dialogues, with the tokens of the modalities that the corpus has."""
    held_out: int | None = Field(None, ge=1, le=5)
    """Session of IEMOCAP that is tested on in place of the fifth: 1 to 5 are its folds."""
    voices: Annotated[tuple[Path, ...], BeforeValidator(_several)] = ()
    """Stores of acted and of ordinary speech to draw voices from by label, for dialogues without sound; one
    or several."""
    faces: Path | None = None
    """Photographs to draw faces from by label, for dialogues without pictures."""
    further: tuple[FurtherCorpus, ...] = ()
    """Other corpora to learn words from. What they name is renamed to the classes of `store`, or left out;
    how often they name each is told apart from what their words mean."""
    encoders: Path | None = None
    """Bundle with the encoders that made the stores: its parts become parts of the new bundle."""
    network: NetworkConfiguration = NetworkConfiguration()
    """Its input widths, classes and trained modalities are taken from the stores."""
    objective: Objective = Objective()
    matching: MatchSettings = MatchSettings()
    dialogues: int = Field(16, ge=1)
    """Dialogues in a batch."""
    longest_text: int = Field(48, ge=1)
    """Tokens after which a text is cut in training."""
    fitting_batches: int = Field(8, ge=1)
    """Batches that JE's lines are fitted on after each epoch."""

    @model_validator(mode="after")
    def _shares_are_told_apart(self) -> Self:
        if self.further and self.objective.smoothing:
            raise ValueError(
                "label smoothing would teach classes that a further corpus never names: set "
                "objective.smoothing to 0 beside further"
            )
        return self
