"""Sessions of the real loop on a simulated machine, thousands a minute, each with the faults that its seed
draws.

machine      the clock, and threads that take turns in an order that a seed decides
installing   the session's modules find these instead of Python's
plan         what befalls a session, drawn from its seed
parts/       sources, networks, looks, voices, a recogniser and outputs with the interfaces of the real ones,
             which do what the plan says
session      one session, and what came of it
resuming     one that is ended somewhere, and gone on with
invariants   what has to hold of every one
judging      what is said of one: its breaches, its counts, all that it sent

What is real: the loop, intake and delivery, the cutting of sound into blocks and utterances, vision's queue
and thread, descriptions, evidence, the dialogue, labels, attribution, waiting, people, health, the outbox and
the recorder. `python -m simulation` from `tests/` plays thousands of them.
"""
