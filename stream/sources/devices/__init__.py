"""Cameras and microphones.

listing     which are there, under the names that a user writes
camera      through FFmpeg's device layer
microphone  through PortAudio, whose thread only copies
portaudio   its devices by name, and what is missing where it is
"""
