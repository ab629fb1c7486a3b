"""Commands on what was recorded.

replay   publishes it again
export   a recording in a format of the trade
report   a page to read
compare  two recordings beside each other
"""
