"""Time: the session clock, and what other clocks say on it.

clock     the session clock, and moments at a rate
arrival   the clocks of senders and devices, whatever the network's jitter
delivery  in which order things are taken, and what gives way when they are too many: policies as data
timeline  the time line of a file, made to run forward
"""
