"""Evidence on disk: what each final label of a session was made from, one safetensors file an utterance with
JSON in its header.

It is personal data (words, voice, faces), so it is kept only where somebody asks for it, is readable by its
owner only, and takes no more than `LIMIT` bytes a session.
"""

import os
import re
from collections import deque
from pathlib import Path
from typing import Literal

import numpy as np
import safetensors.numpy
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open

from emotrack.engines.networks.passages import DialogueLine
from emotrack.errors import UserError
from emotrack.files import owner_only
from emotrack.modalities import MODALITIES, Modality
from emotrack.model.dialogue.state import SpeakerMemory
from emotrack.notify import plain
from emotrack.stream.labels.conversation import TextContext
from emotrack.stream.labels.evidence import Evidence, LabelledUtterance
from emotrack.stream.transcription.transcript import Transcript
from emotrack.stream.wire.publish.sinks import SinkFailed
from emotrack.stream.wire.recordings.reading import SUFFIXES

LIMIT = 1 << 30
"""Bytes a session: over two hours of speech. The oldest utterances give way."""
SUFFIX = ".evidence"
_MEMORY = ("dialogue_hidden", "dialogue_cell", "speaker_hidden", "speaker_cell", "usual", "usual_count")
_REMEDY = "record it again"


class _EvidenceMeta(BaseModel):
    """What goes beside the tensors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["emotrack evidence"] = "emotrack evidence"
    version: Literal[3] = 3
    bundle: str
    utterance: int
    source: str
    speaker: str
    start: float
    end: float
    reasons: dict[Modality, str]
    face: int | None
    transcript: tuple[str, str | None, str, float | None] | None
    context: tuple[int, list[tuple[int, str]]]
    """The speaker's number, and the lines before: their speaker's number, and the words."""


class EvidenceRecorder:
    """An observer that writes each labelled utterance into `folder` as it comes."""

    def __init__(self, folder: Path, limit: int = LIMIT) -> None:
        """Raises `UserError` where the folder cannot be made."""
        self.name = f"Evidence in {plain(str(folder))}"
        self._folder, self._limit = folder, limit
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            before = sorted(folder.glob("utterance-*.safetensors"))  # of a session that is gone on with
            self._kept = deque((path, path.stat().st_size) for path in before)
        except OSError as error:
            raise UserError(f"No evidence can be kept in {folder}: {error.strerror}.") from error
        self._bytes = sum(size for _, size in self._kept)

    def __call__(self, labelled: LabelledUtterance) -> None:
        """Keep one more; raises `SinkFailed` where that cannot be."""
        data = packed(labelled)
        path = self._folder / f"utterance-{labelled.utterance:06}.safetensors"
        try:
            _write(path, data)
            self._kept.append((path, len(data)))
            self._bytes += len(data)
            while self._bytes > self._limit and len(self._kept) > 1:
                oldest, size = self._kept.popleft()
                oldest.unlink(missing_ok=True)
                self._bytes -= size
        except OSError as error:
            raise SinkFailed(f"{self.name} is no longer kept: {error.strerror}.") from error


def packed(labelled: LabelledUtterance) -> bytes:
    """A labelled utterance as the bytes of a safetensors file; sound as 16-bit samples."""
    evidence, transcript = labelled.evidence, labelled.evidence.transcript
    tensors = {f"tokens.{modality}": tokens for modality, tokens in evidence.tokens.items()}
    tensors |= {f"memory.{name}": getattr(labelled.memory, name) for name in _MEMORY}
    tensors["probabilities"] = labelled.probabilities
    tensors["audio_16k"] = (labelled.audio_16k.clip(-1, 1) * 32_767).round().astype(np.int16)
    if evidence.crops is not None:
        tensors["crops"] = evidence.crops
    meta = _EvidenceMeta(
        bundle=labelled.bundle,
        utterance=labelled.utterance,
        source=labelled.source,
        speaker=labelled.speaker,
        start=labelled.start,
        end=labelled.end,
        reasons=evidence.reasons,
        face=evidence.face,
        transcript=None
        if transcript is None
        else (transcript.text, transcript.language, transcript.asr, transcript.confidence),
        context=(evidence.context.speaker, [(line.speaker, line.text) for line in evidence.context.before]),
    )
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    return safetensors.numpy.save(contiguous, {"emotrack": meta.model_dump_json()})


def unpacked(path: Path) -> LabelledUtterance:
    """The labelled utterance in a file; raises `UserError` where it is damaged or of another version."""
    try:
        with safe_open(path, "np") as file:
            meta = _EvidenceMeta.model_validate_json((file.metadata() or {}).get("emotrack", ""))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        memory = SpeakerMemory(**{name: tensors[f"memory.{name}"] for name in _MEMORY})
        return LabelledUtterance(
            utterance=meta.utterance,
            source=meta.source,
            speaker=meta.speaker,
            start=meta.start,
            end=meta.end,
            evidence=Evidence(
                {
                    modality: tensors[f"tokens.{modality}"]
                    for modality in MODALITIES
                    if f"tokens.{modality}" in tensors
                },
                dict(meta.reasons),
                meta.face,
                None if meta.transcript is None else Transcript(*meta.transcript),
                TextContext(meta.context[0], tuple(DialogueLine(*line) for line in meta.context[1])),
                tensors.get("crops"),
            ),
            audio_16k=tensors["audio_16k"].astype(np.float32) / 32_767,
            memory=memory,
            probabilities=tensors["probabilities"],
            bundle=meta.bundle,
        )
    except (OSError, SafetensorError, ValidationError, KeyError) as error:
        raise UserError(f"The evidence {path} is damaged or of another version: {_REMEDY}.") from error


def evidence_of(recording: Path) -> dict[int, Path]:
    """The kept utterances of a recording, by number: `recording` is what `emotrack run --record` was given, a
    recording in it, or a session's folder of evidence. Raises `UserError` where there is no
    evidence, or of several sessions."""
    if recording.suffix == SUFFIX and recording.is_dir():
        folders = [recording]
    elif recording.suffix in SUFFIXES:
        folders = [recording.with_suffix(SUFFIX)]
    else:
        folders = sorted(path for path in recording.iterdir() if path.suffix == SUFFIX and path.is_dir())
    if len(folders) > 1:
        raise UserError(
            f"{recording} holds the evidence of {len(folders)} sessions: name one of them, such as "
            f"{folders[-1]}."
        )
    found = {
        int(match[1]): path
        for folder in folders
        if folder.is_dir()
        for path in sorted(folder.iterdir())
        if (match := re.fullmatch(r"utterance-(\d+)\.safetensors", path.name))
    }
    if not found:
        raise UserError(
            f"{recording} was recorded without evidence, so nothing in it can be explained: `emotrack run "
            "SOURCE --record DIR --keep-evidence` keeps words, voice and faces for that."
        )
    return found


def _write(path: Path, data: bytes) -> None:
    """Complete or absent, and for its owner's eyes only."""
    temporary = path.with_name(path.name + ".new")
    try:
        with open(temporary, "wb", opener=owner_only) as file:
            file.write(data)
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
