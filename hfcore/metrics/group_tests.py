"""Whether groups of participants leave alike: differences, plain and adjusted, and Gray's test."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hfcore.cohort import assign_cause
from hfcore.estimators import competing_risks
from hfcore.estimators.regression import Contrast, adjusted_difference, welch
from hfcore.estimators.subdistribution import fine_gray, gray_test
from hfcore.metrics.contributions import entered
from hfcore.metrics.covariates import covariate_matrix
from hfcore.metrics.difference_in_differences import contrast_row, informative
from hfcore.metrics.incidence_rows import coded, counted, difference_rows, incidence_rows
from hfcore.metrics.subgroups import gated, label_groups, part_of
from hfcore.results import build_results
from hfcore.schema import GROUPS
from hfcore.study import Study

# The dimensions of two groups: the group that is named, and the one it is held against.
_MIN_ADJUSTED_ARM = 20
_MIN_ESTIMATE_ARM = 5
_COMPARED = {"applicant_sex": ("woman", "man"), "start": ("from", "before")}


def group_differences(cohort: pd.DataFrame, study: Study) -> pd.DataFrame:
    """How much the share closed to each cause differs between the two groups of a dimension.

    Returns
    -------
    ``incidence_difference`` at the headline month: one row a cause, dimension of two groups
    (the level is the one from whose share the other's is taken: women − men, later −
    earlier starts) and variant. ``default`` takes the groups as they are, ``adjusted`` holds the
    study's covariates equal. n counts both groups, n_events the one named. Null and ``too_few``
    where a group has fewer than ``min_households_group`` households or the share is unknown.

    Notes
    -----
    Plain: the difference of two cumulative incidences, interval from both log(−log) intervals.
    Adjusted: least squares on pseudo-values of the cumulative incidence with HC2 errors; they are
    made within each group, since later starts are followed for a shorter time. Neither says that
    the label causes the difference.

    References
    ----------
    Zou & Donner (2008); Andersen, Klein & Rosthøj (2003) Biometrika 90:15.
    """
    stays = assign_cause(entered(cohort), study)
    labels = label_groups(stays, study)
    parts = []
    for dimension, (named, other) in _COMPARED.items():
        pair = [stays.loc[labels[dimension].eq(value)] for value in (named, other)]
        is_large = min(map(len, pair)) >= study.definitions.min_households_group
        for rows in (_plain_differences(pair, study), _adjusted_differences(pair, study)):
            parts.append(gated(rows, is_large).assign(**part_of(dimension, named, study)))
    rows = pd.concat(parts, ignore_index=True).assign(group="participant")
    return build_results(rows, metric="incidence_difference", unit="share")


def _plain_differences(pair: list[pd.DataFrame], study: Study) -> pd.DataFrame:
    month = np.array([study.definitions.reactivation_window_months])
    both = [
        incidence_rows(each, study.causes, month).assign(group=group, variant="default")
        for each, group in zip(pair, GROUPS, strict=True)
    ]
    return difference_rows(pd.concat(both)).assign(method="mover")


def _adjusted_differences(pair: list[pd.DataFrame], study: Study) -> pd.DataFrame:
    both = pd.concat(pair)
    is_first = np.repeat([True, False], [len(each) for each in pair])
    covariates = covariate_matrix(both, study.definitions.covariates).to_numpy()
    keys = both["record_key"].sum(), pair[0]["record_key"].sum()
    rows = []
    for place, cause in enumerate(study.causes):
        values = np.concatenate([_pseudo_shares(each, place, study) for each in pair])
        contrast = _adjusted_contrast(values, is_first, covariates)
        rows.append(contrast_row(contrast, keys, study) | {"cause": cause})
    rows = pd.DataFrame(rows).assign(
        variant="adjusted",
        month=study.definitions.reactivation_window_months,
        method="pseudo_values",
    )
    return rows.assign(status=np.where(rows["estimate"].notna(), "ok", "too_few"))


def _adjusted_contrast(values: np.ndarray, is_first: np.ndarray, x: np.ndarray) -> Contrast:
    """Least squares with common slopes from 20 and 5 (p + 2) households, else plain means."""
    known = ~np.isnan(values)
    outcome, first = values[known], is_first[known]
    n1, n0 = int(first.sum()), int((~first).sum())
    if min(n1, n0) < _MIN_ESTIMATE_ARM:
        return Contrast(np.nan, np.nan, np.nan, n1, n0)
    x = x[known][:, informative(np.column_stack([first, x[known]]))[1:]]
    if n1 >= _MIN_ADJUSTED_ARM and n1 + n0 >= 5 * (x.shape[1] + 2):
        return adjusted_difference(outcome, first, x)
    return welch(outcome[first], outcome[~first])


def _pseudo_shares(stays: pd.DataFrame, place: int, study: Study) -> np.ndarray:
    """Pseudo-values of the share closed to a cause by the headline month; null if unknown."""
    month = study.definitions.reactivation_window_months
    counts = counted(stays, study.causes)
    if not competing_risks.is_known_at(counts, [month])[0]:
        return np.full(len(stays), np.nan)

    def share(some: competing_risks.EventCounts) -> float:
        curve = competing_risks.aalen_johansen(some)[0]
        return float(competing_risks.at_times(some, curve, [month])[0, place])

    return competing_risks.pseudo_values(*coded(stays, study.causes), len(study.causes), share)


def gray_tests(cohort: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Whether the groups of each dimension leave for the first cause alike, over the whole curve.

    Returns
    -------
    One row a dimension: covariate, groups (how many are large enough to be compared), households,
    statistic, df and p_value; null with fewer than two groups. With several dimensions one small
    p-value in twenty is chance.

    References
    ----------
    Gray (1988).
    """
    stays = assign_cause(entered(cohort), study)
    labels = label_groups(stays, study)
    return pd.DataFrame([_gray_row(stays, labels[name], study) for name in labels])


