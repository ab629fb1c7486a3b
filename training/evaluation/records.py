"""What is kept of a measured bundle, in its manifest and between the tables: typed, and plain JSON outside.

`Metrics` is the schema of a bundle's `metrics`.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from emotrack.errors import UserError
from emotrack.modalities import Modality
from emotrack.model.manifest import PartName
from emotrack.training.evaluation.measuring.bootstrap import Interval
from emotrack.training.loop.metrics import Figures
from emotrack.training.tasks.network.matching import MatchSettings

LOOK_AHEADS = (1, 2, 4)
"""After how many later utterances revised labels are measured."""


class Record(BaseModel):
    """Frozen, and without unknown fields; written under the names that bundles have them by (`by_alias`)."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Brief(Record):
    """The figures of a row that has many beside it, in percent."""

    weighted_f1: float
    macro_f1: float
    accuracy: float

    @classmethod
    def of(cls, figures: Figures) -> "Brief":
        """The first three of `figures`."""
        return cls(weighted_f1=figures.weighted_f1, macro_f1=figures.macro_f1, accuracy=figures.accuracy)


class AbsentModes(Record):
    """One subset of the modes, with three ways to stand in for the others."""

    zero: Brief
    """A token of zeros, as if the mode were there."""
    masked: Brief
    """Left out, and fusion renormalised over what is present."""
    joint: Brief
    """Left out, and imputed by the joint embedding."""


class Halfway(Record):
    """The second halves of dialogues in which some modes go missing half through, with three ways to stand in
    for them."""

    masked: Brief
    """Nothing: fusion is renormalised over what is left."""
    line: Brief
    """JE as in the paper."""
    joint: Brief
    """JE with its memory of the speaker."""


class DialogueFigures(Record):
    """A network on the test dialogues from some of their modalities: live, revised after some utterances, and
    offline."""

    modalities: list[Modality] = Field(alias="streams")
    corpus: str
    split: str
    dialogues: int
    live: Figures
    revised: dict[int, Figures]
    """By the number of later utterances seen."""
    offline: Figures
    """With the whole dialogue seen."""
    taxes: dict[str, Interval]
    """Live, and revised after n (`revised+n`), less offline."""


class Reworded(Record):
    """Live labels from text alone of test lines in other words than the script's; in percent but the
    calibration error."""

    weighted_f1: float
    macro_f1: float
    calibration_error: float
    neutral: float
    """Share of the lines that are named neutral."""
    utterances: int
    written: float | None = None
    """Weighted F1 of the very same lines as written, where only some dialogues were heard whole."""
    voices: list[str] = []
    """That spoke the lines, where they were heard."""
    word_errors: float | None = None
    """Errors of the recogniser as a share of the words said."""


class WordFigures(Record):
    """The test lines in other words, by what was done to them: the keys of `words.WAYS`, or a recogniser's
    name."""

    ways: dict[str, Reworded]


class BesideWords(Record):
    """Live labels from words and what was drawn beside them; in percent but the calibration error."""

    weighted_f1: float
    macro_f1: float
    calibration_error: float
    joy: float
    """Share of the lines that are named joy."""
    kept: float
    """Share of the clear negative lines that are still named rightly; see
    `drawing_beside.clear_negatives`."""


class Weights(Record):
    """Published weights beside what leaving each modality out does to the odds of the label."""

    utterances: int
    correlation: float
    """Spearman's, of the weights with each modality's share in what was measured."""
    top: float
    """Percent of the utterances in which the modality of the highest weight moves the odds most."""
    deviation: float
    """Standard deviation of the words' weight over utterances."""


class DrawnFigures(Record):
    """The test dialogues by what was drawn beside their words, by the names of `drawn.cases_of`."""

    utterances: int
    clear: int
    """Clear negative lines."""
    cases: dict[str, BesideWords]
    weights: Weights | None = None
    """With voice and face drawn by label."""


class OneMode(Record):
    """Clips or pictures of one corpus by themselves; recall in percent by the bundle's classes."""

    clips: int
    own: dict[str, float]
    """Of the encoder's own head."""
    whole: dict[str, float]
    """Of the whole network."""
    calibration_error: float
    """Of the whole network."""
    people: dict[str, float] = {}
    """Percent of each person's clips that the whole network names rightly, where it is told whose they
    are."""


class Alone(Record):
    """What is said of a voice or a face alone, by corpus."""

    corpora: dict[str, OneMode]


class OtherWords(Record):
    """Live labels from the words of another corpus, in percent; what its people named that is none of the
    bundle's is left out."""

    utterances: int
    weighted_f1: float
    macro_f1: float
    neutral: float
    """Share of the lines that are named neutral."""


class Affect(Record):
    """Valence or arousal of single sentences, -1 to 1, beside what people said of them."""

    correlation: float
    """Pearson's."""
    error: float
    """Mean absolute error."""
    constant: float
    """That of always giving the mean of what people said."""


