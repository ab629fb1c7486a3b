"""Lines of a script as a recogniser writes them: spoken by synthetic voices, and heard by the product's own
recogniser.

__main__     the program `python -m emotrack.training.spoken`
voices       synthetic voices
transcripts  the lines as they were heard
errors       what became of their words and punctuation
"""
