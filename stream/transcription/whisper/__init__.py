"""Whisper: its weights, its model, what it makes of a stretch of sound, and how sessions share it.

weights     where they are: a directory, a package (checked by hash), the hub
model       loaded where it runs best
decoding    the words of one short stretch of sound, and doubts about them
stream      one utterance, transcribed in segments while it lasts
recogniser  one model for all sessions that want it
"""
