"""The tracker as a program uses it.

tracker  sources in, labels out
agents/  voice agents that hear how somebody is
"""
