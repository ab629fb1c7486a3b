"""What has an end: files, pipes, and what the sources of an earlier session gave.

file       media at a path or behind a URL: read as fast as is asked for
pipe       what can be read once
recorded/  sound and pictures of a session, kept and given again
"""
