"""What a network is to those who run it, whatever that is; every other room of the engines stands on this
one.

definition  where a network comes from, and the digest of all that decides its answers
spec        its name, inputs, outputs, and how exact and how large it may be
engine      a network that is ready to run here
parity      the gate: how far an engine's answers are from those of the network as it is written
exporting   a network as a graph, with LSTMs as one operation that each backend puts in its own terms
"""
