"""Whether a face is a person's or only the picture of one: a live face changes, if ever so little; a poster
or a drawing does not.

What is looked for is change within the face. A camera that shakes or zooms takes the whole face along, light
brightens or darkens it as a whole, noise and compression are everywhere and small. So an earlier look at the
face is laid over the present one by an affine motion and a linear change of brightness, found by least
squares (Lucas and Kanade 1981), and what is left over is compared part by part, for a blink or a smile
changes one part only.
"""

import numpy as np
from PIL import Image

PATIENCE = 3.0
"""Seconds without any change after which a face is a picture."""
_CHANGE = 4.0
"""Grey levels (of 255, root mean square over one part) by which a part of a face changes when it moves.
Measured on six pictures, filmed with noise of up to 8 grey levels, by H.264 at a rate factor of 32, in a
shaking hand and in changing light: only light that saturated on faces of 31 pixels and less reached it. Every
live face seen for a second in five clips of people did within 0.6 s."""
_CLEAR = 48.0
"""Pixels across a face from which on that holds. A smaller face is enlarged, and with it all noise."""
_TOLERANCE = 0.25
"""Pixels of the look by which registration may be off: the change that such a shift would bring about does
not count."""
_SIZE = 32
_FINE = 2
_PART = 8
_MARGIN = 0.35
_SHIFTS, _MOTIONS = 2, 4
"""Steps of the registration: first shifts alone, which converge from further off, then all motions."""

_rows, _columns = (np.mgrid[:_SIZE, :_SIZE] + 0.5) / _SIZE - 0.5
# Each row takes the samples about one pixel of the look together, by a bell two pixels wide: noise goes,
# expression stays.
_SMOOTHING = np.exp(-((np.arange(_SIZE)[:, None] - (np.arange(_SIZE * _FINE) + 0.5) / _FINE + 0.5) ** 2) / 2)
_SMOOTHING /= _SMOOTHING.sum(1, keepdims=True)


class Liveness:
    """One face over time: `since` when it is a person's, and whether it is `motionless`."""

    def __init__(self, time: float, image: np.ndarray, box: np.ndarray) -> None:
        """The first look at a face: `box` (left, top, right, bottom in pixels) in `image` (uint8 [height,
        width, 3]) at `time`."""
        self.since: float | None = None
        """Session time from which on this is known to be a person; None as long as nothing moved, or not for
        long."""
        self.motionless = False
        """Whether it is a picture: nothing of it has moved for `PATIENCE` seconds."""
        self._first = self._moved = time
        self._earlier = _Look(time, image, box)

    def step(self, time: float, image: np.ndarray, box: np.ndarray) -> None:
        """The next look at it."""
        if self._earlier.changed(image, box):
            if self.since is None:
                self.since = time if self.motionless else self._first
            self._moved, self.motionless = time, False
            self._earlier = _Look(time, image, box)
        elif time - self._moved >= PATIENCE:
            self.since, self.motionless = None, True
        if time - self._earlier.time >= PATIENCE:  # light and colours drift in the long run
            self._earlier = _Look(time, image, box)

    def resize(self, image: np.ndarray, box: np.ndarray) -> None:
        """Picture and `box` have another size from now on: what comes is compared with how it is in
        `image`."""
        self._earlier = _Look(self._earlier.time, image, box)


