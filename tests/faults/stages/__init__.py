"""The faults, by the part of a session that they hit; a file adds its rows as it is imported."""
