"""What people look at, made of messages alone: nothing here tracks.

monitor/    the picture of a session in a terminal
dashboard/  the page of a session in a browser, and its messages over HTTP
"""
