"""A YOLO network in ultralytics' own format (AGPL-3.0, optional), with a last layer that takes pictures of
several heights."""

import logging
import os
from pathlib import Path
from typing import Any

import torch
from platformdirs import user_cache_path
from torch import Tensor, nn

from emotrack.engines.networks.yolo import CLASSES, KIND, STRIDES, STRIP, STRIP_ANCHORS
from emotrack.errors import UserError, first_line


def network(weights: Path) -> "PersonNetwork":
    """The network in a .pt file that must be trusted: it is unpickled, and a pickle can run code.

    Raises `UserError` where ultralytics is missing, or the file holds something else.
    """
    read = _import_yolo()
    try:
        yolo = read(weights, verbose=False)
        if yolo.task != "detect":
            raise ValueError("for another task")
        detector = yolo.model
        detector.model[-1] = DetectionHead(detector.model[-1])
        detector.fuse(verbose=False)
        return PersonNetwork(detector)
    except Exception as error:
        # The library and torch raise as they please over a file that holds something else.
        raise UserError(f"{weights} is not {KIND} ({first_line(error)}): give the path of one.") from error


class PersonNetwork(nn.Module):
    """Finds things of COCO's classes in pictures."""

    brightest: Tensor

    def __init__(self, detector: nn.Module) -> None:
        super().__init__()
        self.detector = detector.float().eval().requires_grad_(False)
        self.register_buffer("brightest", torch.tensor(255.0), persistent=False)

    def forward(self, strips: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures in strips of rows, uint8 [B, s, STRIP, SIDE, 3] (RGB), to what `DetectionHead` gives."""
        pictures = strips.flatten(1, 2).permute(0, 3, 1, 2)
        distances, probabilities = self.detector(pictures.to(self.brightest.dtype) / self.brightest)
        return distances, probabilities


class DetectionHead(nn.Module):
    """The branches of ultralytics' last layer, their answers in strips.

    Of networks that have a second pair of branches, whose answers need no suppression, it is the first one.
    """

    def __init__(self, head: Any) -> None:
        """Raises `ValueError` or `AttributeError` for the last layer of another kind of network."""
        super().__init__()
        if head.nc != CLASSES or tuple(head.stride.tolist()) != STRIDES or len(head.cv2) != len(head.cv3):
            raise ValueError("not of COCO's classes, or with other strides")
        self.f, self.i = (
            head.f,
            head.i,
        )  # where its inputs come from and which layer it is, as the network looks it up
        self.boxes: nn.ModuleList = head.cv2
        self.classes: nn.ModuleList = head.cv3
        self.expected: nn.Module = head.dfl

    def forward(self, levels: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Features of each level to distances and probabilities for each anchor (see `strip_anchors`).

        Distances from the anchor to the left, top, right and bottom in strides [B, 4, s, STRIP_ANCHORS];
        probabilities of the classes [B, CLASSES, s, STRIP_ANCHORS].
        """
        distances = self.expected(_in_strips(self.boxes, levels).flatten(2)).unflatten(2, (-1, STRIP_ANCHORS))
        return distances, _in_strips(self.classes, levels).sigmoid()


def _in_strips(branches: nn.ModuleList, levels: list[Tensor]) -> Tensor:
    """What the branches make of their levels, [B, C, s, STRIP_ANCHORS]."""
    found = [branch(level) for branch, level in zip(branches, levels, strict=True)]
    cut = [
        one.unflatten(2, (-1, STRIP // stride)).flatten(3) for one, stride in zip(found, STRIDES, strict=True)
    ]
    return torch.cat(cut, -1)


def _import_yolo() -> Any:
    # Never install packages, report usage, or write into the user's settings from here.
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    os.environ.setdefault("YOLO_OFFLINE", "true")
    os.environ.setdefault("YOLO_VERBOSE", "false")
    os.environ.setdefault("YOLO_CONFIG_DIR", str(user_cache_path("emotrack")))
    try:
        from ultralytics import YOLO  # type: ignore[attr-defined] # which it loads when it is asked for
    except ImportError as error:
        raise UserError(
            f"YOLO weights in a .pt file need a package that is missing ({error}): pip install "
            "'emotrack[body]' brings it, or give an .onnx file."
        ) from error
    logging.getLogger("ultralytics").setLevel(logging.ERROR)
    return YOLO
