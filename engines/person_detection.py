"""Where persons are in a picture, by any network that finds them."""

import numpy as np

from emotrack.engines.boxes import non_maximum_suppression
from emotrack.engines.letterbox import letterbox
from emotrack.engines.person_networks import PersonNetwork
from emotrack.engines.yolo import PERSON, SIDE

_OVERLAP = 0.7
"""Intersection over union from which two boxes are of one person: what ultralytics takes."""


class PersonDetector:
    """Finds the persons in a picture; the same picture always gives the same boxes."""

    def __init__(self, network: PersonNetwork, *, probability: float = 0.5) -> None:
        """`probability`: persons of a lower one are not told."""
        self._network = network
        self._probability = probability

    def boxes(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Boxes float32 [k, 4] (left, top, right, bottom in pixels) and probabilities [k] of the persons, most probable first.

        `image`: uint8 [height, width, 3], RGB.
        """
        fitted = letterbox(image, SIDE, self._network.heights)
        boxes, classes = self._network.find(fitted.picture)
        likely = np.flatnonzero(classes[PERSON] > self._probability)
        persons = likely[classes[:, likely].argmax(0) == PERSON]
        found, probabilities = boxes[:, persons].T, classes[PERSON, persons]
        kept = non_maximum_suppression(found, probabilities, _OVERLAP)
        return fitted.back(found[kept]), probabilities[kept]
