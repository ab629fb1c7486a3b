"""What people show beside their words, drawn to test fusion: smiles that mean nothing, faces of another class, or of the label.

It is drawn for each speaker of a dialogue by itself, so that habits are those of a person. The shares are fixed here, whatever a
network was trained with: the tests are to stay the same. A face is a track of pictures of several people, for no set of
photographs shows one person in all moods.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from emotrack.model.configuration import Stream
from emotrack.training.dialogues import ReadDialogue
from emotrack.training.features.store import Store
from emotrack.training.reading import RENAMED

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
    """What one utterance shows beside its words: the name of a class, or `ORDINARY`; None where that mode is missing."""

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
    """Test descriptors to draw from, by what they show: voice clips [k, width] each, and pictures [n, width]."""

    voices: Mapping[str, Sequence[NDArray[np.float32]]]
    faces: Mapping[str, NDArray[np.float32]]

    def can(self, shown: Shown) -> bool:
        """Whether there is something to draw from."""
        return (shown.voice is None or shown.voice in self.voices) and (shown.face is None or shown.face in self.faces)

    def draw(self, shown: Shown, random: np.random.Generator) -> dict[Stream, NDArray[np.float32]]:
        """The tokens of one clip, and of a track of 4 to 8 pictures."""
        tokens: dict[Stream, NDArray[np.float32]] = {}
        if shown.voice is not None:
            clips = self.voices[shown.voice]
            tokens["audio"] = clips[int(random.integers(len(clips)))]
        if shown.face is not None:
            pictures = self.faces[shown.face]
            tokens["face"] = pictures[random.integers(len(pictures), size=random.integers(PICTURES[0], PICTURES[1] + 1))]
        return tokens


def read_repertoire(voices: Store | None, faces: Store | None, ordinary: Store | None) -> Repertoire:
    """What the test splits of stores of acted clips, of pictures and of ordinary speech have; of the pictures, those that a
    majority names."""
    spoken = {} if voices is None else _by_label(voices, "audio")
    if ordinary is not None:
        spoken[ORDINARY] = [clip for clips in _by_label(ordinary, "audio").values() for clip in clips]
    shown = {} if faces is None else {name: np.concatenate(found) for name, found in _by_label(faces, "face").items()}
    return Repertoire(spoken, shown)


def _by_label(store: Store, stream: Stream) -> dict[str, list[NDArray[np.float32]]]:
    found: dict[str, list[NDArray[np.float32]]] = {}
    for index, row in enumerate(store.rows):
        if row.split == "test" and row.version == 0 and row.label is not None:
            tokens = store.tokens(index).get(stream)
            if tokens is not None:
                found.setdefault(RENAMED.get(row.label, row.label), []).append(tokens.astype(np.float32))
    return found


def beside_words(
    dialogues: Sequence[ReadDialogue], classes: Sequence[str], case: Case, repertoire: Repertoire, seed: int
) -> list[ReadDialogue] | None:
    """The dialogues with their words and what `case` draws beside them; None where the repertoire lacks something of it."""
    changed = []
    for number, dialogue in enumerate(dialogues):
        randoms = {speaker: np.random.default_rng((seed, number, speaker)) for speaker in set(dialogue.speakers.tolist())}
        tokens = []
        for given, label, speaker in zip(dialogue.tokens, dialogue.labels.tolist(), dialogue.speakers.tolist(), strict=True):
            shown = case(classes[label] if label >= 0 else None, randoms[speaker])
            if not repertoire.can(shown):
                return None
            beside = repertoire.draw(shown, randoms[speaker])
            tokens.append({"text": given["text"], **beside} if "text" in given else beside)
        changed.append(replace(dialogue, tokens=tuple(tokens)))
    return changed
