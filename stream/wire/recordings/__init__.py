"""Recordings read again: what a session published, from files.

mcap          messages out of an MCAP file
reading       the messages of a recording, whatever its form
states        how each person was, as spans of time
conversation  all of a session at once: what was said, who it was, how they were, what was missing
replay        published again, in its own time or faster
"""
