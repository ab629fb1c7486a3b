"""Commands for recordings.

report   a page to read
compare  two recordings beside each other
written  results in files that are new, for their owner only
"""
