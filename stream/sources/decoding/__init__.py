"""Containers opened and decoded: from packets to stamped sound and pictures.

container    opened with a deadline, and read on past damage
probe        which of its tracks are seen and heard
decode       packets of one stream in, stamped items out
audio_track  decoded sound as chunks of one channel at 32 kHz
pcm          raw samples without a header
riff         WAV files whose header states less than follows
"""
