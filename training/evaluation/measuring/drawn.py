"""Measures what fusion makes of faces and voices that say less, or other things, than the words do, and
whether the published weights say what made the label."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr

from emotrack.modalities import MODALITIES, Modality
from emotrack.model.batch import collate
from emotrack.model.bundle import Bundle
from emotrack.model.dialogue.dialogue import Dialogue
from emotrack.model.dialogue.plain_context import PlainContext
from emotrack.model.dialogue.state import Floats, influences, modality_weights
from emotrack.training.evaluation.measuring.labels import TEST_SEED
from emotrack.training.evaluation.records import BesideWords, DrawnFigures, Weights
from emotrack.training.evaluation.sources import Advance, check_encoders
from emotrack.training.evaluation.tables.robustness import BOTH_DRAWN, CLEAR, NEGATIVE, NOTHING
from emotrack.training.features.store import Store
from emotrack.training.loop.metrics import percent
from emotrack.training.tasks.network.data import RENAMED, read_dialogues
from emotrack.training.tasks.network.dialogues import ReadDialogue, Tokens
from emotrack.training.tasks.network.evaluation import DialogueSet, Outcome, measure, outcome

PICTURES = (4, 8)
"""Fewest and most pictures of a track."""
OF_LABEL = 0.3
"""Of the faces and voices that are drawn by label, the share that shows it."""
PLAIN_FACES, PLAIN_VOICES = 0.45, 0.3
"""The share of each that is neutral; the others show any class."""
SMILES = 0.5
"""Share of the lines in which a smiler smiles."""
ORDINARY = "ordinary speech"
"""In the place of a class: a voice that means nothing."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What one utterance shows beside its words: the name of a class, or `ORDINARY`; None where that mode is
    missing."""

    voice: str | None = None
    face: str | None = None


Case = Callable[[str | None, np.random.Generator], Shown]
"""From a label, None for an utterance without one, to what is shown."""


def by_label(label: str | None, plain: float, random: np.random.Generator, classes: Sequence[str]) -> str:
    """What a face or a voice shows that is drawn by label, the share `plain` of which shows nothing."""
    chance = random.random()
    if chance < OF_LABEL and label is not None:
        return label
    return "neutral" if chance < OF_LABEL + plain else str(random.choice(classes))


def cases_of(classes: Sequence[str]) -> dict[str, Case]:
    """The tests by name, for a corpus with these classes; "neutral", "joy" and "anger" must be among them."""

    def drawn(label: str | None, random: np.random.Generator) -> Shown:
        return Shown(face=by_label(label, PLAIN_FACES, random, classes))

    def both(label: str | None, random: np.random.Generator) -> Shown:
        return replace(drawn(label, random), voice=by_label(label, PLAIN_VOICES, random, classes))

    def smiler(label: str | None, random: np.random.Generator) -> Shown:
        return Shown(face="joy") if random.random() < SMILES else drawn(label, random)

    return {
        "nothing": lambda label, random: Shown(),
        "ordinary voice": lambda label, random: Shown(voice=ORDINARY),
        "neutral face": lambda label, random: Shown(face="neutral"),
        HAPPY: lambda label, random: Shown(face="joy"),
        "angry face, every line": lambda label, random: Shown(face="anger"),
        "a person who smiles in half of the lines, else drawn": smiler,
        "face drawn by label": drawn,
        "voice and face drawn by label": both,
        "face of the label": lambda label, random: Shown(face=label),
        "voice and face of the label": lambda label, random: Shown(voice=label, face=label),
    }


HAPPY = "happy face, every line"
"""Beside this one, lines are counted whose words are clear."""


@dataclass(frozen=True, slots=True)
class Repertoire:
    """Test descriptors to draw from, by what they show: voice clips [k, width] each, and pictures [n,
    width]."""

    voices: Mapping[str, Sequence[NDArray[np.float32]]]
    faces: Mapping[str, NDArray[np.float32]]

    def can(self, shown: Shown) -> bool:
        """Whether there is something to draw from."""
        return (shown.voice is None or shown.voice in self.voices) and (
            shown.face is None or shown.face in self.faces
        )

    def draw(self, shown: Shown, random: np.random.Generator) -> dict[Modality, NDArray[np.float32]]:
        """The tokens of one clip, and of a track of 4 to 8 pictures."""
        tokens: dict[Modality, NDArray[np.float32]] = {}
        if shown.voice is not None:
            clips = self.voices[shown.voice]
            tokens["audio"] = clips[int(random.integers(len(clips)))]
        if shown.face is not None:
            pictures = self.faces[shown.face]
            tokens["face"] = pictures[
                random.integers(len(pictures), size=random.integers(PICTURES[0], PICTURES[1] + 1))
            ]
        return tokens


def read_repertoire(voices: Store | None, faces: Store | None, ordinary: Store | None) -> Repertoire:
    """What the test splits of stores of acted clips, of pictures and of ordinary speech have; of the
    pictures, those that a majority names."""
    spoken = {} if voices is None else _by_label(voices, "audio")
    if ordinary is not None:
        spoken[ORDINARY] = [clip for clips in _by_label(ordinary, "audio").values() for clip in clips]
    shown = (
        {}
        if faces is None
        else {name: np.concatenate(found) for name, found in _by_label(faces, "face").items()}
    )
    return Repertoire(spoken, shown)


def _by_label(store: Store, modality: Modality) -> dict[str, list[NDArray[np.float32]]]:
    found: dict[str, list[NDArray[np.float32]]] = {}
    for index, row in enumerate(store.rows):
        if row.split == "test" and row.version == 0 and row.label is not None:
            tokens = store.tokens(index).get(modality)
            if tokens is not None:
                found.setdefault(RENAMED.get(row.label, row.label), []).append(tokens.astype(np.float32))
    return found


def beside_words(
    dialogues: Sequence[ReadDialogue], classes: Sequence[str], case: Case, repertoire: Repertoire, seed: int
) -> list[ReadDialogue] | None:
    """The dialogues with their words and what `case` draws beside them; None where the repertoire lacks
    something of it."""
    changed = []
    for number, dialogue in enumerate(dialogues):
        randoms = {
            speaker: np.random.default_rng((seed, number, speaker))
            for speaker in set(dialogue.speakers.tolist())
        }
        tokens = []
        for given, label, speaker in zip(
            dialogue.tokens, dialogue.labels.tolist(), dialogue.speakers.tolist(), strict=True
        ):
            shown = case(classes[label] if label >= 0 else None, randoms[speaker])
            if not repertoire.can(shown):
                return None
            beside = repertoire.draw(shown, randoms[speaker])
            tokens.append({"text": given["text"], **beside} if "text" in given else beside)
        changed.append(replace(dialogue, tokens=tuple(tokens)))
    return changed


DIALOGUES = 60
"""The first ones are enough: every utterance is fused and labelled once more for each modality that it
has."""


@torch.inference_mode()
def weight_figures(bundle: Bundle, dialogues: Sequence[ReadDialogue]) -> Weights | None:
    """Published weights of utterances with several modalities, beside how far the label's odds move without
    each of these.

    What is left out is left out of the utterance before it is fused, with the dialogue before it as it was.
    None where no utterance has several modalities, and for networks that do not weigh evidence: those publish
    the weights of their fusion.
    """
    if not bundle.configuration.weighs_evidence:
        return None
    context, trained = PlainContext(bundle.network), bundle.configuration.trained

    def said(tokens: Tokens) -> Floats:
        row: Floats = (
            bundle.network.fuse(collate([dict(tokens)], bundle.configuration.widths)).said[0].cpu().numpy()
        )
        return row

    published, measured, words = list[list[float]](), list[list[float]](), list[float]()
    for dialogue in dialogues[:DIALOGUES]:
        live = Dialogue(context)
        for number, (tokens, speaker) in enumerate(
            zip(dialogue.tokens, dialogue.speakers.tolist(), strict=True)
        ):
            present: dict[Modality, int] = {
                one: len(tokens[one]) for one in MODALITIES if one in tokens and one in trained
            }
            row, memory = said(tokens), live.memory(str(speaker))
            label = live.commit(str(number), row, str(speaker))
            if len(present) < 2:
                continue
            whole = context.step(row, memory)[0].logits
            rest = [said({one: tokens[one] for one in present if one != left_out}) for left_out in present]
            lost = [whole - context.step(one, memory)[0].logits for one in rest]
            weights = modality_weights(label.influences.tolist(), present)
            published.append([weights[one] for one in present])
            measured.append([float(influences(whole, one[None])[0]) for one in lost])
            words.append(weights["text"])
    return agreement(published, measured, words) if published else None


def agreement(
    published: Sequence[Sequence[float]], measured: Sequence[Sequence[float]], words: Sequence[float]
) -> Weights:
    """Of weights, an utterance each, with what was measured of the same modalities; `words`: their weight in
    each."""
    shares = [[one / max(sum(row), 1e-9) for one in row] for row in measured]
    agrees = [
        int(np.argmax(weights)) == int(np.argmax(moved))
        for weights, moved in zip(published, measured, strict=True)
    ]
    return Weights(
        utterances=len(published),
        correlation=round(float(spearmanr(np.concatenate(published), np.concatenate(shares)).statistic), 3),
        top=percent(float(np.mean(agrees))),
        deviation=round(float(np.std(words)), 3),
    )


def drawn_figures(
    bundle: Bundle,
    dialogues: Store,
    voices: Store | None,
    faces: Store,
    ordinary: Store | None,
    advance: Advance,
) -> DrawnFigures:
    """Live labels of the test dialogues with every case of `drawn.cases_of` that the stores have something
    for.

    Raises UserError where a store was made by other encoders than the bundle's.
    """
    for store in (dialogues, voices, faces, ordinary):
        if store is not None:
            check_encoders(bundle, store)
    classes, repertoire = bundle.configuration.classes, read_repertoire(voices, faces, ordinary)
    read, found = read_dialogues(dialogues, "test"), dict[str, BesideWords]()
    clear, weights = np.zeros(0, bool), None
    for name, case in cases_of(classes).items():
        changed = beside_words(read, classes, case, repertoire, TEST_SEED)
        if changed is not None:
            held = DialogueSet.draw(changed, None, bundle.configuration.widths, TEST_SEED)
            result = outcome(bundle.network, held, bundle.configuration.trained)
            if name == NOTHING:
                clear = clear_negatives(bundle, result)
            found[name] = _figures(bundle, result, clear)
            if name == BOTH_DRAWN:
                weights = weight_figures(bundle, changed)
        advance(name)
    return DrawnFigures(utterances=len(clear), clear=int(clear.sum()), cases=found, weights=weights)


def probabilities_of(bundle: Bundle, result: Outcome) -> np.ndarray:
    """The calibrated probabilities [n, c] of the live labels."""
    return bundle.network.probabilities(result.live, result.modes).numpy()


def clear_negatives(bundle: Bundle, words: Outcome) -> np.ndarray:
    """Which lines are clear and negative, bool [n]: their label is sadness, anger, fear or disgust, and from
    the words alone it is named live with a probability of at least `CLEAR`."""
    classes, labels = bundle.configuration.classes, words.labels.numpy()
    probabilities = probabilities_of(bundle, words)
    negative = np.isin(labels, [classes.index(name) for name in NEGATIVE if name in classes])
    found: np.ndarray = negative & (probabilities.argmax(1) == labels) & (probabilities.max(1) >= CLEAR)
    return found


def _figures(bundle: Bundle, result: Outcome, clear: np.ndarray) -> BesideWords:
    figures = measure(bundle.network, result.live, result)
    named, labels = result.live.argmax(1).numpy(), result.labels.numpy()
    kept = (named == labels)[clear]
    return BesideWords(
        weighted_f1=figures.weighted_f1,
        macro_f1=figures.macro_f1,
        calibration_error=figures.calibration_error,
        joy=percent((named == bundle.configuration.classes.index("joy")).mean()),
        kept=percent(kept.mean()) if len(kept) else 0.0,
    )
