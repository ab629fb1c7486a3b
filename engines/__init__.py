"""The encoders: what describes words, sound, faces and bodies."""
