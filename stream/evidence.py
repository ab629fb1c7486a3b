"""What is known about an utterance, stream by stream: token vectors for the network, or the reason why there are none."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from emotrack.engines.encoders import Encoders
from emotrack.model.configuration import STREAMS, Stream
from emotrack.stream.conversation import TextContext
from emotrack.stream.feed import Feed
from emotrack.stream.seeing.looking import Found, look_at
from emotrack.stream.transcription.readable import SpokenLanguage, unreadable
from emotrack.stream.transcription.transcript import Transcript
from emotrack.stream.utterance import Utterance

USER = "user"
SHED = "shed"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Token vectors float32 [n, dim] by stream (an absent one is missing), and why each absent stream is absent."""

    tokens: dict[Stream, np.ndarray]
    reasons: dict[Stream, str]
    face: int | None
    """Track of the speaker's face."""
    transcript: Transcript | None
    context: TextContext
    """What the transcript was read with."""
    crops: np.ndarray | None
    """What the face tokens describe, in their order: uint8 [n, 48, 48]; None without them."""

    @property
    def words(self) -> str | None:
        """What was said, where that reaches the network."""
        return self.transcript.text if self.transcript is not None and "text" in self.tokens else None


@dataclass(frozen=True, slots=True)
class Heard:
    """An utterance's transcript, or the reason why there is none."""

    transcript: Transcript | None
    reason: str = "no words"


def gather(
    utterance: Utterance,
    feed: Feed,
    heard: Heard,
    context: TextContext,
    encoders: Encoders,
    modes: Collection[Stream],
    end: float,
    spoken: SpokenLanguage,
    *,
    finished: bool,
    sheds_bodies: bool,
) -> Evidence:
    """Describe an utterance up to session time `end`; `finished` tells whether it would end there (then its tail counts too).

    `context` is what its words are read with, `spoken` the language of its conversation. `sheds_bodies`: bodies are not looked for
    at the moment, to save time.
    """
    seen = feed.seen_between(utterance.start, end)
    blind = encoders.blind if feed.video_up or seen else "no video"
    face, faces, bodies = look_at(seen, blind, SHED if sheds_bodies else "no frame")
    found: dict[Stream, Found] = {
        "text": _words(heard, context, encoders, modes, spoken),
        "audio": _sound(utterance, finished),
        "face": faces,
        "body": bodies,
    }
    transcript = heard.transcript if "text" in modes else None
    return assemble(found, modes, encoders.unusable, face if "face" in modes else None, transcript, context)


def reread(evidence: Evidence, encoders: Encoders, context: TextContext) -> Evidence:
    """The same evidence, but that its words are read with `context`."""
    assert evidence.words is not None and encoders.text is not None
    text = encoders.text.encode(evidence.words, context.speaker, context.before)
    return replace(evidence, tokens={**evidence.tokens, "text": text}, context=context)


def complete(
    evidence: Evidence, transcript: Transcript, encoders: Encoders, context: TextContext, spoken: SpokenLanguage
) -> Evidence:
    """The same evidence, but that its words, for which nobody waited, have come; `context` is what they are read with."""
    words = _words(Heard(transcript), context, encoders, STREAMS, spoken)
    obstacle = _obstacle(words)
    tokens = dict(evidence.tokens)
    reasons: dict[Stream, str] = {stream: why for stream, why in evidence.reasons.items() if stream != "text"}
    if obstacle is not None:
        reasons["text"] = obstacle
    elif words.tokens is not None:
        tokens["text"] = words.tokens
    return replace(evidence, tokens=tokens, reasons=reasons, transcript=transcript, context=context)


def _words(heard: Heard, context: TextContext, encoders: Encoders, modes: Collection[Stream], spoken: SpokenLanguage) -> Found:
    if heard.transcript is None or encoders.text is None or "text" in encoders.unusable or "text" not in modes:
        return Found(None, heard.reason)
    if (problem := unreadable(heard.transcript, spoken.of(heard.transcript), encoders.text.languages)) is not None:
        return Found(None, problem)
    return Found(encoders.text.encode(heard.transcript.text, context.speaker, context.before), "no words")


def _sound(utterance: Utterance, finished: bool) -> Found:
    if utterance.description is None:
        return Found(None, utterance.silence)
    return Found(utterance.description.finished() if finished else utterance.description.so_far(), "no audio")


def assemble(
    found: Mapping[Stream, Found],
    modes: Collection[Stream],
    unusable: Mapping[Stream, str],
    face: int | None,
    transcript: Transcript | None,
    context: TextContext,
) -> Evidence:
    """Keep what is present, allowed by the user (`modes`) and known to the network (`unusable` names the rest and says why)."""
    tokens: dict[Stream, np.ndarray] = {}
    reasons: dict[Stream, str] = {}
    for stream in STREAMS:
        part = found[stream]
        obstacle = USER if stream not in modes else unusable[stream] if stream in unusable else _obstacle(part)
        if obstacle is not None:
            reasons[stream] = obstacle
        elif part.tokens is not None:
            tokens[stream] = part.tokens
    return Evidence(tokens, reasons, face, transcript, context, found["face"].crops if "face" in tokens else None)


def _obstacle(part: Found) -> str | None:
    """Why the network cannot be given what was found of a stream, or None."""
    if part.tokens is None or len(part.tokens) == 0:
        return part.reason
    return None if np.isfinite(part.tokens).all() else "not finite"
