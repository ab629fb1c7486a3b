"""Sound as one vector a segment. A new audio encoder is an `AudioEncoder` (segments.py) beside these, and a
line in engines/open.py.

segments  what an audio encoder is, and how an utterance is cut for it
voice     our own network on Whisper's first layers
passt     PaSST
turns     who speaks when, and whose voice it is
"""
