"""Learning, whatever is learnt: the loop, what it asks of a task, losses and metrics.

task     what the loop asks of what is learnt
loop     epochs over a task, gone on with where they were interrupted
losses   the terms of the objective
metrics  figures of merit
"""
