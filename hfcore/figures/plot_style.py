"""The one style of all figures: colours, axes, direct labels, at-risk row, PNG."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from functools import cache, partial, wraps
from itertools import pairwise
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

from hfcore.i18n.formats import number, percent
from hfcore.results import main_rows

INK, GREY, PALE = "#222222", "#6b6b6b", "#d9d9d9"
# Different in hue and in lightness, so that they also differ in grey and to the colour-blind.
PALETTE = ("#0b3c5d", "#c8690a", "#3f8f6b", "#8a5a9e", "#7a7a7a", "#b8a12c", "#5fa8d3")
DASHES = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (6, 2, 1.5, 2)), (0, (1, 1)), "-", (0, (4, 4)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
GROUP_STYLE: dict[str, dict[str, Any]] = {
    "participant": {"color": PALETTE[0], "linestyle": DASHES[0], "marker": "o"},
    "control": {"color": PALETTE[1], "linestyle": DASHES[1], "marker": "s"},
    "comparison": {"color": PALETTE[2], "linestyle": DASHES[2], "marker": "^"},
    "difference": {"color": PALETTE[0], "linestyle": DASHES[0], "marker": "o"},
    "": {"color": PALETTE[0], "linestyle": DASHES[0], "marker": "o"},
}
WIDTH, HEIGHT = 7.2, 3.9
# For telephones: as wide as their screen, so that letters keep their size.
NARROW_WIDTH, NARROW_HEIGHT = 3.5, 3.5
# How wide the pictures of a page are: its text's width, and a telephone's.
WIDE_PICTURE, NARROW_PICTURE = 7.6, 3.6
NARROW_WORDS, NARROW_LABEL = 30, 15
_is_narrow: ContextVar[bool] = ContextVar("is_narrow", default=False)
DPI = 100
COLOURS_IN_PNG = 96
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.labelsize": 10,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#ececec",
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "lines.linewidth": 2.0,
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
}


@cache
def _load_backend() -> None:
    # Loading a notebook's backend switches interactive drawing on. Left to the first figure, that
    # would happen inside a settings context and be taken back when it ends: the notebook would
    # then show its first figure only.
    plt.switch_backend(plt.get_backend())


def shown_rows(rows: pd.DataFrame, metric: str, group: str | None = None) -> pd.DataFrame:
    """The main rows of a metric that have a month and a figure, in the order of months."""
    kept = main_rows(rows.loc[rows["metric"].eq(metric) & rows["month"].notna()])
    kept = kept.loc[kept["estimate"].notna()]
    if group is not None:
        kept = kept.loc[kept["group"].eq(group)]
    return kept.sort_values("month", kind="stable")


def floats(rows: pd.DataFrame, column: str) -> np.ndarray:
    """A column as floats, NaN where it is null."""
    return rows[column].to_numpy(dtype="float64", na_value=np.nan)


def styled(plot: Callable[..., Axes]) -> Callable[..., Axes]:
    """A plotting function that draws in the project's style, whatever the settings around it.

    Its axes remember how they were drawn, so that ``narrow_png`` can draw them again.
    """

    @wraps(plot)
    def in_style(*args: Any, **options: Any) -> Axes:
        _load_backend()
        with sns.axes_style("ticks"), plt.rc_context(_STYLE):
            ax = plot(*args, **options)
        of_its_own = {name: each for name, each in options.items() if name != "ax"}
        ax.drawn_again = partial(in_style, *args, **of_its_own)
        # A notebook shows the drawing; the axes' own text (<Axes: …>) says nothing beside it.
        ax._ipython_display_ = _say_nothing
        return ax

    return in_style


def _say_nothing() -> None:
    """What IPython shows of axes that it has drawn already."""


class WholeFigure(Figure):
    """A figure whose saved picture takes in what stands beside the axes, such as direct labels."""

    def savefig(self, fname: Any, **options: Any) -> None:
        """Save the whole figure, cut to what is drawn unless ``bbox_inches`` says otherwise."""
        super().savefig(fname, **({"bbox_inches": "tight"} | options))


def is_narrow() -> bool:
    """Whether the figure at hand is drawn for a telephone."""
    return _is_narrow.get()


def new_axes(ax: Axes | None, width: float = WIDTH, height: float = HEIGHT) -> Axes:
    """The axes given, or those of a new figure; of a telephone's width where it is for one."""
    if ax is not None:
        return ax
    if is_narrow():
        width, height = NARROW_WIDTH, NARROW_HEIGHT if height == HEIGHT else height
    return plt.subplots(figsize=(width, height), FigureClass=WholeFigure)[1]


def narrow_png(ax: Axes) -> bytes:
    """The same figure drawn anew for a telephone."""
    token = _is_narrow.set(True)
    try:
        again = ax.drawn_again()
    finally:
        _is_narrow.reset(token)
    png = figure_png(again, 2, NARROW_PICTURE)
    plt.close(again.figure)
    return png


