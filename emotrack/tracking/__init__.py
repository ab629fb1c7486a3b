"""The tracker as a program uses it.

tracker  sources in, labels out
"""
