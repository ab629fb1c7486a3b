"""What describes an utterance, a folder for each modality; engines/open.py chooses among them.

text/     words
sound/    sound
face/     faces
body/     bodies
pictures  boxes and pictures, for all that looks
"""