class _Look:
    """How a face was, and where it was found last."""

    def __init__(self, time: float, image: np.ndarray, box: np.ndarray) -> None:
        self.time = time
        self._box = box.astype(np.float64)
        self._place = np.eye(3)
        self._face = _View(image, self._box).sampled(self._box, self._place)
        down, across = np.gradient(self._face, 1 / _SIZE)
        light = [self._face - self._face.mean(), np.ones_like(self._face)]
        turns = [across * _columns, across * _rows, down * _columns, down * _rows]
        basis = np.stack([*light, across, down, *turns], -1).reshape(-1, 8)
        self._light, self._shift, self._motion = basis[:, :2], _solver(basis[:, :4]), _solver(basis)
        self._light_of = _solver(self._light)
        self._slope = np.hypot(down, across) / _SIZE
        side = min(self._box[2:] - self._box[:2])
        self._enough = _CHANGE * max(1.0, _CLEAR / max(side, 1.0))

    def changed(self, image: np.ndarray, box: np.ndarray) -> bool:
        """Whether the face in `box` of a later `image` differs from this look by more than a picture of it
        would."""
        view = _View(image, box.astype(np.float64))
        corners = self._box[2:] - self._box[:2]
        moved = ((box[:2] + box[2:]) - (self._box[:2] + self._box[2:])) / 2 / corners
        followed = np.array([[1.0, 0.0, moved[0]], [0.0, 1.0, moved[1]], [0.0, 0.0, 1.0]])
        seen = [(place, self._difference(view, place)) for place in (self._place, followed)]
        place, difference = min(seen, key=lambda one: float(np.abs(self._left_over(one[1])).mean()))
        for solver in (*[self._shift] * _SHIFTS, *[self._motion] * _MOTIONS):
            if not self._differs(difference):
                break
            place = place @ np.linalg.inv(_motion(solver @ difference.ravel()))
            difference = self._difference(view, place)
        self._place = place
        return self._differs(difference)

    def _difference(self, view: "_View", place: np.ndarray) -> np.ndarray:
        found: np.ndarray = view.sampled(self._box, place) - self._face
        return found

    def _left_over(self, difference: np.ndarray) -> np.ndarray:
        """Of a difference, what no change of light explains, nor a registration that is slightly off."""
        rest = difference.ravel() - self._light @ (self._light_of @ difference.ravel())
        found: np.ndarray = np.maximum(0.0, np.abs(rest.reshape(difference.shape)) - _TOLERANCE * self._slope)
        return found

    def _differs(self, difference: np.ndarray) -> bool:
        parts = np.lib.stride_tricks.sliding_window_view(self._left_over(difference) ** 2, (_PART, _PART))[
            ::4, ::4
        ]
        found: bool = float(np.sqrt(parts.mean((2, 3)).max())) > self._enough
        return found


class _View:
    """The surroundings of a box in a picture, in grey and not much finer than they are sampled."""

    def __init__(self, image: np.ndarray, box: np.ndarray) -> None:
        sides = box[2:] - box[:2]
        self._factor = max(1, int(min(sides) / (_SIZE * _FINE)))
        self._corner = np.maximum(np.floor(box[:2] - _MARGIN * sides), 0)
        left, top = self._corner.astype(int)
        right, bottom = np.maximum(np.ceil(box[2:] + _MARGIN * sides).astype(int), (left + 1, top + 1))
        around = np.ascontiguousarray(image[top:bottom, left:right])
        self._grey = Image.fromarray(around).convert("L").reduce(self._factor)

    def sampled(self, box: np.ndarray, place: np.ndarray) -> np.ndarray:
        """float64 [32, 32] of where `place` (3 x 3, in sides of the box from its middle) takes `box`."""
        fine = _SIZE * _FINE
        sides, middle = box[2:] - box[:2], (box[:2] + box[2:]) / 2
        scale = np.diag([*(sides / self._factor), 1.0])
        scale[:2, 2] = (middle - self._corner) / self._factor
        unit = np.array([[1 / fine, 0, -0.5], [0, 1 / fine, -0.5], [0, 0, 1]])
        matrix = tuple((scale @ place @ unit)[:2].ravel())
        samples = self._grey.transform(
            (fine, fine), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR
        )
        smoothed: np.ndarray = _SMOOTHING @ np.asarray(samples, np.float64) @ _SMOOTHING.T
        return smoothed


def _solver(basis: np.ndarray) -> np.ndarray:
    """What takes a difference to its least-squares coefficients in `basis` [n, k]; directions that hardly
    show are left alone."""
    solver: np.ndarray = np.linalg.pinv(basis, rcond=1e-3)
    return solver


def _motion(found: np.ndarray) -> np.ndarray:
    """float64 [3, 3] of the shift, and of the linear part where that was solved for, in coefficients after
    those of light."""
    linear = np.eye(2) + (found[4:].reshape(2, 2) if len(found) == 8 else 0.0)
    return np.block([[linear, found[2:4, None]], [np.zeros(2), np.ones(1)]])
