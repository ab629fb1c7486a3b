"""Pairs of two kinds of things that go best together, each thing in one pair at most: new faces with those already followed.

The best of all choices, by dynamic programming over the columns that are taken: there are few of either, and scipy, which has the
general solution, would be a fifth of what a small machine has to install.
"""

from functools import cache

import numpy as np


def best_pairs(values: np.ndarray, allowed: np.ndarray) -> list[tuple[int, int]]:
    """Rows and columns of the pairs with the greatest sum of `values` [rows, columns], all above 0, of those that are `allowed`.

    Rows rise; of choices of the same sum the one with the first columns for the first rows is taken.
    """
    columns = [np.flatnonzero(row).tolist() for row in allowed]
    wanted = [0]
    """Bits of the columns that any of the rows from one on can have, last row first: what else is taken makes no difference."""
    for row in reversed(columns):
        wanted.append(wanted[-1] | sum(1 << column for column in row))
    wanted.reverse()

    @cache
    def best(row: int, taken: int) -> tuple[float, tuple[tuple[int, int], ...]]:
        if row == len(columns):
            return 0.0, ()
        found = best(row + 1, taken & wanted[row + 1])
        for column in reversed(columns[row]):
            if not taken >> column & 1:
                total, pairs = best(row + 1, (taken | 1 << column) & wanted[row + 1])
                if (with_this := total + float(values[row, column])) >= found[0]:
                    found = with_this, ((row, column), *pairs)
        return found

    return list(best(0, 0)[1])
