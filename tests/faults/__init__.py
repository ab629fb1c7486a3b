"""The fault matrix: every fault that is known to befall a session, injected for real, and what came of it.

matrix    what a row is, and when it counts as held
bench     what injections work with: sessions under watch, networks, a folder, patches that are undone
worker    rows in a process of their own, which may crash or hang
report    the table
rtsp      a camera behind RTSP
stages/   the faults, by the part of a session that they hit

`python -m tests.faults` from the root of the project runs it.
"""
