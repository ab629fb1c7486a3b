"""What of a session fails at the moment: told once when it begins, and again only after it has worked in
between, so that a part that fails at each utterance does not flood anybody."""

import math

from emotrack.stream.wire.protocol.messages import Error
from emotrack.stream.wire.publish.outbox import Outbox

WITHOUT = {
    "text": "Words cannot be described, and labels are made without them",
    "words": "Words do not come in time, and labels do without them until they do",
    "audio": "Voices cannot be described, and labels are made without them",
    "face": "Faces cannot be looked at, and labels are made without them",
    "body": "Bodies cannot be looked at, and labels are made without them",
    "speaker": "Nobody can tell who speaks, and the feed's name stands for them",
    "turns": "Nobody can tell where somebody else begins to speak",
    "speech": "Speech cannot be detected, and is taken to go on as it was",
    "network": "What labels fails, and the same network is run as it is written instead",
    "pace": "The machine is too busy for labels to come in time",
    "partial": "Labels come at the end of an utterance only",
    "revision": "Labels are not revised",
    "late words": "Words that labels did not wait for are given up where they come too late",
    "amending": "What comes to be known later is not taken into labels",
    "keeping": "The session cannot be saved, and would be gone on with from an earlier label",
}
"""What is said of each part that may fail by itself."""


CALM = 10.0
"""Seconds after which a part that fails, works and fails is told of again."""


class Troubles:
    """Owned by the loop; shared by all conversations of a session."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._failing: set[tuple[str, str | None]] = set()
        self._told: dict[tuple[str, str | None], float] = {}
        """When each was told of last."""

    def failed(self, part: str, source: str | None, failure: BaseException, time: float) -> None:
        """A part (see `WITHOUT`) failed for a feed at session time `time`; the session goes on."""
        key = part, source
        if key not in self._failing and time - self._told.get(key, -math.inf) >= CALM:
            self._told[key] = time
            self.tell(f"{WITHOUT[part]}: {said(failure)}.", source, time)
        self._failing.add(key)

    def worked(self, part: str, source: str | None) -> None:
        """It does its work (again)."""
        self._failing.discard((part, source))

    def tell(self, sentence: str, source: str | None, time: float) -> None:
        """Tell what failed, in one sentence."""
        self._outbox.emit(Error(message=sentence, continues=True, source=source, time=round(time, 3)))


def said(failure: BaseException) -> str:
    """What an error says, with its kind, in one line without a full stop."""
    text = " ".join(str(failure).split()).rstrip(".")
    kind = type(failure).__name__
    return f"{kind}: {text}" if text else kind
