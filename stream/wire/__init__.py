"""The protocol `emotrack/1` over ZeroMQ, for those who speak it and those who listen.

protocol/    messages, topics, endpoints, keys, snapshots: what both sides agree on
client/      subscribing; with protocol/ it needs nothing but the ground
publish/     the outbox that every message leaves by, the publisher, recordings
bridges/     messages passed on into what others use
recordings/  what was recorded, read again
exports/     what was recorded, in the formats of the trade
"""
