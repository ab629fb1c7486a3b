"""Tables made of what was measured, the papers' figures beside ours: one file for tables of a kind, their
names here.

tables      the tables by name
main        our live labels beside the papers' rows
missing     every subset of the modes, and the ablations
per_class   every class, and what it costs to label at once
robustness  other words, faces and corpora
render      a table as Markdown and as data
"""

NAMES = ("main", "missing", "ablation", "streaming", "per-class", "words", "drawn", "alone", "elsewhere")
"""Of the tables, as the command line and `tables.TABLES` have them."""
