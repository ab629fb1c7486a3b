"""The live picture of a session in a terminal."""
