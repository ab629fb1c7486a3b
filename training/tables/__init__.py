"""The papers' tables with our figures beside theirs."""
