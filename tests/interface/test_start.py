"""What tracking imports and needs once its networks are compiled."""

import subprocess
import sys

from emotrack.demo import clip_path
from helpers.tracking import Workbench

PROGRAM = """
import sys
from emotrack.settings import load_settings
from emotrack.tracker import Tracker

told = []
settings = load_settings(overrides=["stream.publish.endpoint=none", "stream.transcription.recogniser=none"])
tracker = Tracker([sys.argv[1]], settings, realtime=False, say=told.append)
finals = [message for message in tracker.messages() if getattr(message, "state", "") == "final"]
heavy = {"torch", "torchvision", "transformers", "sentence_transformers", "facenet_pytorch", "ultralytics", "cv2", "scipy.signal"}
assert not [sentence for sentence in told if "compiling" in sentence], told
print(len(finals), *sorted(heavy & sys.modules.keys()))
"""


def test_a_session_whose_networks_are_compiled_imports_no_torch(workbench: Workbench) -> None:
    """The workbench has compiled them; all of a session, from its first to its last message."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(clip_path())], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    count, *heavy = done.stdout.split()
    assert int(count) >= 5 and heavy == []
