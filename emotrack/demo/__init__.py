"""The bundled demonstration clip: where it lies, what renders it, and the README's picture of it.

render   the clip, from two portraits and synthesised speech
picture  the monitor on it, for docs/pictures/
"""

from importlib.resources import as_file, files
from pathlib import Path


def clip_path() -> Path:
    """Path of the bundled clip (installed packages are plain folders, so the path outlives the call)."""
    with as_file(files(__name__) / "clip.mp4") as path:
        return path
