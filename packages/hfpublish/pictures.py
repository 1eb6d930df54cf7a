"""A figure as pages show it: two widths, its words for those who do not see it, its table."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import Image, Markdown
from matplotlib.axes import Axes

from hfcore.figures.html_table import Table
from hfcore.figures.plot_style import WIDE_PICTURE, figure_png, narrow_png
from hfcore.figures.result_table import show_table
from hfcore.i18n.texts import text
from hfcore.results import main_rows
from hfpublish.alt_texts import alt_text, is_series

HALF_YEAR = 6


def picture(
    ax: Axes,
    rows: pd.DataFrame,
    language: str = "sv",
    names: Mapping[str, str] | None = None,
    has_table: bool = True,
    optional: bool = False,
) -> Picture | Markdown:
    """The figure as a picture for fine screens, with what it shows in words and in a table.

    It comes in two widths, for telephones and for all else. ``has_table`` is False where the
    page shows the same figures in a table of its own.

    Where there is nothing to draw, a sentence that says so; nothing at all where the picture is
    ``optional`` and the study has no such figures.

    The drawing itself is closed, so that a notebook shows the picture only.
    """
    if rows["estimate"].isna().all():
        plt.close(ax.figure)
        if optional and rows.empty:
            return Markdown("")
        return Markdown(text("words", "no_rows", language))
    image = Picture(
        figure_png(ax, 2, WIDE_PICTURE), alt=alt_text(rows, language, names), retina=True
    )
    image.narrow = narrow_png(ax)
    image.table = table_behind(rows, language, names) if has_table else None
    plt.close(ax.figure)
    return image


class Picture(Image):
    """A picture with its narrow twin, and the table behind it, which pages show one click away."""

    narrow: bytes
    table: Table | None

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict, dict]:
        data, metadata = super()._repr_mimebundle_(include, exclude)
        # Beside the picture's size and words, since notebooks keep one picture of a kind.
        of_picture = metadata["image/png"] | {"narrow": b64encode(self.narrow).decode()}
        metadata = metadata | {"image/png": of_picture}
        if self.table is None:
            return data, metadata
        return data | {"application/vnd.hfcore.table+html": self.table.to_html()}, metadata


def table_behind(
    rows: pd.DataFrame, language: str = "sv", names: Mapping[str, str] | None = None
) -> Table:
    """The figures that a picture of these rows is drawn from, as a table.

    Curves and series have a row a month and a column a cause or group; what compares
    municipalities can be sorted, and has a row each and a column every half year of a curve.
    """
    if "municipality" in rows and rows["municipality"].nunique() > 1:
        known = (names or {}) | {"all": text("words", "pooled", language)}
        places = rows["municipality"].map(lambda code: known.get(code, code))
        named = rows.assign(municipality=places)
        if not is_series(rows):
            return show_table(named, language=language, is_sortable=True)
        # A month of every municipality is a row of the file; here every half year is enough.
        halves = named.loc[named["month"].gt(0) & named["month"].mod(HALF_YEAR).eq(0)]
        return show_table(
            halves.assign(variant="default"), language=language, across="month", is_sortable=True
        )
    if not is_series(rows):
        return show_table(rows, language=language)
    series = main_rows(rows.loc[rows["month"].notna()])
    parts = {column: series[column].nunique() for column in ("cause", "group")}
    across = max(parts, key=parts.__getitem__)
    return show_table(series, language=language, across=across if parts[across] > 1 else None)
