"""The live picture of a session in a terminal.

state        what is shown, folded from messages
header       its first rows: time, feeds, and how the tracker is doing
view         the picture of that
scroll       what the terminal that tracks shows instead: labels below each other
terminal     the picture kept up to date, or lines where there is no terminal
observation  what a tracker that runs elsewhere tells within a few seconds
diagnosis    whether that is as it should be, and what mends it
"""
