"""A session in a browser, and its messages for programs that speak HTTP.

views        what is shown: a session that runs, or a recording
history      the last messages of a session, as bytes
state        the messages that together say what holds
clients      who follows them, each at their own pace
streams      server-sent events and the WebSocket
asked        what a request asks for
answers      what is answered beside messages
application  what is at which address
access       who is let in
serving      the server, from its first to its last moment
page/        the page itself, for the browser
"""
