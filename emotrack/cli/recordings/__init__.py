"""Commands for recordings.

export  a recording in a format of the trade
"""
