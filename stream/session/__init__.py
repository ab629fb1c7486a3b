"""A session: the readers of its sources, the loop, and its health.

intake     one thread a source: sound in blocks, of the pictures those that are wanted, and what befalls it
loop       the one thread that owns the session, from its first message to its last
deadlines  networks that are asked for so long and no longer
watchdog   tells when the loop stands still, and where
keeping    what is saved at each final label, and how a session is gone on with
kept       a session on the disk
packed     values of declared types as files that vouch for themselves
health     feeds up and down, heartbeats, and what is left out when the machine falls behind
"""
