"""Tiny parts of simulated sessions, with the interfaces of the real ones: they cost next to nothing, and
work, fail, hang and are late as a plan has it."""
