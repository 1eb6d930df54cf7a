"""Exact tests of plans on one adult a household, so that rows are independent.

For reviewers, beside the intervals: a p-value says less than an interval, and several of them are
no choice to pick from. Nothing here is published.
"""

from __future__ import annotations

import pandas as pd

from hfcore.estimators import exact_tests
from hfcore.metrics.planning import adults_by_point
from hfcore.metrics.plans_over_time import at_both, pair_level, point_pairs
from hfcore.schema import GROUPS
from hfcore.study import Study

_COUNTED = ("group", "dimension", "level", "households", "gained", "lost")
_P_VALUES = ("p_mid", "p_exact", "p_chi_square")
_TESTS = {
    "fisher": exact_tests.fisher,
    "fisher_mid_p": exact_tests.fisher_mid_p,
    "boschloo": exact_tests.boschloo,
}


def difference_tests(
    plans: pd.DataFrame, persons: pd.DataFrame, cohort: pd.DataFrame, study: Study
) -> pd.DataFrame:
    """Tests that the share with another plan is the same in both groups at the first point.

    Parameters
    ----------
    plans, persons, cohort, study
        As ``plan_changed`` takes them.

    Returns
    -------
    DataFrame
        One row a ``test`` (Fisher's exact, its mid-p, Boschloo's, and chi-square for large
        samples): ``p_greater`` against a larger share among participants, ``p_less`` against a
        smaller, ``p_value`` two-sided. Chi-square has the last only. No row where a group has
        nobody.

    Notes
    -----
    On the applicant of each household, else the other adult. Two-sided: Fisher's and its mid-p
    by Irwin's rule, Boschloo's doubled.

    References
    ----------
    Fisher (1935); Lancaster (1961); Boschloo (1970).
    """
    points = adults_by_point(plans, persons, cohort, study)
    month = min(study.definitions.measurement_points_months)
    adults = _one_a_household(points.loc[points["month"].eq(month)], persons)
    sums = adults.groupby("group")["is_changed"].agg(["sum", "size"])
    sums = sums.reindex(GROUPS, fill_value=0)
    table = [int(each) for each in sums.to_numpy().ravel()]
    rows = []
    if table[1] and table[3]:
        for name, test in _TESTS.items():
            found = test(*table)
            rows.append((name, found.greater, found.less, found.two_sided))
        rows.append(("chi_square", None, None, exact_tests.chi_square(*table)))
    return pd.DataFrame(rows, columns=["test", "p_greater", "p_less", "p_value"]).astype(
        dict.fromkeys(("p_greater", "p_less", "p_value"), "float64")
    )


def mcnemar_tests(
    plans: pd.DataFrame, persons: pd.DataFrame, cohort: pd.DataFrame, study: Study
) -> pd.DataFrame:
    """McNemar's tests that as many adults came to another plan between two points as went back.

    Returns
    -------
    One row a ``group`` and pair of points (dimension ``months``, level ``6-12``): households, how
    many have another plan than at start at the later point only (``gained``) and at the earlier
    only (``lost``), and the p-values ``p_mid``, ``p_exact`` and ``p_chi_square`` (null where nobody
    changed). All are null where nobody was observed at both.

    Notes
    -----
    On the applicant of each household, else the other adult.

    References
    ----------
    McNemar (1947); Fagerland, Lydersen & Laake (2013).
    """
    adults = _one_a_household(adults_by_point(plans, persons, cohort, study), persons)
    rows = []
    for pair in point_pairs(study):
        both = at_both(adults, "is_changed", pair)
        for group in GROUPS:
            change = both.loc[both["group"].eq(group), "change"]
            gained, lost = int(change.eq(1).sum()), int(change.eq(-1).sum())
            rows.append(
                {
                    "group": group,
                    "dimension": "months",
                    "level": pair_level(pair),
                    "households": len(change),
                    "gained": gained,
                    "lost": lost,
                    "p_mid": exact_tests.mcnemar_mid_p(gained, lost),
                    "p_exact": exact_tests.mcnemar(gained, lost),
                    "p_chi_square": exact_tests.mcnemar_chi_square(gained, lost),
                }
            )
    found = pd.DataFrame(rows, columns=[*_COUNTED, *_P_VALUES]).astype(
        dict.fromkeys(_P_VALUES, "float64")
    )
    return found.assign(
        **{name: found[name].where(found["households"].gt(0)) for name in _P_VALUES}
    )


def _one_a_household(points: pd.DataFrame, persons: pd.DataFrame) -> pd.DataFrame:
    """The observed applicant of each household at each point, else its other adult.

    The same adult at every point, whether observed at it or not, so that pairs are of one person.
    """
    roles = points.merge(persons[["person_id", "role"]], on="person_id")
    first = roles.sort_values(["role", "person_id"], kind="stable")
    chosen = first.drop_duplicates("household_id")["person_id"]
    is_counted = points["person_id"].isin(chosen) & points["standing"].eq("observed")
    return points.loc[is_counted]
