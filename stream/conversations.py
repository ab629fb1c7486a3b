"""The conversations of a session: one that all its feeds take part in, or one for each."""

from collections.abc import Iterator, Sequence

from emotrack.model.configuration import Stream
from emotrack.stream.conclusions import Conclusions
from emotrack.stream.feed import Feed
from emotrack.stream.parts import Parts
from emotrack.stream.recogniser_watch import RecogniserWatch
from emotrack.stream.seeing.vision import Vision
from emotrack.stream.speakers.assign import make_assigners


class Conversations:
    """Owned by the loop. What is said in one conversation neither changes nor delays what is made of another."""

    def __init__(self, feeds: Sequence[Feed], vision: Vision, parts: Parts, *, patient: bool) -> None:
        """`patient`: see `Conclusions`."""
        apart = parts.settings.speakers.conversations == "apart"
        groups = [{feed.index: feed} for feed in feeds] if apart else [{feed.index: feed for feed in feeds}]
        watch = RecogniserWatch(parts.settings.labels.text_deadline, parts.transcriber)
        assigners = make_assigners(parts.settings.speakers, len(groups))
        self._all = [
            Conclusions(group, vision, parts, assigner, watch, patient=patient)
            for group, assigner in zip(groups, assigners, strict=True)
        ]
        self._by_feed = {index: conclusions for group, conclusions in zip(groups, self._all, strict=True) for index in group}
        self.modes: tuple[Stream, ...] = parts.settings.modes
        """The streams that are used."""

    def __iter__(self) -> Iterator[Conclusions]:
        return iter(self._all)

    def of(self, feed: int) -> Conclusions:
        """The conversation in which the feed of this index takes part."""
        return self._by_feed[feed]

    @property
    def waiting(self) -> int:
        """Utterances that have ended and are not labelled yet."""
        return sum(conclusions.waiting for conclusions in self._all)

    @property
    def owed(self) -> float:
        """Seconds for which the longest waiting of them has waited, as far as the machine's speed is to blame."""
        return max(conclusions.owed for conclusions in self._all)

    @property
    def late_texts(self) -> int:
        """Final labels that did not wait for their transcript."""
        return sum(conclusions.late_texts for conclusions in self._all)

    @property
    def late_sights(self) -> int:
        """Final labels that did not wait for frames to be looked at."""
        return sum(conclusions.late_sights for conclusions in self._all)

    def set_modes(self, modes: tuple[Stream, ...]) -> None:
        """Use only these streams from now on."""
        self.modes = modes
        for conclusions in self._all:
            conclusions.set_modes(modes)

    def settle(self, *, wait: bool) -> None:
        """See `Conclusions.settle`."""
        for conclusions in self._all:
            conclusions.settle(wait=wait)

    def finish(self) -> None:
        """See `Conclusions.finish`."""
        for conclusions in self._all:
            conclusions.finish()

    def hurry(self) -> None:
        """The session is to end; callable from any thread."""
        for conclusions in self._all:
            conclusions.hurry()

    def close(self) -> None:
        """Let go of what utterances still hold."""
        for conclusions in self._all:
            conclusions.close()
