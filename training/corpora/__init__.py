"""Readers of the corpora, each from its official layout into one vocabulary of records."""
