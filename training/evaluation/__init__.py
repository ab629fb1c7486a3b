"""What a bundle is worth.

evaluate          what the chosen tables need, measured and no more
sources           what a bundle is measured on
measuring/        the measurements
experiments       the ablations on MOSI
mosi              these trained and measured
records           what is kept of all that
evaluated         bundles measured now, and what a bundle keeps of its training
papers            what the papers claim
tables/           tables of both
plots             the tables as pictures
plots_robustness  those of what labels survive
enrolment         how well enrolled voices are known again
"""
