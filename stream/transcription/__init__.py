"""What is said: Whisper, with weights from a package, a directory or the model hub."""
