"""What a network is built from: widths, depths, label names, and which modalities it was trained on.

A configuration is frozen, refuses unknown keys and travels as JSON inside the bundle, so that a network can
be rebuilt from it alone.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from typing_extensions import Self

from emotrack.modalities import MODALITIES, MODALITY_MODES, MODE_SETS, MODES, SIGNALS, Modality

Fusing = Literal["query", "constant", "equal", "concatenation", "product"]
Labelling = Literal["vector", "evidence"]


MELD_CLASSES = ("neutral", "joy", "sadness", "anger", "surprise", "fear", "disgust")


class ModalityWidths(BaseModel):
    """Width of one input token of each modality, as its encoder makes it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: int = Field(default=384, ge=1, le=4096, description="numbers a word")
    audio: int = Field(default=128, ge=1, le=4096, description="numbers a segment of sound")
    face: int = Field(default=128, ge=1, le=4096, description="numbers a picture of a face")
    body: int = Field(default=128, ge=1, le=4096, description="numbers a picture of a body")


class NetworkConfiguration(BaseModel):
    """Everything needed to build an `EmotionNetwork` and to read its outputs.

    A modality outside `trained` is masked at the network's entrance, whatever is fed. `window` is W, the
    number of utterances that the reviser's backward pass sees; `revisions` is R, how many earlier utterances
    get a revised label. `temperatures` divide live and revised logits before the softmax, one for each set of
    modes that an utterance may have (calibration on held-out data).

    `labelling` says what a label is read from: the fused "vector" A(u), as in the papers, or the words in
    their dialogue and the "evidence" of voice and vision beside them (modules/evidence.py). `memory` lets JE
    impute a missing mode from what the same speaker showed before, too (modules/joint_embedding.py); evidence
    has a memory of its own.

    `layers` 0 leaves out multimodal attention, and `fusion` other than "query" leaves out adaptive fusion:
    the ablations of AM²-EmoJE (Table 3) and AMuSE; modules/acn.py and modules/fusion.py say what each of them
    is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    widths: ModalityWidths = ModalityWidths()
    width: int = Field(default=128, ge=1, le=4096, description="d, the common width of all modes")
    unimodal_hidden: int = Field(
        default=64, ge=1, le=4096, description="BiLSTM units per direction inside an utterance"
    )
    layers: int = Field(default=4, ge=0, le=32, description="L, layers of cross attention per mode")
    region_layers: int = Field(
        default=1, ge=1, le=32, description="layers of self-attention over face and body tokens"
    )
    heads: int = Field(
        default=4, ge=1, le=64, description="heads of each attention; `width` is a multiple of them"
    )
    fusion: Fusing = Field(default="query", description="how the modes become one vector")
    labelling: Labelling = Field(default="vector", description="what a label is read from")
    memory: bool = Field(default=False, description="JE remembers what each speaker's modes were like")
    context_hidden: int = Field(
        default=128, ge=1, le=4096, description="units of each dialogue and speaker LSTM"
    )
    dropout: float = Field(
        default=0.2, ge=0, lt=1, description="share of the numbers that each training step hides"
    )
    classes: tuple[str, ...] = Field(
        default=MELD_CLASSES, min_length=2, max_length=64, description="the labels, in order"
    )
    trained: tuple[Modality, ...] = Field(
        default=("text", "audio", "face"), description="any other modality is masked"
    )
    window: int = Field(
        default=8, ge=1, le=4096, description="W, utterances that the reviser's backward pass sees"
    )
    revisions: int = Field(
        default=4, ge=0, le=4095, description="R, earlier utterances that get a revised label"
    )
    temperatures: tuple[Annotated[float, Field(gt=0, le=100)], ...] = Field(
        default=(1.0,) * MODE_SETS,
        min_length=MODE_SETS,
        max_length=MODE_SETS,
        description="divide the logits, one for each set of modes that an utterance may have",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        if self.memory and self.labelling == "evidence":
            raise ValueError("evidence has a memory of its own: memory goes with labelling vector")
        if self.revisions >= self.window:
            raise ValueError(f"revisions {self.revisions} must be smaller than window {self.window}")
        for name, values in (("classes", self.classes), ("trained", self.trained)):
            if len(set(values)) != len(values):
                raise ValueError(f"{name} repeats a name")
        return self

    @property
    def weighs_evidence(self) -> bool:
        """Whether voice and vision are evidence beside the words, each against what is usual for its
        speaker."""
        return self.labelling == "evidence"

    @property
    def row_width(self) -> int:
        """Numbers that one utterance leaves to its dialogue (see modules/context.py)."""
        words = self.width if self.weighs_evidence else 0
        shown, numbers = self.usual_shape
        return self.width + words + shown * numbers + len(MODES)

    @property
    def usual_shape(self) -> tuple[int, int]:
        """Of what is remembered of a speaker: signals and classes where voice and vision are evidence; modes
        and width where JE remembers; else (0, C)."""
        if self.memory:
            return len(MODES), self.width
        return len(SIGNALS) if self.weighs_evidence else 0, len(self.classes)

    @property
    def trained_modalities(self) -> tuple[bool, ...]:
        """Per modality of `MODALITIES`, whether it was trained."""
        return tuple(modality in self.trained for modality in MODALITIES)

    @property
    def trained_modes(self) -> tuple[bool, ...]:
        """Per mode of `MODES`, whether any of its modalities was trained; only such a mode can be imputed."""
        trained = {MODALITY_MODES[modality] for modality in self.trained}
        return tuple(mode in trained for mode in MODES)