def _gray_row(stays: pd.DataFrame, label: pd.Series, study: Study) -> dict[str, object]:
    sizes = label.value_counts()
    large = sizes.index[sizes >= study.definitions.min_households_group]
    told = label.isin(large).to_numpy()
    groups = pd.factorize(label[told], sort=True)[0]
    found = gray_test(*coded(stays.loc[told], study.causes), groups, cause=1)
    return {
        "covariate": str(label.name),
        "groups": len(large),
        "households": int(told.sum()),
        "statistic": found.statistic,
        "df": found.df,
        "p_value": found.p_value,
    }


def hazard_ratios(cohort: pd.DataFrame, study: Study) -> pd.DataFrame:
    """How much faster the named group of a dimension leaves for the first cause than the other.

    Returns
    -------
    One row a dimension of two groups and kind of ratio: dimension, level (the group named),
    period, kind, households, events, ratio, ci_low, ci_high. ``subdistribution`` (Fine & Gray) is
    about the share that has left by a month, ``cause_specific`` (Cox, Efron's ties) about those
    still taking part. Null where a group is too small to be told or nobody of it left so.

    References
    ----------
    Fine & Gray (1999); Latouche et al. (2013) J Clin Epidemiol 66:648, for showing both.
    """
    stays = assign_cause(entered(cohort), study)
    labels = label_groups(stays, study)
    parts = []
    for dimension, pair in _COMPARED.items():
        told = stays.loc[labels[dimension].isin(pair)]
        is_named = labels[dimension].loc[told.index].eq(pair[0]).to_numpy()
        rows = _ratios(told, is_named, study)
        parts.append(rows.assign(**part_of(dimension, pair[0], study)))
    figures = ["kind", "households", "events", "ratio", "ci_low", "ci_high"]
    return pd.concat(parts, ignore_index=True)[["dimension", "level", "period", *figures]]


def _ratios(stays: pd.DataFrame, is_named: np.ndarray, study: Study) -> pd.DataFrame:
    months, causes = coded(stays, study.causes)
    left = causes == 1
    sizes = [np.sum(is_named), np.sum(~is_named)]
    can_tell = min(sizes) >= study.definitions.min_households_group
    can_tell &= bool(left[is_named].any() and left[~is_named].any())
    x = is_named.astype(float)[:, None]
    fits = (
        [fine_gray(months, causes, x, 1), _cox(months, left, x)]
        if can_tell
        else [(np.array([np.nan]),) * 2] * 2
    )
    log_ratio, error = (np.concatenate(each) for each in zip(*fits, strict=True))
    reach = error * 1.959963984540054
    return pd.DataFrame(
        {
            "kind": ["subdistribution", "cause_specific"],
            "households": len(stays),
            "events": int(left.sum()),
            "ratio": np.exp(log_ratio),
            "ci_low": np.exp(log_ratio - reach),
            "ci_high": np.exp(log_ratio + reach),
        }
    )


def _cox(months: np.ndarray, left: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from statsmodels.duration.hazard_regression import PHReg

    # Half a month later, so that a closure in month 0 has a length.
    fitted = PHReg(months + 0.5, x, status=left.astype(int), ties="efron").fit(disp=0)
    return np.asarray(fitted.params), np.asarray(fitted.bse)
