"""What people look at, made of messages alone: nothing here tracks.

monitor/    the picture of a session in a terminal
dashboard/  the page of a session in a browser, and its messages over HTTP
report/     a recorded session as a page, and two of them compared
alerts/     conditions over how people are, told when they hold
"""
