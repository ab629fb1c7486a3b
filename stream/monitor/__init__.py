"""The live picture of a session in a terminal.

state     what is shown, folded from messages
header    its first rows: time, feeds, and how the tracker is doing
view      the picture of that
scroll    what the terminal that tracks shows instead: labels below each other
terminal  the picture kept up to date, or lines where there is no terminal
"""
