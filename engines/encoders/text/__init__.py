"""Words as token vectors: the sentence encoder, and how it reads lines.

encoder  the words of an utterance as vectors
reading  each line alone, or with what was said before it
"""