class Elsewhere(Record):
    """What is said of words from elsewhere."""

    labels: dict[str, OtherWords]
    """By corpus."""
    affect: dict[str, Affect] = {}
    """`valence` and `arousal` on EmoBank."""


class Measured(Record):
    """One bundle on the test sets."""

    bundle: str
    seed: int | None
    held_out: int | None = None
    """Session of IEMOCAP that it was tested on, where its recipe says so."""
    dialogues: DialogueFigures
    """From text alone, or from every modality of a network that uses no text."""
    everything: DialogueFigures | None = None
    """From every modality that the network uses; only of dialogues that have more than text of their own."""
    own: dict[str, AbsentModes] | None = None
    """By the papers' names of what is present; only of dialogues that have sound or pictures of their own."""
    matched: dict[str, AbsentModes] | None = None
    """The same with voices and faces drawn by label, of dialogues that have text alone."""
    words: WordFigures | None = None
    """Only where the table `words` was asked for."""
    drawn: DrawnFigures | None = None
    """Only where the table `drawn` was asked for."""
    alone: Alone | None = None
    """Only where the table `alone` was asked for."""
    elsewhere: Elsewhere | None = None
    """Only where the table `elsewhere` was asked for."""


class Variant(Record):
    """One setting of the MOSI experiments: live figures on test for each seed."""

    all: list[Brief]
    """With all modes."""
    subsets: dict[str, list[AbsentModes]] = Field(default_factory=dict)
    """By the papers' names of the modes; only of the full model."""
    halfway: dict[str, list[Halfway]] = Field(default_factory=dict)
    """By the papers' names of the modes that go missing; only of the model whose JE remembers."""


class MosiFigures(Record):
    """The experiments on MOSI by the name of what is changed; "full" is the model itself."""

    seeds: list[int]
    utterances: int
    variants: dict[str, Variant]
    linear: dict[str, Brief]
    """Logistic regression on the same features, by the papers' names of the modes."""


class VoiceFigures(Record):
    """The voice network on acted speech that it has not heard; recall and unweighted accuracy in percent, a
    clip is one answer."""

    accuracy: float
    """Unweighted, of RAVDESS's test actors, 8 classes."""
    clips: int
    by_sex: dict[str, float]
    recall_by_class: dict[str, float]
    emodb: float | None = None
    """Unweighted, of EmoDB's clips in the classes that RAVDESS has too."""
    emodb_clips: int = 0
    emodb_recall_by_class: dict[str, float] = Field(default_factory=dict)


class FaceFigures(Record):
    """The face network on FER+ test, strict majority after dropping single votes, eight classes."""

    accuracy: float
    pictures: int
    recall_by_class: dict[str, float]
    parameters: int
    milliseconds: float
    """Processor time of a face on one thread, where this was measured."""


class EncoderFigures(Record):
    """The encoders by themselves."""

    voice: VoiceFigures | None = None
    voice_folds: list[float] = Field(default_factory=list)
    """Unweighted accuracy on each of RAVDESS's five folds by actor, of networks trained on the other four."""
    face: FaceFigures | None = None


class PartTraining(BaseModel):
    """How one part was trained, as `emotrack train` tells it; what else it tells is not for tables."""

    model_config = ConfigDict(frozen=True)

    settings: dict[str, Any]
    seed: int
    epochs: int
    best_epoch: int
    dev: dict[str, float]
    seconds: float
    hardware: str


class OnDev(Record):
    """What was decided and seen on dev."""

    weighted_f1: float
    weighted_f1_lost_when_shuffled: dict[str, float]
    reliance: list[float]
    """JE's ρ of the nine pairs of a missing mode and those present."""
    temperatures: tuple[float, ...]


class CalibratedOn(Record):
    """The store that a bundle's temperatures were fitted on afterwards, and the bundle that it was before."""

    corpus: str
    store: str
    bundle: str


class Metrics(Record):
    """What a bundle says of its own figures."""

    trained: list[str]
    seeds: list[Measured] = Field(min_length=1)
    """The seeds of the run that the bundle is from, itself among them."""
    mosi: MosiFigures | None = None
    encoders: EncoderFigures = EncoderFigures()
    training: dict[PartName, PartTraining] = Field(default_factory=dict)
    """By part."""
    dev: OnDev | None = None
    calibrated_on: CalibratedOn | None = None
    matching: MatchSettings | None = None


def metrics_of(metrics: Mapping[str, Any], bundle: str) -> Metrics | None:
    """The figures that a bundle of the name `bundle` keeps; None where it keeps none. Raises UserError where
    they are not ours."""
    if "seeds" not in metrics:
        return None
    try:
        return Metrics.model_validate(metrics)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UserError(
            f"The figures in the bundle {bundle} are wrong at {place!r} ({first['msg']}): make it again with "
            "`emotrack bundle`."
        ) from None
