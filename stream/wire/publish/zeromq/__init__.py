"""The publisher on the network: one thread that owns both sockets, and what keeps strangers within bounds.

publisher    the thread
sockets      XPUB, and the ROUTER that answers snapshot requests: made with limits, and bound
connections  who is connected, and who has to go
admission    whose key is admitted, and how quickly
strangers    subscriptions and requests, each client within its share
"""
