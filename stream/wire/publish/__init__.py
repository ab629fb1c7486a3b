"""The publisher's side: one door for every message, and what stands behind it. A new output is a `Sink`
(outbox.py).

events     what happens to a session, for Python's logging
metrics    counts and delays for Prometheus, and whether the session lives
outbox     every message numbered, stamped and handed to the sinks; and a sink for this process
publisher  ZeroMQ: the PUB socket, and the ROUTER socket that answers snapshot requests
recording  JSON lines into a file or onto standard output
"""
