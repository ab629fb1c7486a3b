"""How the sentence encoder is adapted: from which texts, how much of each, and how often as a recogniser
writes them."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from emotrack.engines.encoders.text.encoder import MINILM
from emotrack.engines.networks.passages import Window
from emotrack.section import Section
from emotrack.training.loop.task import CHECKPOINT
from emotrack.training.settings import Training

HEADLINE = "MELD"
"""The corpus whose labels are to be told."""
FurtherName = Literal["EmoryNLP", "DailyDialog", "GoEmotions", "EmoContext"]


class FurtherTexts(Section):
    """How much is learnt from a corpus beside MELD."""

    weight: float = Field(1.0, gt=0)
    """How much a batch of it counts."""
    share: float = Field(1.0, gt=0, le=1)
    """Share of its dialogues in one epoch; each epoch takes the next ones."""


class Recognised(Section):
    """How much of what is learnt from is read as a recogniser writes it."""

    share: float = Field(0.5, ge=0, le=1)
    """Share of the batches."""
    plain: float = Field(0.5, ge=0, le=1)
    """Share of those batches that have no punctuation at all; the others have what Whisper writes."""
    errors: float = Field(0.1, ge=0, le=1)
    """Share of their words that are lost or taken for others, on average: each batch draws its own from zero
    to twice of it."""
    heard: Path | None = None
    """JSON file of what a recogniser wrote for words (`python -m emotrack.training.spoken errors`); without
    it, words are taken for others of the same sound."""
    consistency: float = Field(0.3, ge=0, lt=1)
    """Weight of the network's own answers to the same lines as written, beside the labels."""


class TextTraining(Training):
    """How the sentence encoder is adapted."""

    train: Literal["text"] = "text"
    table: Path
    """CSV file of dialogues (the corpora `meld`, `emorynlp`, `dailydialog`)."""
    goemotions: Path | None = None
    """CSV file of comments with Ekman's emotions, where `auxiliary` names GoEmotions."""
    emocontext: Path | None = None
    """CSV file of chats of three turns, where `auxiliary` names EmoContext."""
    auxiliary: dict[FurtherName, FurtherTexts] = Field(default_factory=dict)
    """Further corpora to learn from beside MELD."""
    recognised: Recognised = Recognised()
    teachers: tuple[Path, ...] = ()
    """Folders of earlier trainings to learn from: what they answer on average replaces the further corpora's
    own labels."""
    start: Path | None = None
    """Folder of an earlier training of the same encoder and rank, whose weights this one begins with."""
    trust: float = Field(0.5, ge=0, le=1)
    """Weight of the teachers beside MELD's own labels."""
    base: str = MINILM
    """Sentence encoder that is adapted: a directory, a model that a package carries, or a name in the hub's
    cache."""
    window: Window = Window()
    rank: int = Field(32, ge=1)
    """Rank of the factors of every linear layer."""
    dropout: float = Field(0.2, ge=0, lt=1)
    """Of the heads' inputs."""
    forget: float = Field(0.1, ge=0, lt=1)
    """Share of the words that training hides."""
    dialogues: int = Field(8, ge=1)
    """MELD's dialogues in a batch; of other corpora so many as have about as many letters."""
    class_balance: float = Field(0.3, ge=0, le=1)
    """Class weights are frequencies to the power of minus this."""
    smoothing: float = Field(0.05, ge=0, lt=1)
    """Label smoothing."""
    head_rate: float = Field(1e-3, gt=0)
    """Highest learning rate of the heads; that of the factors is the optimisation's."""

    @model_validator(mode="after")
    def _files_of_further_corpora(self) -> "TextTraining":
        for name, path in (("GoEmotions", self.goemotions), ("EmoContext", self.emocontext)):
            if (name in self.auxiliary) != (path is not None):
                raise ValueError(
                    f"{name.lower()} is to be the path of its file if, and only if, auxiliary names {name}"
                )
        return self

    def files(self) -> list[Path]:
        """All that is read."""
        further = (self.goemotions, self.emocontext, self.recognised.heard)
        earlier = (*self.teachers, *((self.start,) if self.start else ()))
        return [
            self.table,
            *(path for path in further if path is not None),
            *(run / CHECKPOINT for run in earlier),
        ]
