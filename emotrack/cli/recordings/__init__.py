"""Commands on what was recorded.

replay  publishes it again
"""
