"""Commands on what was recorded.

export  a recording in a format of the trade
replay  publishes it again
"""
