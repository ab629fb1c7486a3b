"""The faults, by the part of a session that they hit; each file adds its rows to the matrix as it is imported."""
