"""What is said: Whisper, or PocketSphinx where its weights are not at hand."""
