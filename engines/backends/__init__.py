"""The ways in which a network can be run, one file each."""
