"""The papers' tables with our figures beside theirs."""

NAMES = ("main", "missing", "ablation", "streaming", "per-class", "words", "drawn", "alone", "elsewhere")
"""Of the tables, as the command line and `tables.TABLES` have them."""
