"""Describes the utterances of a corpus, a shard's rows at a time: words, sound, faces and bodies, each in
batches."""

import zlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emotrack.engines.encoders.face.expression import FaceEncoder
from emotrack.engines.encoders.sound.segments import AudioEncoder, SegmentRule
from emotrack.engines.encoders.text.encoder import TextEncoder
from emotrack.engines.networks.passages import DialogueLine
from emotrack.modalities import Modality
from emotrack.training.corpora.records import Corpus, CorpusRow, CorpusUtterance, Picture, number_speakers
from emotrack.training.features.manifest import SkippedNote
from emotrack.training.features.recognised import FORMS, Recogniser
from emotrack.training.features.sight import Eyes, watch
from emotrack.training.features.sound import TOO_LONG, Span, Unreadable, hear, hear_acted
from emotrack.training.features.store import DescribedRow, Tokens

SEGMENTS = 32
"""Audio segments described at once."""
FACES = 256
"""Face images described at once."""
MISHEARD = 0.08
"""Share of the words of a copy that are lost or taken for others, as Whisper tiny.en does with sentences that
a TTS voice reads."""


@dataclass(slots=True)
class CorpusDescriber:
    """Describes rows of `corpus`; `advance` is told of rows as they are done."""

    corpus: Corpus
    eyes: Eyes
    advance: Callable[[int], None]
    _dialogues: dict[tuple[str, int, str], list[int]] = field(init=False)
    _recogniser: Recogniser = field(init=False)

    def __post_init__(self) -> None:
        self._dialogues = defaultdict(list)
        for number, one in enumerate(self.corpus.utterances):
            self._dialogues[one.row.split, one.row.version, one.row.dialogue].append(number)
        self._recogniser = Recogniser(one.row.text for one in self.corpus.utterances if not one.row.version)

    def __call__(self, rows: range) -> list[DescribedRow]:
        """Tokens of the rows, and what went wrong with each."""
        encoders = self.eyes.encoders
        chosen = {number: self.corpus.utterances[number] for number in rows}
        tokens: dict[int, Tokens] = {number: dict(one.given or {}) for number, one in chosen.items()}
        problems: dict[int, list[str]] = {number: [] for number in rows}
        if encoders.text is not None:
            _put(tokens, "text", self._words(chosen, encoders.text))
        if encoders.face is not None:
            _put(tokens, "face", _faces(chosen, encoders.face))
        if encoders.audio is not None:
            _put(tokens, "audio", self._sounds(chosen, encoders.audio, problems))
        self._pictures(chosen, tokens, problems)
        return [_checked(chosen[number], tokens[number], problems[number]) for number in rows]

    def _words(
        self, chosen: dict[int, CorpusUtterance], encoder: TextEncoder
    ) -> dict[int, NDArray[np.floating]]:
        """Every dialogue is read whole, for what was said before counts; what belongs to another shard is
        dropped."""
        found: dict[int, NDArray[np.floating]] = {}
        for key in dict.fromkeys(
            (one.row.split, one.row.version, one.row.dialogue) for one in chosen.values()
        ):
            members = self._dialogues[key]
            said = [self.corpus.utterances[number].row for number in members]
            speakers = number_speakers([row.speaker for row in said]).tolist()
            lines = [
                DialogueLine(speaker, self._read(row)) for speaker, row in zip(speakers, said, strict=True)
            ]
            read = zip(members, encoder.encode_dialogue(lines), strict=True)
            found |= {number: vectors for number, vectors in read if number in chosen}
        return found

    def _read(self, row: CorpusRow) -> str:
        """The words of a row; those of a copy as a recogniser writes them, by its name and number alone."""
        if not row.version:
            return row.text
        random = np.random.default_rng((row.version, zlib.crc32(row.name.encode())))
        return self._recogniser.write(row.text, FORMS[row.version % len(FORMS)], random, MISHEARD)

    def _sounds(
        self, chosen: dict[int, CorpusUtterance], encoder: AudioEncoder, problems: dict[int, list[str]]
    ) -> dict[int, NDArray[np.floating]]:
        rule, cut = SegmentRule.of(encoder), {}
        for number, sound in self._heard(chosen, encoder.rate).items():
            if isinstance(sound, Unreadable):
                problems[number].append(str(sound))
            else:
                cut[number] = rule.all(sound)
        described = _in_batches(encoder.encode, list(cut.values()), SEGMENTS)
        return dict(zip(cut, described, strict=True))

    def _heard(
        self, chosen: dict[int, CorpusUtterance], rate: int
    ) -> dict[int, NDArray[np.float32] | Unreadable]:
        """The sound of those that have any, float32 [n] at `rate`; what lies in one file is heard in one pass
        over it."""
        found: dict[int, NDArray[np.float32] | Unreadable] = {}
        files: dict[Path, dict[int, Span]] = defaultdict(dict)
        for number, one in chosen.items():
            if one.sound is None:
                continue
            if not self.corpus.acted:
                files[one.sound][number] = one.span
                continue
            try:
                found[number] = hear_acted(one, rate)
            except Unreadable as error:
                found[number] = error
        for path, spans in files.items():
            found |= hear(path, spans, rate)
        return found

    def _pictures(
        self, chosen: dict[int, CorpusUtterance], tokens: dict[int, Tokens], problems: dict[int, list[str]]
    ) -> None:
        """What is seen, file by file; rows without a picture are done with as they are."""
        files: dict[Path, dict[int, Picture]] = defaultdict(dict)
        for number, one in chosen.items():
            if one.picture is not None and TOO_LONG not in problems[number]:
                files[one.picture.path][number] = one.picture
        for path, pictures in files.items():
            seen = watch(path, pictures, self.eyes) if self.eyes.encoders.face_detector is not None else {}
            for number, found in seen.items():
                if isinstance(found, Unreadable):
                    problems[number].append(str(found))
                else:
                    tokens[number] |= found
            self.advance(len(pictures))
        self.advance(len(chosen) - sum(len(pictures) for pictures in files.values()))


