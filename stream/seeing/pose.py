"""Where a head is turned to, estimated from the five points that MTCNN finds.

A rigid mean face is laid over the points by scaled orthographic projection (POS, DeMenthon and Davis 1995):
far enough for a picture of a room, where a face is small against its distance. Five points leave a face's own
proportions in the result, so it is an estimate: good for who looks where, not for a gaze."""

import math
from dataclasses import dataclass

import numpy as np

# Eyes, nose, corners of the mouth, those on the left of the picture first, in
# distances between the eyes: x to the right of the picture, y down, z away from the camera. Proportions of a
# grown face; the nose stands out by 0.4.
FACE = np.array(
    [[-0.5, -0.42, 0.0], [0.5, -0.42, 0.0], [0.0, 0.15, -0.4], [-0.41, 0.62, -0.05], [0.41, 0.62, -0.05]]
)
_CENTRED = FACE - FACE.mean(0)
_SOLVER = np.linalg.pinv(_CENTRED)


@dataclass(frozen=True, slots=True)
class HeadPose:
    """Degrees: `yaw` turned to the right of the picture, `pitch` up, `roll` clockwise in the picture."""

    yaw: float
    pitch: float
    roll: float


def head_pose(landmarks: np.ndarray) -> HeadPose:
    """The pose of a head with `landmarks` (float32 [5, 2]: eyes, nose, corners of the mouth in pixels, those
    on the left of the picture first)."""
    points = landmarks.astype(np.float64)
    across, down = (_SOLVER @ (points - points.mean(0))).T
    scale = max((float(np.linalg.norm(across)) + float(np.linalg.norm(down))) / 2, 1e-9)
    # The nearest rotation to the two rows that were found: they are neither of one length nor at right
    # angles.
    left, _, right = np.linalg.svd(np.stack([across, down]) / scale, full_matrices=False)
    first, second = left @ right
    third = np.cross(first, second)
    # Turned by yaw and pitch first, and then by roll, within the picture.
    return HeadPose(
        yaw=math.degrees(math.asin(float(np.clip(third[0], -1, 1)))),
        pitch=math.degrees(math.atan2(-third[1], third[2])),
        roll=math.degrees(math.atan2(second[0], first[0])),
    )
