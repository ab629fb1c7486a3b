"""The server of a dashboard: what is answered, and to whom.

server       from its first to its last moment
access       who is let in
application  what is at which address
asked        what a request asks for
answers      what is answered beside messages
streams      server-sent events and the WebSocket
description  all of it as OpenAPI
"""
