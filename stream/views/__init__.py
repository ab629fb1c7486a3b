"""What people look at, made of messages alone: nothing here tracks.

alerts/   conditions over how people are, told when they hold
monitor/  the picture of a session in a terminal
report/   a recorded session as a page, and two of them compared
"""
