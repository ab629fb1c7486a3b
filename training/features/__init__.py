"""Features of corpora: what the encoders make of every utterance, kept on disk in stores that training reads."""
