"""Who speaks: one for each feed, one for all, or speakers told apart by their voices.

assign  gives each utterance to a speaker, and tells who is new and who is one already known
voices  voices told apart while they are heard
"""
