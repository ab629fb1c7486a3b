"""A small voice network of random weights, on a tiny Whisper in the file format of the real one."""

from pathlib import Path

import torch

from emotrack.engines.encoders.sound.voice import find_base
from emotrack.files import file_digest
from emotrack.model.bundle import BundlePart, NewPart, load_manifest, save_bundle
from emotrack.model.modules.voice import VoiceTop
from helpers.networks.whisper import build_tiny_whisper

WIDTH = 16
"""Of the tiny Whisper's one layer."""


def new_voice(folder: Path) -> NewPart:
    """The part `voice` of a bundle; its base lies below `folder`."""
    base = build_tiny_whisper(folder)
    torch.manual_seed(0)
    settings = {"base": str(base), "sha256": file_digest(find_base(str(base))), "layers": 1}
    return NewPart(VoiceTop(2 * WIDTH).state_dict(), "free for tests", "nothing", settings)


def save_voice(folder: Path) -> BundlePart:
    """The same, saved below `folder`."""
    save_bundle(folder / "voice", {"voice": new_voice(folder)}, configuration=None, encoders={}, metrics={})
    return load_manifest(folder / "voice")[1]["voice"]
