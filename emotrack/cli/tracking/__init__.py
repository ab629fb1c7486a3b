"""Commands for those who track.

run         a session
demo        the bundled clip
monitor     a session in another process
dashboard   a session in a browser
explain     why a label was given
devices     what can be tracked
keys        keys for an encrypted publisher and its clients
schema      the messages for other languages
supervised  what a service manager is told
"""
