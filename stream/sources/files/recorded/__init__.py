"""Sound and pictures of a session on disk: as the tracker took them, and given to it again.

The same samples and pictures come back, with the same stamps: what is tracked of them is what was tracked.

stamps   when each piece was captured: what is beside sound and pictures
writing  an output that keeps them
reading  a source that gives them again
"""
