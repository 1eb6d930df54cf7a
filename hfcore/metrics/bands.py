"""Whole numbers in bands: time on support, children."""

from __future__ import annotations

import numpy as np
import pandas as pd


def banded(values: pd.Series, bounds: tuple[int, ...]) -> pd.Series:
    """Each whole number as the label of its band; null stays null.

    The bands: below the first bound; from the first to the second, both included; above the
    second to the third; and so on.

    >>> banded(pd.Series([5, 6, 12, 13, 61]), (6, 12, 60)).tolist()
    ['0-5', '6-12', '6-12', '13-60', '61-']
    """
    numbers = values.astype("Float64").astype("float64")
    cut = pd.cut(numbers, [*_starts(bounds), np.inf], right=False, labels=band_labels(bounds))
    return cut.astype("str").where(cut.notna())


def band_labels(bounds: tuple[int, ...]) -> list[str]:
    """The labels of the bands, from low to high.

    >>> band_labels((6, 12, 60)), band_labels((1, 3))
    (['0-5', '6-12', '13-60', '61-'], ['0', '1-3', '4-'])
    """
    ends = [bounds[0] - 1, *bounds[1:], ""]
    pairs = zip(_starts(bounds), ends, strict=True)
    return [str(low) if low == high else f"{low}-{high}" for low, high in pairs]


def _starts(bounds: tuple[int, ...]) -> list[int]:
    return [0, bounds[0], *(bound + 1 for bound in bounds[1:])]
