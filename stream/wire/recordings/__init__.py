"""Recordings read again: what a session published, from files.

reading       the messages of a recording, whatever its form
states        how each person was, as spans of time
conversation  all of a session at once: what was said, who it was, how they were, what was missing
"""
