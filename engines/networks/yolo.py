"""What YOLO detection networks of COCO's classes have in common, as ultralytics makes them."""

import numpy as np

SIDE = 640
"""Width of the pictures, and the greatest height, in pixels."""
STRIDES = (8, 16, 32)
"""Pixels from one anchor to the next, level by level."""
CLASSES = 80
PERSON = 0
KIND = "a YOLO detection network of COCO's classes"
"""What is said to be missing where something else is given."""

STRIP = 128
"""Rows of a strip, in which pictures of several heights are cut where the network is ours to put together."""
STRIP_ANCHORS = sum((STRIP // stride) * (SIDE // stride) for stride in STRIDES)


def strip_anchors() -> tuple[np.ndarray, np.ndarray]:
    """Centres float32 [2, STRIP_ANCHORS] of the anchors of one strip in pixels (x, y), and their strides
    [STRIP_ANCHORS].

    They stand level by level, each row by row.
    """
    centres, strides = [], []
    for stride in STRIDES:
        y, x = np.mgrid[: STRIP // stride, : SIDE // stride].astype(np.float32)
        centres.append(np.stack([x.ravel(), y.ravel()]) * stride + stride / 2)
        strides.append(np.full(x.size, stride, np.float32))
    return np.concatenate(centres, axis=1), np.concatenate(strides)
