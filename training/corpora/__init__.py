"""Readers of the corpora, each from its official layout into one kind of record. A new one gives a `Corpus`
(records.py).

open     the corpora by name
records  what every corpus is read into
tables   tables and archives, refused where they are not as they should be
texts    corpora of words only
meld     MELD with its media
iemocap  IEMOCAP
mosi     CMU-MOSI
ravdess  acted speech whose file names tell everything
speech   speech by many speakers from one table
ferplus  faces with the votes of ten people
clips    clips of one's own
"""

NAMES = (
    *("meld", "emorynlp", "dailydialog", "goemotions", "emobank", "iemocap", "ravdess", "emodb"),
    *("nemo", "ased", "urdu", "ordinary", "ferplus", "mosi", "clips"),
)
"""Of the corpora, as the command line and `open.CORPORA` have them."""
