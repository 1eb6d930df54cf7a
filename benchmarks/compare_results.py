"""Whether two runs of the same studies tell the same figures: ``make compare OLD=dir NEW=dir``.

Takes two ``processed`` folders, one from before a change and one from after it, and holds the
results of every study in both against each other, figure by figure. Prints how many are equal,
have moved or stand in one folder only, and each that moved. Exit code 1 if one has moved, 2 if
there is nothing to compare.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from hfcore.results import OWNER_COLUMNS
from hfpublish.audit.releases import with_parts

KINDS = ("results", "protected")
NAMED = ("metric", "variant", "group", "dimension", "level", "cause", "month", "period", "method")
KEYS = [*OWNER_COLUMNS, *NAMED, "place"]


def read_rows(folder: Path) -> pd.DataFrame:
    """All rows of one kind of one study, in the order of their files.

    Figures that nothing else tells apart are told by their ``place`` among their likes.
    """
    files = sorted(folder.glob("municipality=*/**/*.parquet"))
    frames = [pd.read_parquet(file, engine="pyarrow", partitioning=None) for file in files]
    rows = with_parts(pd.concat(frames, ignore_index=True))
    # An apostrophe before what a spreadsheet would run is protection, not another figure.
    rows = rows.assign(
        month=rows["month"].astype("Int64"), level=rows["level"].str.removeprefix("'")
    )
    return rows.assign(place=rows.groupby(KEYS[:-1], dropna=False).cumcount())


def compare(old: pd.DataFrame, new: pd.DataFrame, tolerance: float = 0.0) -> dict[str, object]:
    """Two frames of results, figure by figure.

    Returns
    -------
    equal (count), moved (a row a figure and column that differs: the key, column, before, after,
    relative), only_old and only_new (the keys), is_reordered (whether the figures in both stand in
    another order), columns (those that one frame alone has).
    """
    both = old.merge(new, on=KEYS, how="outer", suffixes=("_old", "_new"), indicator=True)
    shared = both.loc[both["_merge"].eq("both")]
    values = [each for each in old if each in new and each not in KEYS]
    moved = [_differing(shared, column, tolerance) for column in values]
    moved = pd.concat(moved, ignore_index=True)
    order = [pd.MultiIndex.from_frame(each[KEYS].astype("str")) for each in (old, new)]
    order = [each[each.isin(other)] for each, other in zip(order, order[::-1], strict=True)]
    return {
        "equal": len(shared) - len(moved[KEYS].drop_duplicates()),
        "moved": moved,
        "only_old": both.loc[both["_merge"].eq("left_only"), KEYS],
        "only_new": both.loc[both["_merge"].eq("right_only"), KEYS],
        "is_reordered": not order[0].equals(order[1]),
        "columns": sorted(set(old.columns) ^ set(new.columns)),
    }


def _differing(shared: pd.DataFrame, column: str, tolerance: float) -> pd.DataFrame:
    """The figures of which one column differs by more than the tolerance, a share of the old."""
    before, after = shared[f"{column}_old"], shared[f"{column}_new"]
    relative = pd.Series(np.inf, index=shared.index)
    if pd.api.types.is_numeric_dtype(before) and pd.api.types.is_numeric_dtype(after):
        first, then = (each.astype("Float64").astype("float64") for each in (before, after))
        size = first.abs().where(first.ne(0), np.nan)
        relative = ((then - first).abs() / size).fillna(np.inf)
        same = first.eq(then) | relative.le(tolerance)
    else:
        same = before.eq(after).fillna(False).astype(bool)
    differs = ~(same | (before.isna() & after.isna()))
    told = shared.loc[differs, KEYS]
    return told.assign(
        column=column,
        before=before[differs].astype("object"),
        after=after[differs].astype("object"),
        relative=relative[differs],
    )


def told(found: dict, heading: str, show: int) -> list[str]:
    """What was found, as lines: the counts, then what moved, largest relative difference first."""
    moved = found["moved"]
    counts = {
        "equal": found["equal"],
        "moved": len(moved[KEYS].drop_duplicates()),
        "only in OLD": len(found["only_old"]),
        "only in NEW": len(found["only_new"]),
    }
    lines = [f"{heading}: " + ", ".join(f"{count} {name}" for name, count in counts.items())]
    if found["columns"]:
        lines.append(f"  columns of one side only: {', '.join(found['columns'])}")
    if found["is_reordered"]:
        lines.append("  the figures stand in another order")
    if len(moved):
        finite = moved["relative"].replace(np.inf, np.nan).max()
        lines.append(f"  largest relative difference: {finite:.3g}")
    moved = moved.sort_values("relative", ascending=False, kind="stable")
    for row in moved.head(show).to_dict("records"):
        where = f"{_name(row)} {row['column']}"
        lines.append(f"  moved {where}: {row['before']} -> {row['after']}")
    for side in ("old", "new"):
        names = [_name(row) for row in found[f"only_{side}"].head(show).to_dict("records")]
        lines += [f"  only in {side.upper()} {name}" for name in names]
    return lines


def _name(row: dict) -> str:
    keys = {key: row[key] for key in KEYS if key not in ("study", "place")}
    return " ".join(f"{key}={each}" for key, each in keys.items() if pd.notna(each) and each != "")


def main() -> int:
    """Compare what the command line names; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=Path, help="a processed folder from before the change")
    parser.add_argument("new", type=Path, help="a processed folder from after the change")
    parser.add_argument("--tolerance", type=float, default=0.0, help="relative, 0 by default")
    parser.add_argument("--show", type=int, default=20, help="how many to name of each sort")
    options = parser.parse_args()
    has_moved, is_any = False, False
    studies = sorted({each.name for each in (*options.old.glob("*"), *options.new.glob("*"))})
    for study in studies:
        for kind in KINDS:
            folders = [side / study / kind for side in (options.old, options.new)]
            there = [any(folder.glob("municipality=*/**/*.parquet")) for folder in folders]
            if not all(there):
                if any(there):
                    print(f"{study} {kind}: only in {'OLD' if there[0] else 'NEW'}")
                continue
            found = compare(*(read_rows(folder) for folder in folders), options.tolerance)
            print("\n".join(told(found, f"{study} {kind}", options.show)))
            has_moved |= bool(len(found["moved"]))
            is_any = True
    if not is_any:
        print("There are no results of one study in both folders.", file=sys.stderr)
        return 2
    return int(has_moved)


if __name__ == "__main__":
    sys.exit(main())