def _fit(figure: Any, width: float) -> None:
    """Make a figure so wide that the picture cut out of it, names beside the axes too, has a width.

    What the axes leave of the picture keeps its size, since letters do.
    """
    figure.draw_without_rendering()
    before = figure.get_figwidth()
    share = sum(ax.get_position().width for ax in figure.axes[:1]) if len(figure.axes) == 1 else 1.0
    change = (width - figure.get_tightbbox().width) / share
    figure.set_figwidth(max(before + change, before / 3))


def folded(words: str, width: int) -> str:
    """Words broken into lines where the figure is narrow.

    >>> folded("annat positivt avslut", 15)
    'annat positivt avslut'
    """
    return textwrap.fill(words, width) if is_narrow() else words


def percent_axis(axis: Any, language: str) -> None:
    """Ticks in whole percent."""
    axis.set_major_locator(MaxNLocator(9, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: percent(value, language)))


def number_axis(axis: Any, language: str) -> None:
    """Ticks as numbers of the language."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value, language)))


def month_axis(ax: Axes, months: Sequence[float], label: str, language: str) -> None:
    """Months since start, a tick every half year (every year where there is little room)."""
    is_long = max(months) - min(months) > 30
    ax.xaxis.set_major_locator(MultipleLocator(12 if is_narrow() and is_long else 6))
    number_axis(ax.xaxis, language)
    ax.set_xlim(min(months), max(months))
    ax.set_xlabel(label)
    ax.grid(False, axis="x")


def spread(heights: Sequence[float], gap: float, low: float, high: float) -> np.ndarray:
    """Heights moved apart to at least ``gap``, in their order, within low and high.

    >>> spread([0.0, 0.02, 0.5], 0.1, 0, 1).round(2).tolist()
    [0.0, 0.1, 0.5]
    """
    order = np.argsort(heights, kind="stable")
    moved = np.maximum(np.array(heights, dtype="float64"), low)
    for lower, upper in pairwise(order):
        moved[upper] = max(moved[upper], moved[lower] + gap)
    moved[order] -= np.maximum(moved[order] - (high - gap * np.arange(len(order))[::-1]), 0)
    return moved


def label_ends(
    ax: Axes, x: float, heights: Sequence[float], words: Sequence[str], colours: Sequence[str]
) -> None:
    """Names at the right end of lines, kept apart, a thin line leading to each that moved."""
    if not len(heights):
        return
    words = [folded(word, NARROW_LABEL) for word in words]
    low, high = ax.get_ylim()
    gap = (high - low) * 0.068 * (1 + max(word.count("\n") for word in words))
    left, right = ax.get_xlim()
    reach = (right - left) * (0.045 if is_narrow() else 0.02)
    # Inside the axes a name keeps clear of the month axis.
    placed = spread(heights, gap, low + gap * 0.6 * (x < right), high)
    for at, height, word, colour in zip(placed, heights, words, colours, strict=True):
        ax.plot([x, x + reach], [height, at], color=colour, linewidth=0.7, clip_on=False, zorder=1)
        ax.text(x + reach * 1.3, at, word, color=colour, va="center", ha="left", clip_on=False)


def numbers_below(ax: Axes, rows: Mapping[str, pd.Series], word: str, language: str) -> None:
    """How many stand behind each line, below the month axis: a row a name, months as its index.

    A single row needs no name; rows without numbers are left out.
    """
    told = {name: counts for name, counts in rows.items() if len(counts)}
    if not told:
        return
    # A blended transform: months along the axis, fractions of the axes' height down.
    place = ax.get_xaxis_transform()
    ax.text(0, -0.23, word, transform=ax.transAxes, color=GREY, fontsize=9, ha="left")
    for number_of_row, (name, counts) in enumerate(told.items()):
        height = -0.30 - 0.065 * number_of_row
        for month, count in counts.items():
            shown = number(count, language)
            ax.text(month, height, shown, transform=place, color=INK, fontsize=9, ha="center")
        if len(told) > 1:
            ax.text(-0.05, height, name, transform=ax.transAxes, color=INK, fontsize=9, ha="right")


def title(ax: Axes, words: str, above: float = 12) -> Axes:
    """A title flush with the left edge of the axes, so many points above them."""
    ax.set_title(folded(words, NARROW_WORDS), loc="left", fontsize=11, fontweight="bold", pad=above)
    return ax


def figure_png(ax: Axes, density: int = 1, width: float | None = None) -> bytes:
    """The figure of the axes as a PNG, ``density`` 1 for plain and 2 for fine screens.

    ``width`` in inches, where given, is that of the picture with all that stands beside the axes.
    The same figure gives the same bytes: no date, no program's name.
    """
    from PIL import Image

    if width is not None:
        _fit(ax.figure, width)
    raw = io.BytesIO()
    ax.figure.savefig(
        raw, format="png", dpi=DPI * density, bbox_inches="tight", metadata={"Software": None}
    )
    picture = Image.open(raw).convert("RGB").quantize(COLOURS_IN_PNG, dither=Image.Dither.NONE)
    small = io.BytesIO()
    picture.save(small, format="PNG", optimize=True)
    return small.getvalue()
