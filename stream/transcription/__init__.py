"""What is said: Whisper, with weights from a package, a directory or the model hub. A new recogniser is a
`Transcriber`.

transcript  what a recogniser gives, the protocols that it meets, and which words the network may read
guarded     whatever a recogniser raises or answers, the session goes on
open        chooses the recogniser
turns       whose transcription is next where sessions share one
whisper/    Whisper
"""
