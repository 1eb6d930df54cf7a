"""Curves and model rows attacked together: exact counts where a rule is left out, none with all."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from hfcore.metrics.incidence_rows import difference_rows, incidence_rows
from hfcore.results import build_results
from hfcore.study import Municipality, Publication, Study
from hfpublish.audit import audit_rows, followed_counts, judged
from hfpublish.disclosure import RULES, protect

DAY = date(2021, 12, 31)
PLACE = Municipality("0180", "Stad", DAY, DAY, DAY, DAY)
STUDY = Study("s", {"sv": "S", "en": "S"}, True, DAY, 2021, (PLACE,))
CAUSES = ("work", "moved", "deceased")
MONTHS = np.arange(25)


def households(rng, n):
    cause = rng.choice([*CAUSES, None], n, p=[0.25, 0.06, 0.03, 0.66])
    month = np.where(pd.isna(cause), 30, rng.integers(0, 25, n))
    return pd.DataFrame(
        {
            "observed_months": month,
            "followup_months": 30,
            "cause": pd.Series(cause, dtype="str"),
            "record_key": rng.random(n),
            "sex": rng.choice(["woman", "man"], n),
        }
    )


def municipality(seed):
    """Exact results of a municipality in which everybody is followed."""
    rng = np.random.default_rng(seed)
    own, other = households(rng, int(rng.integers(45, 122))), households(rng, 130)
    whole = {"participant": own, "control": other}
    curves = pd.concat(
        incidence_rows(stays, CAUSES, MONTHS).assign(group=group, variant="default")
        for group, stays in whole.items()
    )
    gap = difference_rows(curves)
    parts = pd.concat(
        incidence_rows(own.loc[own["sex"].eq(sex)], CAUSES, MONTHS).assign(
            group="participant", variant="default", dimension="applicant_sex", level=sex
        )
        for sex in ("woman", "man")
    )
    pair = [
        parts.loc[parts["level"].eq(sex) & parts["month"].eq(12)].assign(group=group)
        for sex, group in (("woman", "participant"), ("man", "control"))
    ]
    of_sex = difference_rows(pd.concat(pair)).assign(
        group="participant", dimension="applicant_sex", level="woman"
    )
    twelve = curves.loc[curves["month"].eq(12) & curves["group"].eq("participant")]
    lost = twelve.assign(estimate=twelve["estimate"] * 5, df=40.0)
    lost = lost.assign(ci_low=lost["ci_low"] * 5, ci_high=lost["ci_high"] * 5)
    tables = [
        build_results(pd.concat([curves, parts]), metric="cumulative_incidence", unit="share"),
        build_results(pd.concat([gap, of_sex]), metric="incidence_difference", unit="share"),
        build_results(lost, metric="months_lost", unit="months"),
    ]
    return pd.concat(tables, ignore_index=True).assign(study="s", municipality="0180", notebook="n")


def known(exact, left_out=()):
    """How many small numbers follow exactly, of how many."""
    rules = tuple(each for each in RULES if each[0] not in left_out)
    rows = judged(protect(exact, STUDY, rules=rules), exact)
    found = followed_counts.known_counts(rows, Publication())
    true = {}
    curves = rows.loc[rows["kind"].eq("curve")].to_dict("records")
    for row in curves:
        true[followed_counts._place(row)] = row["true_events"]
    small = [cell for cell in found.low if 1 <= true[cell] <= 4]
    exactly = [cell for cell in small if found.low[cell] == found.high[cell]]
    assert all(found.low[cell] == true[cell] for cell in exactly)
    return len(exactly), len(small)


@pytest.mark.parametrize("seed", range(6))
def test_with_all_rules_no_small_number_follows(seed):
    exactly, small = known(municipality(seed))
    assert exactly == 0 and small > 2


def test_without_rule_eight_all_follow():
    exactly, small = known(municipality(1), left_out=(8,))
    assert exactly == small > 50


def test_without_rule_nine_differences_and_missing_ranges_give_some():
    """Exact differences beside moved shares, and times without a range where nobody closed so."""
    exactly, _ = np.sum([known(municipality(seed), left_out=(9,)) for seed in range(6)], axis=0)
    assert exactly > 2


@pytest.mark.parametrize("rule", [8, 9])
def test_the_audit_says_so(rule):
    exact = municipality(2)
    rules = tuple(each for each in RULES if each[0] != rule)
    found = audit_rows(protect(exact, STUDY, rules=rules), STUDY, exact)
    assert rule in set(found["rule"])
    clean = audit_rows(protect(exact, STUDY), STUDY, exact)
    assert clean.empty, clean.to_string()


def test_an_exact_effective_size_is_found():
    row = {"group": "control", "n": 484, "n_events": 121, "estimate": 363.0, "key_n": 0.05}
    exact = build_results(
        pd.DataFrame([row | {"key_events": 0.9}]), metric="effective_sample_size", unit="count"
    ).assign(study="s", municipality="0180", notebook="n")
    protected = protect(exact, STUDY)
    assert followed_counts.findings(judged(protected, exact), Publication()) == []
    leaked = protected.assign(estimate=363.0)
    [(code, told)] = followed_counts.findings(judged(leaked, exact), Publication())
    assert (code, told) == ("0180", "1 effective sizes tell the exact size of a group.")
