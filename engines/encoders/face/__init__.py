"""Faces found, followed, cut out and described.

detection   faces in a picture by three networks, and followed into the next
expression  a face cut out, and one vector for it
identity    whose face it is
"""
