"""Exact results → results that may be printed: fifteen rules, each a function on the frame.

The rules are numbered as the methods page lists them. Two are met elsewhere as well: figures are
drawn from protected rows only, and a release is audited together with all earlier ones.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from hfcore.results import check_results
from hfcore.study import Publication, Study
from hfpublish.disclosure import breakdowns, curve_steps, publication_rules, text_rules
from hfpublish.disclosure.protection import KIND_OF, close_rows, open_rows, withhold

Rule = Callable[[pd.DataFrame, Publication], pd.DataFrame]

# In the order in which they work: first which rows there are, then their numbers.
RULES: tuple[tuple[int, Rule], ...] = (
    (13, text_rules.codes_only),
    (11, text_rules.no_single_units),
    (2, breakdowns.merge_categories),
    (3, breakdowns.withhold_sensitive),
    (1, publication_rules.noisy_counts),
    (4, publication_rules.protected_shares),
    (8, curve_steps.coarse_curves),
    (5, publication_rules.rounded_sums),
    (10, publication_rules.series_points),
    (7, publication_rules.medians),
    (6, publication_rules.rounded_means),
    (9, publication_rules.model_results),
    (12, publication_rules.team_figures),
    (14, text_rules.escaped_texts),
)


def protect(
    results: pd.DataFrame,
    study: Study,
    earlier: pd.DataFrame | None = None,
    days_since: int | None = None,
    rules: tuple[tuple[int, Rule], ...] = RULES,
) -> pd.DataFrame:
    """The figures of a results frame as they may be printed.

    Parameters
    ----------
    results : exact results, one row a figure, with the inside columns; of one municipality and
        notebook, or of several with the columns study, municipality and notebook.
    study : its ``publication`` holds the parameters of every rule.
    earlier : exact results of the last release, if there was one, for rule 15.
    days_since : days between that release and this one; unknown counts as none.
    rules : the rules to apply, numbered; all unless a test leaves one out.

    Returns
    -------
    One row a figure: owner columns where given, the columns of results, ``protection``
    (cell_key, rounded, interval, withheld, none) and ``base`` (how many stand behind it, in
    bands). Inside columns are gone. A figure of a metric that no rule knows is withheld.

    Raises
    ------
    MetricInputError for rows that are no results.
    """
    check_results(results)
    kept = publication_rules.frozen(results, earlier, days_since, study.publication)
    rows = open_rows(kept)
    rows = withhold(rows, ~rows["metric"].isin(list(KIND_OF)))
    for _, rule in rules if len(rows) else ():
        rows = rule(rows, study.publication)
    return close_rows(rows)
