"""Sound and pictures that others bring: a program in this process, or participants who publish to us.

program      what a program gives, call by call
whip         a participant who publishes over WebRTC, as a source
whip_server  the door that they knock at: HTTP
publisher    one of them: what is agreed on, and what comes
inbox        what was given waits here, bounded, until it is read
stamping     when it was captured
"""
