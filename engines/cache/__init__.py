"""Compiled engines on disk: whole or not there, recognised by everything that they depend on.

entry  one engine: what it depends on, and the answers that it gave when it was made
cache  the folder of them, and which go first when it is full
"""