def _faces(chosen: dict[int, CorpusUtterance], encoder: FaceEncoder) -> dict[int, NDArray[np.floating]]:
    """One token for each image; a copy is the mirror image."""
    images = {number: one.image for number, one in chosen.items() if one.image is not None}
    crops = [image[:, ::-1] if chosen[number].row.version else image for number, image in images.items()]
    described = [
        encoder.encode(np.stack(crops[start : start + FACES])) for start in range(0, len(crops), FACES)
    ]
    return {
        number: vector[None]
        for number, vector in zip(images, (one for part in described for one in part), strict=True)
    }


def _in_batches(
    encode: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    cut: Sequence[NDArray[np.float32]],
    size: int,
) -> list[NDArray[np.float32]]:
    """Describe the segments of several utterances together, at most `size` at once."""
    if not cut:
        return []
    every = np.concatenate(cut)
    described = np.concatenate([encode(every[start : start + size]) for start in range(0, len(every), size)])
    return np.split(described, np.cumsum([len(one) for one in cut])[:-1])


def _put(tokens: dict[int, Tokens], modality: Modality, found: dict[int, NDArray[np.floating]]) -> None:
    for number, vectors in found.items():
        if len(vectors):
            tokens[number][modality] = vectors


def _checked(one: CorpusUtterance, tokens: Tokens, problems: Sequence[str]) -> DescribedRow:
    """What is kept of a row: no numbers that are none, as the tracker would mask them, and each problem
    once."""
    said = list(dict.fromkeys(problems))
    for modality in [modality for modality, vectors in tokens.items() if not np.isfinite(vectors).all()]:
        del tokens[modality]
        said.append(f"its {modality} gives numbers that are not finite")
    name = one.row.name if not one.row.version else f"{one.row.name} (copy {one.row.version})"
    return DescribedRow(tokens, [SkippedNote(name=name, reason=reason) for reason in said])
