"""The modalities of an utterance, and the modes of the papers' mathematics, which join two of them."""

from typing import Literal

Modality = Literal["text", "audio", "face", "body"]
Mode = Literal["text", "audio", "vision"]

MODALITIES: tuple[Modality, ...] = ("text", "audio", "face", "body")
"""What is described of an utterance as tokens, in the order of every tensor that has a modality axis."""

MODES: tuple[Mode, ...] = ("text", "audio", "vision")
"""The modes t, a, v of AM²-EmoJE, in the order of every tensor that has a mode axis; vision joins face and
body."""

SIGNALS: tuple[Mode, ...] = ("audio", "vision")
"""The modes that show something whatever is said, in the order of every tensor that has a signal axis."""

MODE_SETS = 2 ** len(MODES)
"""Sets of modes that an utterance may have, numbered by bits: 1 for text, 2 for audio, 4 for vision."""

MODALITY_MODES: dict[Modality, Mode] = {"text": "text", "audio": "audio", "face": "vision", "body": "vision"}
