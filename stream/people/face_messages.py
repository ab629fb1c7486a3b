"""Every face that is followed, as messages: when it appears, at a set rate while it is there, at once when
something changes, and when it is lost."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from emotrack.model.formats import valence_and_arousal
from emotrack.stream.people.expressions import expression_scores
from emotrack.stream.people.identities import Identities, Track
from emotrack.stream.seeing.faces import TRACK_LIFE, FaceObservation
from emotrack.stream.seeing.pose import head_pose
from emotrack.stream.seeing.sightings import SeenFace, Sighting
from emotrack.stream.sources.timing.clock import RateGrid
from emotrack.stream.wire.protocol.messages import Face
from emotrack.stream.wire.protocol.parts import Box, PixelSize, Point, PoseInfo, QualityInfo

LOOKS_SECONDS = 1.0
"""Seconds of looks that are taken together: a single one flickers."""
MOUTH_SECONDS = 0.6
"""Seconds of looks by which a mouth moves or not, and a head is turned somewhere."""
FIRST_LOOKS = 2
"""Looks after which a face is told of: what was seen once may be none."""
MOUTH_MOVES = 0.25
"""Mean motion of a mouth (aligned pixels from look to look) from which on it moves as in speech."""
PICTURE = "motionless face"
NOT_YET = "not yet"
"""Nothing of the face has moved yet: it may be a picture."""


@dataclass(slots=True)
class _Followed:
    """One face: how it was seen last, its last looks, and what was told of it last."""

    face: SeenFace
    picture: tuple[int, int]
    expressions: deque[tuple[float, np.ndarray]] = field(default_factory=deque)
    recent: deque[FaceObservation] = field(default_factory=deque)
    seen: int = 0
    finite: bool = True
    told: Face | None = None
    grid: RateGrid = field(default_factory=RateGrid)

    @property
    def time(self) -> float:
        return self.face.observation.time

    def look(self, face: SeenFace, picture: tuple[int, int]) -> None:
        self.face, self.picture = face, picture
        self.seen += 1
        self.finite = bool(np.isfinite(face.logits).all())
        if face.quality.obstacle is None and len(face.logits) and self.finite:
            self.expressions.append((self.time, face.logits))
        while self.expressions and self.time - self.expressions[0][0] > LOOKS_SECONDS:
            self.expressions.popleft()
        self.recent.append(face.observation)
        while self.time - self.recent[0].time > MOUTH_SECONDS:
            self.recent.popleft()

    @property
    def mouth_moves(self) -> bool:
        return bool(np.mean([look.mouth_motion for look in self.recent]) >= MOUTH_MOVES)

    @property
    def pose(self) -> PoseInfo:
        poses = [head_pose(look.landmarks) for look in self.recent]
        yaw, pitch, roll = np.mean([(pose.yaw, pose.pitch, pose.roll) for pose in poses], axis=0).round(1)
        return PoseInfo(yaw=float(yaw), pitch=float(pitch), roll=float(roll))


class FollowedFaces:
    """The faces of a session as they are told; fed by the loop, sighting by sighting."""

    def __init__(self, labels: Sequence[str], rate: float, identities: Identities) -> None:
        """`labels`: the session's vocabulary; `rate`: messages a second about each face."""
        self._labels = tuple(labels)
        self._rate = rate
        self._identities = identities
        self._faces: dict[Track, _Followed] = {}

    def see(self, source: str, sighting: Sighting) -> Iterator[Face]:
        """What is to be told after a frame of a feed has been looked at."""
        here = {face.observation.track for face in sighting.faces}
        for track, followed in list(self._faces.items()):
            if track[0] == source and track[1] not in here and sighting.time - followed.time > TRACK_LIFE:
                yield from self._lost(track, "camera covered" if sighting.dark else "no face")
        for seen in sighting.faces:
            track = (source, seen.observation.track)
            known = self._faces.get(track)
            if seen.observation.motionless:
                if known is not None:
                    yield from self._lost(track, PICTURE)
                continue
            if known is None:
                self._identities.appear(track)
                known = self._faces[track] = _Followed(seen, sighting.picture)
            known.look(seen, sighting.picture)
            if known.seen < FIRST_LOOKS:
                continue
            message = self._message(track, known, "appeared" if known.told is None else "seen")
            due = known.grid.takes(known.time, self._rate)
            if due or known.told is None or _differs(message, known.told):
                known.told = message
                yield message

    def close(self, source: str, reason: str) -> Iterator[Face]:
        """Nothing more will be seen of a feed: its faces are lost."""
        for track in [track for track in self._faces if track[0] == source]:
            yield from self._lost(track, reason)

    def _lost(self, track: Track, reason: str) -> Iterator[Face]:
        followed = self._faces.pop(track)
        if followed.told is not None:
            yield self._message(track, followed, "lost", reason)
        self._identities.lose(track)

    def _message(self, track: Track, followed: _Followed, event: str, why: str | None = None) -> Face:
        source, number = track
        observation, quality = followed.face.observation, followed.face.quality
        if why is None and observation.since is None:
            why = NOT_YET
        if why is None and not followed.expressions:
            why = quality.obstacle or ("no encoder" if followed.finite else "not finite")
        shown = [logits for _, logits in followed.expressions]
        scores = None if why else expression_scores(shown, self._labels)
        label = None if scores is None else max(scores, key=lambda name: scores[name])
        valence, arousal = (None, None) if scores is None else valence_and_arousal(scores)
        places = observation.landmarks / followed.picture
        (left, top), (right, bottom) = observation.box.reshape(2, 2) / followed.picture
        return Face(
            source=source,
            event=event,  # type: ignore[arg-type]
            track=number,
            person=self._identities.person(track),
            time=round(observation.time, 3),
            picture=PixelSize(width=followed.picture[0], height=followed.picture[1]),
            box=Box(left=_place(left), top=_place(top), right=_place(right), bottom=_place(bottom)),
            points=tuple(Point(x=_place(x), y=_place(y)) for x, y in places),
            pose=followed.pose,
            mouth_moving=followed.mouth_moves,
            quality=QualityInfo(
                size=round(quality.size, 1),
                sharpness=round(quality.sharpness, 3),
                turn=round(min(quality.turn, 1e3), 3),
                shown=round(quality.shown, 3),
            ),
            label=label,
            confidence=None if scores is None or label is None else scores[label],
            scores=scores,
            valence=None if valence is None else round(valence, 3),
            arousal=None if arousal is None else round(arousal, 3),
            reason=why,
        )


def _differs(one: Face, other: Face) -> bool:
    """Whether two messages about a face tell different things of it, and not only other numbers."""
    return (one.label, one.person, one.reason) != (other.label, other.person, other.reason)


def _place(share: float) -> float:
    return round(float(np.clip(share, -100, 100)), 4)
