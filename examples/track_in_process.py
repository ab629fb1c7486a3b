"""Track in this program: `python examples/track_in_process.py [SOURCE [ENDPOINT]]` (extra `track`).

SOURCE is a file, a URL, camera:0+mic:default, …; the bundled clip unless given. Other programs hear of it at
ENDPOINT, such as tcp://127.0.0.1:5556; nowhere unless given.
"""

import sys

from emotrack import Emotion, Error, Tracker, UserError
from emotrack.demo import clip_path
from emotrack.settings import load_settings

source = sys.argv[1] if len(sys.argv) > 1 else str(clip_path())
endpoint = sys.argv[2] if len(sys.argv) > 2 else "none"
try:
    settings = load_settings(overrides=[f"stream.publish.endpoint={endpoint}"])
    with Tracker([source], settings, realtime=False) as tracker:  # a file as fast as it goes
        for message in tracker.messages():
            match message:
                case Emotion(state="final" | "revised") as said:
                    print(f"{said.speaker.id} is in {said.label} ({said.confidence:.0%}, {said.state})")
                case Error() as failed:
                    print(failed.message, file=sys.stderr)
    print(tracker.summary.sentence, file=sys.stderr)
except UserError as error:  # what a user can mend: one sentence
    sys.exit(str(error))
