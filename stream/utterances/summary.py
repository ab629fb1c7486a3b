"""What came of a session, feed by feed, for whoever wonders at its end why there are so many labels or so
few."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from emotrack.stream.hearing.audio import BLOCK_SECONDS
from emotrack.stream.seeing.sightings import Sighting
from emotrack.stream.settings import SegmentationSettings
from emotrack.stream.sources.media import SILENT_PEAK


@dataclass(slots=True)
class FeedSummary:
    """Counts of one feed; they go up while it is tracked."""

    source: str
    minimum_speech: float
    """Seconds of speech that make an utterance."""
    speech_threshold: float
    """Probability from which on a block counts as speech."""
    heard: float = 0.0
    """Seconds of sound, digital silence included."""
    silent: float = 0.0
    """Seconds of digital silence among them: a muted microphone."""
    speech: float = 0.0
    """Seconds of speech among them."""
    looked: int = 0
    """Pictures that were looked at."""
    dark: int = 0
    """Pictures among them in which nothing can be seen."""
    with_faces: int = 0
    """Pictures among them in which there was a face."""
    with_bodies: int = 0
    """Pictures among them in which there was a body."""
    with_people: int = 0
    """Pictures among them in which there was somebody known to be a person, since they moved."""
    faces: int = 0
    """Faces followed; one that was lost for a while counts again."""
    pictures: frozenset[int] = frozenset()
    """Those of them that have been taken for pictures since they last moved."""
    utterances: int = 0
    """Turns of speech, or windows over what was seen, that were begun."""
    labels: int = 0
    """Final labels."""
    failure: str | None = None
    """What the source failed with, in one sentence."""

    @classmethod
    def of(cls, source: str, settings: SegmentationSettings) -> "FeedSummary":
        """Of a feed that has given nothing yet."""
        return cls(source, settings.minimum_speech, settings.start_threshold)

    def hear(self, peak: float, probability: float) -> None:
        """A block with this peak (0 to 1) and this probability of speech."""
        self.heard += BLOCK_SECONDS
        if peak <= SILENT_PEAK:
            self.silent += BLOCK_SECONDS
        elif probability >= self.speech_threshold:
            self.speech += BLOCK_SECONDS

    def see(self, sighting: Sighting) -> None:
        """What was seen in a picture."""
        self.looked += 1
        self.dark += sighting.dark
        self.with_faces += bool(sighting.faces)
        self.with_bodies += bool(sighting.bodies)
        self.with_people += sighting.person_since is not None
        self.faces = max([self.faces, *(face.observation.track for face in sighting.faces)])
        still = {face.observation.track for face in sighting.faces if face.observation.motionless}
        self.pictures = self.pictures - {face.observation.track for face in sighting.faces} | still

    def why_nothing(self, stopped: float | None) -> str:
        """Why there is no label of the feed, in words that follow a colon; `stopped`: see `Summary`."""
        found = [self.failure and self.failure.rstrip("."), self._why_unheard, self._why_unseen]
        reasons = ", ".join(reason for reason in found if reason)
        if stopped is not None and not self.failure:
            end = f"the session was stopped after {stopped:.1f} s"
            return f"{reasons}; {end}" if reasons else f"{end}, before any sound or picture came of it"
        return reasons or "it gave neither sound nor picture"

    @property
    def left_out(self) -> str:
        """What of the feed made no label although other things did, in words that follow a colon; empty where
        nothing did."""
        lost = self.utterances - self.labels
        found = [
            f"{_many(lost, 'utterance')} cut off before the label" if lost else None,
            f"all {self.looked} pictures dark" if self.looked and self.dark == self.looked else None,
            f"{_many(len(self.pictures), 'face')} that did not move" if self.pictures else None,
        ]
        return ", ".join(one for one in found if one)

    @property
    def _why_unheard(self) -> str | None:
        if not self.heard:
            return None
        if self.utterances:
            return f"{self.speech:.1f} s of speech were cut off before their label"
        if self.speech:
            return f"{self.speech:.1f} s of speech, nowhere {self.minimum_speech:g} s of it together"
        if self.silent > 0.9 * self.heard:
            return f"{self.heard:.0f} s of digital silence"
        return f"no speech in {self.heard:.0f} s of sound"

    @property
    def _why_unseen(self) -> str | None:
        if not self.looked:
            return None
        if self.dark == self.looked:
            return f"all {self.looked} pictures dark"
        if not self.with_faces and self.with_bodies:
            return f"a body and no face in {self.with_bodies} of {self.looked} pictures"
        if not self.with_faces:
            return f"no face in {self.looked} pictures"
        seen = f"a face in {self.with_faces} of {self.looked} pictures"
        if not self.with_people:
            return f"{seen}, which did not move"
        return f"{seen}, nowhere for long enough" if self.heard else seen


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of a session."""

    feeds: tuple[FeedSummary, ...]
    stopped: float | None = None
    """Seconds after which the session was stopped before its sources had ended; None where it was not."""

    @property
    def labels(self) -> int:
        """Final labels of all feeds."""
        return sum(feed.labels for feed in self.feeds)

    @property
    def sentence(self) -> str:
        """For people: what there was and, of each feed, what was discarded and why."""
        parts = [
            f"{feed.source} failed: {feed.failure.rstrip('.')}."
            for feed in self.feeds
            if feed.labels and feed.failure
        ]
        parts += [
            f"left out of {feed.source}: {feed.left_out}."
            for feed in self.feeds
            if feed.labels and feed.left_out
        ]
        parts += [
            f"no label of {feed.source}: {feed.why_nothing(self.stopped)}."
            for feed in self.feeds
            if not feed.labels
        ]
        if self.labels:
            speech = sum(feed.speech for feed in self.feeds)
            faces = sum(feed.faces for feed in self.feeds)
            parts.insert(
                0, f"{_many(self.labels, 'label')} from {speech:.0f} s of speech and {_many(faces, 'face')}."
            )
        return " ".join(parts)


def summarise(feeds: Sequence[FeedSummary], stopped: float | None) -> Summary:
    """The feeds' counts as they are now."""
    return Summary(tuple(replace(feed) for feed in feeds), stopped)


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
