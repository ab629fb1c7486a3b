"""What a label waits for, and for how long.

ended     utterances that have ended, words that come late, and a recogniser that hangs
patience  how long words are worth waiting for while the recogniser is behind
"""
