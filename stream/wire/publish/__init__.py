"""The publisher's side: one door for every message, and what stands behind it. A new output is a `Sink`
(sinks.py).

events       what happens to a session, for Python's logging
metrics      counts and delays for Prometheus, and whether the session lives
journal      what a session published last, for whoever goes on with it
outbox       every message numbered, stamped and handed to the sinks
sinks        what an output is, and one for this process
lanes        a thread and a bounded queue for each sink that may hang
bounded      a queue that is bounded by bytes
pictures     the newest picture of each feed, for those who ask
zeromq/      the publisher on the network
recording    into a file or onto standard output
forms        what a recording may be made of; JSON lines
mcap         the same as MCAP
"""
