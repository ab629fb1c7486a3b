"""Measurements of a bundle on the test sets.

labels     labels of dialogues, live, revised and offline
rewording  the same in other words than the script's
drawn      faces and voices that say less than the words, or other things
elsewhere  words from other places than MELD
alone      a voice or a face by itself
encoders   the voice and the face network by themselves
bootstrap  intervals of a difference
"""
