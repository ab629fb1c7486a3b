"""What people look at, made of messages alone: nothing here tracks.

monitor/  the picture of a session in a terminal
report/   a recorded session as a page, and two of them compared
"""
