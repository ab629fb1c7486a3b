"""The networks at work: what describes words, sound, faces and bodies and fuses them, compiled for this machine."""
