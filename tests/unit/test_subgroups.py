"""The curves for groups, each only where it is large enough."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from reference_cohort import STUDY, build_study, read_reference, reference_cohort, small_cohort

from hfcore.errors import MetricInputError
from hfcore.estimators import intervals
from hfcore.metrics import subgroups

R = read_reference("cohort.json")
COHORT = reference_cohort()
RESULTS = subgroups.incidence_by_group(COHORT, STUDY)


@pytest.mark.parametrize("cause", ["self_sufficiency", "moved"])
def test_women_agree_with_r(cause):
    rows = RESULTS.loc[RESULTS["level"].eq("woman") & RESULTS["cause"].eq(cause)]
    np.testing.assert_allclose(rows["estimate"], R["women"][cause]["estimate"], atol=1e-9)


@pytest.mark.parametrize(("households", "status"), [(19, "too_few"), (20, "ok"), (21, "ok")])
def test_a_group_is_told_from_twenty_on(households, status):
    cohort = small_cohort([("participant", 3, "work")] * households)
    rows = subgroups.incidence_by_group(cohort, STUDY)
    women = rows.loc[rows["level"].eq("woman")]
    assert women["status"].eq(status).all()
    assert women["estimate"].notna().all() == (status == "ok")
    assert women["n"].eq(households).all()


def test_the_month_of_the_split_is_after():
    cohort = small_cohort([("participant", 3, "work")] * 3)
    starts = pd.to_datetime(pd.Series(["2020-02-01", "2020-03-01", "2020-04-01"]))
    labels = subgroups.label_groups(cohort.assign(start_month=starts), STUDY)
    assert labels["start"].tolist() == ["before", "from", "from"]
    labels = subgroups.label_groups(
        cohort.assign(start_month=starts), build_study(split_month="2020-04")
    )
    assert labels["start"].tolist() == ["before", "before", "from"]


def test_groups_of_a_dimension_add_up_to_all():
    rows = RESULTS.loc[RESULTS["cause"].eq("moved") & RESULTS["month"].eq(24)]
    sizes = rows.groupby("dimension")[["n", "n_events"]].sum()
    assert sizes["n"].eq(60).all()
    assert sizes["n_events"].nunique() == 1


def test_unknown_labels_are_in_no_group():
    unknown = COHORT.assign(applicant_is_woman=np.nan)
    rows = subgroups.incidence_by_group(unknown, STUDY)
    assert rows.loc[rows["dimension"].eq("applicant_sex"), "n"].eq(0).all()


def test_row_order_does_not_matter_and_input_stays():
    before = COHORT.copy(deep=True)
    other = subgroups.incidence_by_group(COHORT.sample(frac=1, random_state=1), STUDY)
    pd.testing.assert_frame_equal(other, RESULTS, rtol=1e-12)
    pd.testing.assert_frame_equal(COHORT, before)


def test_what_so_few_households_can_show():
    rows = subgroups.detectable_shares(small_cohort([("participant", 20, "work")] * 23), STUDY)
    assert rows["status"].eq("ok").all()
    few = subgroups.detectable_shares(small_cohort([("participant", 20, "work")]), STUDY)
    assert few["status"].eq("too_few").all()
    more = subgroups.detectable_shares(small_cohort([("participant", 20, "work")] * 95), STUDY)
    assert (more["estimate"] < rows["estimate"]).all()


def test_who_is_not_followed_to_the_month_does_not_count_in_what_can_be_shown():
    """Twenty of forty leave sight at 2 months; of the others half close at 3: as of 20 in all."""
    paths = [("participant", 2, None)] * 20 + [("participant", 3, "work")] * 10
    cohort = small_cohort([*paths, *[("participant", 20, None)] * 10])
    rows = subgroups.detectable_shares(cohort, STUDY).set_index("cause")
    wanted = intervals.detectable_difference([20.0] * 2, [20.0] * 2, [0.5, 0.0])
    found = rows.loc[["self_sufficiency", "moved"], "estimate"].tolist()
    assert found == pytest.approx(wanted.tolist())
    assert rows["n"].eq(40).all()
    # Who leaves sight after the closures were seen takes nothing away from those.
    late = cohort.assign(observed_months=cohort["observed_months"].where(lambda m: m != 2, 6))
    found = subgroups.detectable_shares(late, STUDY).set_index("cause")
    wanted = intervals.detectable_difference(40.0, 40.0, 0.25)
    assert found.loc["self_sufficiency", "estimate"] == pytest.approx(float(wanted))


def test_a_missing_column_is_named():
    with pytest.raises(MetricInputError, match="cohort lacks the column children"):
        subgroups.incidence_by_group(COHORT.drop(columns="children"), STUDY)
