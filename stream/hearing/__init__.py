"""What is heard of a feed: where speech begins, pauses and ends, and segments of sound described while it
lasts.

audio         blocks of 32 ms, a ring of them, and whether the microphone is muted
vad           the probability of speech in a block
segmentation  from probabilities to where speech begins, pauses and ends
windows       the same while nobody speaks, from what is seen
description   segments of an utterance, each encoded when it is complete
"""
