"""Published figures against themselves: what must be found, and what must not."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hfclaims
from hfclaims.claims_file import COLUMNS, MAX_ROWS
from hfcore.errors import MetricInputError, RawDataError, UsageError
from hfcore.results import build_results

PUBLISHED = Path(__file__).parents[2] / "data" / "raw" / "published_figures.csv"


def write(path, rows, columns=COLUMNS):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def row(claim_id, value, **cells):
    base = {"source": "s1", "place": "p", "municipality": "1290", "metric": "budget"}
    return base | {"claim_id": claim_id, "value": str(value), "unit": "SEK"} | cells


def checked(tmp_path, *rows):
    return hfclaims.check_claims(hfclaims.read_claims(write(tmp_path / "figures.csv", rows)))


def verdicts(checks, rule):
    chosen = checks[checks["rule"].eq(rule)]
    return dict(zip(chosen["claim_id"], chosen["agrees"], strict=True))


def wrong(checks):
    found = hfclaims.contradictions(checks)
    return sorted(zip(found["claim_id"], found["rule"], strict=True))


@pytest.fixture(scope="module")
def published():
    return hfclaims.check_claims(hfclaims.read_claims(PUBLISHED))


# --- the real file -----------------------------------------------------------------------------


def test_published_contradictions(published):
    assert wrong(published) == [
        ("ap-10-2018", "cell"),
        ("ap-20-2019", "months_paid"),
        ("ap-30", "equal_periods"),
        ("ap-31", "equal_periods"),
        ("ev-04", "share"),
        ("ha-09", "share"),
        ("hf-14", "share"),
    ]


@pytest.mark.parametrize(
    ("claim_id", "rule", "recomputed", "says_en", "says_sv"),
    [
        ("hf-14", "share", 400 / 29, "needs the denominator 27.", "nämnaren 27."),
        ("ap-10-2018", "cell", 781_200, "1,000\xa0SEK too small", "1\xa0000\xa0kr för litet"),
        ("ha-09", "share", 3600 / 71, "denominator 69 or the numerator 37", "nämnaren 69"),
        ("ap-30", "equal_periods", 2_264_080, "23 months with 36", "23 månader med 36"),
    ],
)
def test_the_four_named_contradictions(published, claim_id, rule, recomputed, says_en, says_sv):
    found = published[published["claim_id"].eq(claim_id) & published["rule"].eq(rule)].iloc[0]
    assert found["recomputed"] == pytest.approx(recomputed)
    assert not found["agrees"]
    assert says_en in found["sentence_en"]
    assert says_sv in found["sentence_sv"]


def test_the_short_cell_names_its_row_and_column(published):
    found = published[published["rule"].eq("cell")].iloc[0]
    assert found["other_claims"] == "ap-10-sum; ap-14-2018"
    assert found["sentence_en"].startswith("Kristianstads kommun, 2018: ")


def test_published_figures_that_agree(published):
    shares = verdicts(published, "share")
    assert all(shares[claim] for claim in ("hf-12", "hf-13", "ev-01", "ev-03", "ha-10"))
    assert all(verdicts(published, "product").values())
    assert len(verdicts(published, "product")) == 8
    assert verdicts(published, "sum_over_municipality") == {"hf-01": True}
    assert verdicts(published, "difference") == {"ap-30": True, "ap-31": True}
    assert verdicts(published, "national_scaling") == {"ha-29": True, "ha-30": True}
    assert verdicts(published, "distribution")["ha-11"]
    assert set(verdicts(published, "repeated")) == {"hf-02", "hf-12", "hf-13", "hf-14"}


def test_mean_of_all_closures_is_told_but_not_decided(published):
    found = published[published["rule"].eq("weighted_mean")].iloc[0]
    # (95 · 10.5 − 30 · 8.5) / 65, with each printed mean up to 0.05 off.
    assert found["recomputed"] == pytest.approx((95 * 10.5 - 30 * 8.5) / 65)
    assert pd.isna(found["agrees"])
    assert "11.3–11.5" in found["sentence_en"]
    assert "closures of a further kind" in found["sentence_en"]


def test_implied_rates(published):
    found = published[published["rule"].eq("per_unit")].set_index("claim_id")
    assert found["agrees"].all()
    assert found["recomputed"].to_dict() == pytest.approx(
        {"ha-26": 3_500_000 / 107 / 6, "ha-27": 7_500_000 / 107 / 12}
    )


def test_every_figure_has_a_row(published):
    ids = set(hfclaims.read_claims(PUBLISHED)["claim_id"])
    named = set(published["claim_id"]) | {
        each for others in published["other_claims"] for each in others.split("; ") if each
    }
    assert named == ids


def test_order_and_names_of_rows_do_not_matter(published):
    frame = hfclaims.read_claims(PUBLISHED)
    names = {claim: f"x{len(frame) - place:03}" for place, claim in enumerate(frame["claim_id"])}
    shuffled = frame.sample(frac=1, random_state=3).assign(
        claim_id=lambda rows: rows["claim_id"].map(names)
    )
    again = hfclaims.check_claims(shuffled)
    back = again.assign(claim_id=again["claim_id"].map({new: old for old, new in names.items()}))
    assert wrong(back) == wrong(published)
    assert back["rule"].value_counts().to_dict() == published["rule"].value_counts().to_dict()
    # These name the first of several equal claims, so another one after renaming.
    columns = ["claim_id", "rule", "agrees", "sentence_en"]
    before, after = (
        each[~each["rule"].isin(["distribution", "repeated", "same_rate"])].sort_values(
            columns, ignore_index=True
        )[columns]
        for each in (published, back)
    )
    pd.testing.assert_frame_equal(before, after)


def test_parties_may_be_called_anything(published):
    frame = hfclaims.read_claims(PUBLISHED)
    renamed = frame.assign(group=frame["group"].replace({"Kristianstads kommun": "Party A"}))
    assert wrong(hfclaims.check_claims(renamed)) == wrong(published)


def test_input_is_left_as_it_was():
    frame = hfclaims.read_claims(PUBLISHED)
    before = frame.copy(deep=True)
    hfclaims.check_claims(frame)
    pd.testing.assert_frame_equal(frame, before)


# --- shares ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("printed", "top", "bottom", "agrees"),
    [
        ("12.4", 1, 8, False),  # 12.5, off by twice the half digit
        ("12.5", 1, 8, True),
        ("12", 1, 8, True),  # exactly half a digit away, either way of rounding
        ("13", 1, 8, True),
        ("11", 1, 8, False),
        ("12", 1249, 10000, True),  # 12.49: less than half
        ("13", 1249, 10000, False),  # more than half
        ("33.3", 1, 3, True),
        ("33.4", 1, 3, False),
        ("0", 0, 9, True),
        ("100", 9, 9, True),
        ("99", 9, 9, False),
    ],
)
def test_edge_of_rounding(tmp_path, printed, top, bottom, agrees):
    share = row("a", printed, metric="share_x", unit="percent", numerator=top, denominator=bottom)
    assert verdicts(checked(tmp_path, share), "share") == {"a": agrees}


def test_counts_come_from_the_same_figure_in_another_source(tmp_path):
    one = row("a", 25, metric="share_x", unit="percent", numerator=1, denominator=4)
    two = row("b", 30, metric="share_x", unit="percent", source="s2")
    checks = checked(tmp_path, one, two)
    assert wrong(checks) == [("b", "repeated"), ("b", "share")]


def test_counts_come_from_the_claim_that_counts(tmp_path):
    share = row("a", 40, metric="share_x", unit="percent", group="young", at="2014")
    part = row("b", 3, metric="x", unit="clients", group="young", at="2014")
    other = row("c", 7, metric="x", unit="clients", group="old", at="2014")
    whole = row("d", 10, metric="x", unit="clients", group="all", at="2014")
    checks = checked(tmp_path, share, part, other, whole)
    assert wrong(checks) == [("a", "share")]
    assert "3 of 10 is 30" in checks["sentence_en"].iloc[0]


def test_two_possible_denominators_decide_nothing(tmp_path):
    share = row("a", 52, metric="share_y", unit="percent", at="2014", numerator=36)
    one = row("b", 71, metric="x", unit="clients", group="all", at="2014")
    two = row("c", 69, metric="z", unit="clients", group="all", at="2014")
    assert wrong(checked(tmp_path, share, one, two)) == []


@pytest.mark.parametrize(
    ("printed", "note", "agrees"),
    [
        ("85", "", True),  # 53 of 62 is 85.5
        ("33", "", False),  # 20 of 62 is 32.3, 21 is 33.9
        ("33", "about a third", True),
    ],
)
def test_a_share_of_whole_numbers(tmp_path, printed, note, agrees):
    share = row("a", printed, metric="share_x", unit="percent", denominator=62, note=note)
    assert verdicts(checked(tmp_path, share), "share_of_whole_number") == {"a": agrees}


def test_any_percent_is_possible_of_many(tmp_path):
    share = row("a", 33, metric="share_x", unit="percent", denominator=1000)
    assert checked(tmp_path, share)["rule"].tolist() == ["no_parts"]


@pytest.mark.parametrize(("last", "agrees"), [("33.3", True), ("33.4", True), ("33.8", False)])
def test_shares_of_all_categories_sum_to_hundred(tmp_path, last, agrees):
    # Three figures of one decimal may be 3 × 0.05 off together.
    mix = row("a", f"33.3;33.3;{last}", metric="share_x", unit="percent")
    assert verdicts(checked(tmp_path, mix), "distribution") == {"a": agrees}


def test_shares_of_a_counted_table_sum_to_hundred(tmp_path):
    groups = {"young": (1, 34), "middle": (1, 33), "old": (1, 34)}
    shares = [
        row(f"s-{g}", p, metric="share_x", unit="percent", group=g) for g, (_, p) in groups.items()
    ]
    counts = [row(f"n-{g}", n, metric="x", unit="clients", group=g) for g, (n, _) in groups.items()]
    whole = row("n", 3, metric="x", unit="clients", group="all")
    found = verdicts(checked(tmp_path, *shares, *counts, whole), "distribution")
    assert list(found.values()) == [True]


# --- sums --------------------------------------------------------------------------------------


def table(cells, **common):
    """Rows of a parties × years table with its totals, from a dict of lists."""
    years = [str(2015 + place) for place in range(len(next(iter(cells.values()))))]
    rows = []
    for party, values in cells.items():
        rows += [
            row(f"{party}-{year}", value, group=party, at=year, **common)
            for year, value in zip(years, values, strict=True)
        ]
        rows.append(
            row(f"{party}-sum", sum(values), group=party, **(common | {"metric": "budget_total"}))
        )
    columns = [sum(each) for each in zip(*cells.values(), strict=True)]
    rows += [
        row(f"T-{year}", value, group="Totalt", at=year, **common)
        for year, value in zip(years, columns, strict=True)
    ]
    rows.append(row("T-sum", sum(columns), group="Totalt", **(common | {"metric": "budget_total"})))
    return rows


def changed(rows, claim_id, by):
    return [
        each | {"value": str(int(each["value"]) + by)} if each["claim_id"] == claim_id else each
        for each in rows
    ]


CELLS = {"A": [100, 200, 300], "B": [40, 50, 60]}


@pytest.mark.parametrize(
    ("cell", "by", "others"),
    [
        ("A-2016", -30, "A-sum; T-2016"),
        ("B-2015", 30, "B-sum; T-2015"),
        ("A-sum", 30, "A-2015; A-2016; A-2017; T-sum"),
        ("T-2017", -30, "A-2017; B-2017; T-sum"),
        ("T-sum", 30, "A-sum; B-sum; T-2015; T-2016; T-2017"),
    ],
)
def test_a_wrong_cell_is_named(tmp_path, cell, by, others):
    checks = checked(tmp_path, *changed(table(CELLS), cell, by))
    found = hfclaims.contradictions(checks)
    assert found[["claim_id", "rule", "other_claims"]].to_numpy().tolist() == [
        [cell, "cell", others]
    ]
    assert found["recomputed"].iloc[0] == found["printed"].iloc[0] - by
    assert ("too small" if by < 0 else "too large") in found["sentence_en"].iloc[0]


def test_two_wrong_cells_of_a_row_are_told_as_sums(tmp_path):
    rows = changed(changed(table(CELLS), "A-2015", 30), "A-2016", 70)
    assert wrong(checked(tmp_path, *rows)) == [
        ("A-sum", "sum_over_at"),
        ("T-2015", "sum_over_group"),
        ("T-2016", "sum_over_group"),
    ]


def test_sums_of_rounded_money(tmp_path):
    # Three parts and a total, each up to half a krona off: 2 kronor may be rounding, 3 not.
    rows = [row(each, 10, group=each) for each in ("a", "b", "c")]
    assert wrong(checked(tmp_path, *rows, row("t", 32, group="all"))) == []
    assert wrong(checked(tmp_path, *rows, row("t", 33, group="all"))) == [("t", "sum_over_group")]


def test_sums_of_persons_are_exact(tmp_path):
    rows = [row(each, 10, group=each, metric="x", unit="clients") for each in ("a", "b")]
    total = row("t", 21, group="all", metric="x", unit="clients")
    assert wrong(checked(tmp_path, *rows, total)) == [("t", "sum_over_group")]


def test_municipalities_sum_across_places(tmp_path):
    rows = [
        row(code, 10, municipality=code, metric="families", unit="families", place=code)
        for code in ("1290", "1293")
    ]
    total = row("t", 21, municipality="all", metric="families", unit="families")
    assert wrong(checked(tmp_path, *rows, total)) == [("t", "sum_over_municipality")]
    third = row("x", 5, municipality="1256", metric="other", unit="FTE")
    checks = checked(tmp_path, *rows, total, third)
    assert pd.isna(verdicts(checks, "sum_over_municipality")["t"])


@pytest.mark.parametrize(
    ("quarters", "year", "agrees"),
    [
        ((1, 2, 3, 4), 10, True),
        ((1, 2, 3, 4), 11, False),
        ((1, 2, 3), 11, None),
        ((5, 9), 11, False),
    ],
)
def test_quarters_sum_to_their_year(tmp_path, quarters, year, agrees):
    rows = [
        row(f"q{n}", value, metric="closed", unit="cases", at=f"2014Q{n}")
        for n, value in enumerate(quarters, 1)
    ]
    checks = checked(tmp_path, *rows, row("y", year, metric="closed", unit="cases", at="2014"))
    found = verdicts(checks, "sum_over_at")["y"]
    assert pd.isna(found) if agrees is None else found == agrees


def test_two_budgets_of_one_source_do_not_mix(tmp_path):
    first = table(CELLS, place="Budget, first")
    second = [
        each | {"claim_id": f"2-{each['claim_id']}"}
        for each in table({"A": [7, 8, 9], "B": [1, 2, 3]}, place="Budget, second")
    ]
    assert wrong(checked(tmp_path, *first, *second)) == []


@settings(max_examples=40)
@given(data=st.data())
def test_consistent_tables_are_clean_and_a_changed_cell_is_found(tmp_path_factory, data):
    shape = data.draw(st.tuples(st.integers(2, 5), st.integers(2, 5)))
    numbers = st.integers(0, 5_000_000)
    cells = {
        f"P{place}": data.draw(st.lists(numbers, min_size=shape[1], max_size=shape[1]))
        for place in range(shape[0])
    }
    counts = data.draw(st.lists(st.integers(0, 60), min_size=2, max_size=5).filter(any))
    rows = table(cells) + distribution(counts)
    folder = tmp_path_factory.mktemp("tables")
    assert wrong(checked(folder, *rows)) == []
    target = data.draw(st.sampled_from([each["claim_id"] for each in table(cells)]))
    by = data.draw(st.integers(20, 9_000_000)) * data.draw(st.sampled_from([1, -1]))
    found = hfclaims.contradictions(checked(folder, *changed(rows, target, by)))
    involved = set(found["claim_id"]) | set("; ".join(found["other_claims"]).split("; "))
    assert target in involved


def distribution(counts):
    """Clients by group with their total and the shares of each, rounded to one decimal."""
    whole = sum(counts)
    rows = [row("n", whole, metric="x", unit="clients", group="all")]
    for place, count in enumerate(counts):
        rows.append(row(f"n{place}", count, metric="x", unit="clients", group=f"g{place}"))
        rows.append(
            row(
                f"s{place}",
                f"{100 * count / whole:.1f}",
                metric="share_x",
                unit="percent",
                group=f"g{place}",
            )
        )
    return rows


@settings(max_examples=40)
@given(
    counts=st.lists(st.integers(0, 60), min_size=2, max_size=5).filter(any),
    tenths=st.integers(2, 400),
)
def test_a_changed_share_is_found(tmp_path_factory, counts, tenths):
    rows = distribution(counts)
    share = float(rows[2]["value"])
    moved = share + tenths / 10 if share < 50 else share - tenths / 10
    rows[2] = rows[2] | {"value": f"{moved:.1f}"}
    checks = checked(tmp_path_factory.mktemp("shares"), *rows)
    assert ("s0", "share") in wrong(checks)


# --- products, budgets, rates, means, scaling ----------------------------------------------------


@pytest.mark.parametrize("column", ["at", "numerator"])
@pytest.mark.parametrize(("value", "agrees"), [(86800, True), (86801, False), (86799, False)])
def test_products(tmp_path, column, value, agrees):
    product = {column: "31000 SEK/month x 1.4 x 2.0 FTE"}
    post = row("a", value, metric="monthly_cost_of_post", unit="SEK/month", **product)
    assert verdicts(checked(tmp_path, post), "product") == {"a": agrees}


def budgets(new_dates, old_dates, increase, new=2300, old=3600):
    """Two budgets of one party, flat by the month, and the increase that a report states."""
    return [
        row("old", old, metric="budget_total", group="A", place=f"Budget, old {old_dates}"),
        row("new", new, metric="budget_total", group="A", place=f"Budget, wider {new_dates}"),
        row("up", increase, metric="budget_increase_stated", group="A", place="Budget, wider"),
    ]


def test_an_increase_over_unequal_months(tmp_path):
    rows = budgets("2017-06-01/2019-04-30", "2015-10-01/2018-09-30", 1000, new=4600)
    checks = checked(tmp_path, *rows)
    assert wrong(checks) == [("up", "equal_periods")]
    # 4600 over 23 months against 100 a month over the same 23.
    assert checks["recomputed"].iloc[0] == 4600 - 23 * 100


def test_an_increase_over_equal_months(tmp_path):
    rows = budgets("2017-01-01/2018-12-31", "2015-01-01/2016-12-31", 1000, new=4600)
    checks = checked(tmp_path, *rows)
    assert wrong(checks) == []
    assert verdicts(checks, "equal_periods") == {"up": True}


def test_an_increase_that_is_no_difference(tmp_path):
    rows = budgets("2017-01-01/2018-12-31", "2015-01-01/2016-12-31", 1100, new=4600)
    assert ("up", "difference") in wrong(checked(tmp_path, *rows))


@pytest.mark.parametrize(("last", "agrees"), [(400, True), (500, False), (430, None)])
def test_months_paid(tmp_path, last, agrees):
    # 100 a month; the period has seven months of 2017 and four of 2019.
    place = "Budget 2017-06-01/2019-04-30"
    values = {"2017": 700, "2018": 1200, "2019": last}
    rows = [row(year, value, group="A", at=year, place=place) for year, value in values.items()]
    total = row("t", 1900 + last, metric="budget_total", group="A", place=place)
    found = verdicts(checked(tmp_path, *rows, total), "months_paid")
    assert found.get("2019") == agrees


def test_posts_by_the_month(tmp_path):
    cost = row("c", 100, metric="monthly_cost", unit="SEK/month", group="Norra vårdcentral")
    cells = [
        row(str(year), value, group="Vårdcentralen Norra", at=str(year))
        for year, value in ((2017, 450), (2018, 1200), (2019, 130))
    ]
    total = row("t", 1780, metric="budget_total", group="Vårdcentralen Norra")
    found = verdicts(checked(tmp_path, cost, *cells, total), "monthly_cost")
    assert found["2017"] and found["2018"] and pd.isna(found["2019"])


def test_rates_over_two_lengths(tmp_path):
    def saving(claim_id, months, value, note):
        return row(
            claim_id,
            value,
            metric="gross_saving",
            at=f"{months} months",
            denominator=100,
            note=note,
        )

    checks = checked(
        tmp_path,
        saving("a", 6, 600000, "implies 1 000 SEK"),
        saving("b", 12, 1800000, "implies 1 600 SEK"),
    )
    assert verdicts(checks, "per_unit") == {"a": True, "b": False}
    assert pd.isna(verdicts(checks, "same_rate")["b"])


@pytest.mark.parametrize(("all_mean", "agrees"), [("10.0", True), ("10.3", False)])
def test_weighted_mean_of_all_parts(tmp_path, all_mean, agrees):
    # 10 closures of 4 months and 30 of 12: 10 months, at most 0.05 + 0.05 off by rounding.
    means = [
        row("a", all_mean, metric="mean_time_to_closure", unit="months"),
        row("b", "4.0", metric="mean_time_to_work", unit="months"),
        row("c", "12.0", metric="mean_time_to_moved", unit="months"),
    ]
    shares = [
        row("d", 25, metric="share_closed_to_work", unit="percent", numerator=10, denominator=40),
        row("e", 75, metric="share_closed_to_moved", unit="percent", numerator=30, denominator=40),
    ]
    assert verdicts(checked(tmp_path, *means, *shares), "weighted_mean") == {"a": agrees}


@pytest.mark.parametrize(("rest", "agrees"), [("12.0", True), ("12.1", True), ("12.4", None)])
def test_weighted_mean_with_one_known_weight(tmp_path, rest, agrees):
    # 40 · 10.0 − 10 · 4.0 leaves 12.0 for the other 30, between 11.92 and 12.08.
    means = [
        row("a", "10.0", metric="mean_time_to_closure", unit="months"),
        row("b", "4.0", metric="mean_time_to_work", unit="months"),
        row("c", rest, metric="mean_time_to_moved", unit="months"),
    ]
    share = row(
        "d", 25, metric="share_closed_to_work", unit="percent", numerator=10, denominator=40
    )
    found = verdicts(checked(tmp_path, *means, share), "weighted_mean")["a"]
    assert pd.isna(found) if agrees is None else found == agrees


@pytest.mark.parametrize(("national", "agrees"), [("300000000", True), ("450000000", False)])
def test_scaling_to_the_nation(tmp_path, national, agrees):
    rows = [
        row("g", 3500000, metric="gross_saving", at="6 months", note="about"),
        row("c", 1100000, metric="extra_staff_cost", at="12 months", unit="SEK/year"),
        row(
            "n",
            national,
            metric="national_net_saving",
            at="6 months",
            note="the town is 1 % of the population",
        ),
    ]
    checks = checked(tmp_path, *rows)
    found = checks[checks["rule"].eq("national_scaling")].iloc[0]
    assert found["recomputed"] == (3_500_000 - 550_000) * 100
    assert found["agrees"] == agrees


@pytest.mark.parametrize(
    ("other", "agrees"),
    [("31.6", True), ("32", True), ("31.7", True), ("31.8", False), ("33", False)],
)
def test_a_figure_in_two_sources(tmp_path, other, agrees):
    # 31.6 and 31.7 may both be a rounded 31.65.
    one = row("a", "31.6", metric="mean_x", unit="months")
    two = row("b", other, metric="mean_x", unit="months", source="s2")
    assert verdicts(checked(tmp_path, one, two), "repeated") == {"b": agrees}


def test_a_range_in_one_source_is_no_contradiction(tmp_path):
    rows = [row("a", -1000, metric="mean_x"), row("b", -1500, metric="mean_x")]
    assert wrong(checked(tmp_path, *rows)) == []


def test_a_count_that_is_not_its_numerator(tmp_path):
    good = row("a", 3, metric="x", unit="clients", numerator=3, denominator=107)
    bad = row("b", 4, metric="y", unit="clients", numerator=3, denominator=107)
    over = row("c", 9, metric="z", unit="clients", numerator=9, denominator=8)
    assert wrong(checked(tmp_path, good, bad, over)) == [("b", "count"), ("c", "count")]


# --- the file ------------------------------------------------------------------------------------


def test_every_mistake_is_told_at_once_and_no_value(tmp_path):
    rows = [
        row("a", "1,5"),
        row("a", "2", municipality="Secretville", period="2017-13"),
        row("b", "3", denominator="0", numerator="hemlig"),
        row("c", "1e9", metric="Secret Metric", note="hemlig\x1b[31m"),
    ]
    with pytest.raises(RawDataError) as raised:
        hfclaims.read_claims(write(tmp_path / "figures.csv", rows))
    lines = sorted(line.removeprefix("- ") for line in str(raised.value).splitlines())
    starts = [
        'E-CODE figures.csv, column "metric", row 5:',
        'E-CODE figures.csv, column "municipality", row 3:',
        'E-ID figures.csv, column "claim_id", rows 2, 3:',
        'E-NUMBER figures.csv, column "numerator", row 4:',
        'E-NUMBER figures.csv, column "value", rows 2, 5:',
        'E-PERIOD figures.csv, column "period", row 3:',
        'E-RANGE figures.csv, column "denominator", row 4:',
        'E-TEXT figures.csv, column "note", row 5:',
    ]
    assert [line[: len(start)] for line, start in zip(lines, starts, strict=True)] == starts
    assert not any(secret in str(raised.value) for secret in ("Secret", "hemlig", "1,5", "1e9"))
    assert raised.value.exit_code == 3


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "E-HEADER"),
        (b"claim_id,value\n", "E-HEADER"),
        (",".join((*COLUMNS, "value")).encode() + b"\n", "E-HEADER"),
        (",".join(COLUMNS).encode() + b"\na,b\n", "E-FIELDS"),
        (",".join(COLUMNS).encode() + b'\n"a' + b"x" * 200_000 + b"\n", "E-FIELDS"),
        (",".join(COLUMNS).encode() + b"\n\xe5\xe4\xf6\n", "E-ENCODING"),
        (b"x" * 5_000_001, "E-SIZE"),
        (",".join(COLUMNS).encode() + b"\n" + b"a\n" * (MAX_ROWS + 1), "E-SIZE"),
    ],
)
def test_hostile_files(tmp_path, content, rule):
    path = tmp_path / "figures.csv"
    path.write_bytes(content)
    with pytest.raises(RawDataError, match=rule):
        hfclaims.read_claims(path)


def test_no_file_at_all(tmp_path):
    with pytest.raises(UsageError, match="no file"):
        hfclaims.read_claims(tmp_path / "none.csv")


def test_a_file_without_rows(tmp_path):
    checks = checked(tmp_path)
    assert len(checks) == 0
    assert len(hfclaims.claim_results(checks)) == 0


@pytest.mark.parametrize("bad", ["0 months", "9999 months"])
def test_odd_lengths_do_no_harm(tmp_path, bad):
    rows = [
        row("a", 5, metric="gross_saving", at=bad, denominator=3),
        row("b", 5, metric="national_net_saving", at=bad, note="0 % of the population"),
    ]
    assert wrong(checked(tmp_path, *rows)) == []


def test_columns_in_any_order_and_a_byte_order_mark(tmp_path):
    path = write(tmp_path / "figures.csv", [row("a", 1)], COLUMNS[::-1])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    frame = hfclaims.read_claims(path)
    assert frame["claim_id"].tolist() == ["a"]
    assert frame["value"].tolist() == [1.0]


def test_typed_columns():
    frame = hfclaims.read_claims(PUBLISHED).set_index("claim_id")
    assert frame.loc["hf-12", ["value", "numerator", "denominator"]].tolist() == [31.6, 30, 95]
    assert frame.loc["ha-11", "printed"].startswith("10;1;")
    assert np.isnan(frame.loc["ha-11", "value"])
    assert frame.loc["ap-40", "product"] == "31000 SEK/month x 1.4 x 2.0 FTE"
    assert frame.loc["hf-12", "product"] == ""


def test_checks_need_a_read_file():
    with pytest.raises(MetricInputError, match="printed"):
        hfclaims.check_claims(pd.DataFrame(columns=list(COLUMNS)))


# --- results -------------------------------------------------------------------------------------


def test_results_of_checks(tmp_path):
    good = row("a", 50, metric="share_x", unit="percent", numerator=1, denominator=2)
    bad = row("b", 50, metric="share_y", unit="percent", numerator=1, denominator=3)
    results = hfclaims.claim_results(checked(tmp_path, good, bad, row("c", 7)))
    found = results.set_index("level")
    assert found["estimate"].fillna(-1).to_dict() == {"a": 1, "b": 0, "c": -1}
    assert found["status"].to_dict() == {
        "a": "ok",
        "b": "ok",
        "c": "not_available",
    }
    assert found["method"].to_dict() == {
        "a": "share",
        "b": "share",
        "c": "no_parts",
    }


def study_results(*rows):
    frame = pd.DataFrame(
        rows,
        columns=[
            "municipality",
            "metric",
            "variant",
            "group",
            "cause",
            "month",
            "estimate",
            "n",
            "unit",
        ],
    )
    parts = [
        build_results(
            one.drop(columns=["municipality", "metric", "unit"]), metric=metric, unit=unit
        ).assign(municipality=code, study="hela-familjen")
        for (code, metric, unit), one in frame.groupby(["municipality", "metric", "unit"])
    ]
    return pd.concat(parts, ignore_index=True)


REPORT = {"source": "000_5d8e103a0cce568f"}


def reported(claim_id, value, **cells):
    return row(claim_id, value, **(REPORT | cells))


def test_published_against_case_data(tmp_path):
    path = write(
        tmp_path / "figures.csv",
        [
            reported(
                "a", 3, municipality="all", metric="families", unit="families", group="participants"
            ),
            reported(
                "b",
                "31.6",
                metric="share_closed_to_self_sufficiency",
                unit="percent",
                group="participants",
            ),
            reported(
                "c",
                57,
                metric="share_plan_changed",
                unit="percent of adults",
                group="control",
                at="6 months",
            ),
            reported(
                "d",
                5,
                municipality="all",
                metric="mean_participation",
                unit="months",
                group="participants",
            ),
            reported(
                "e",
                9,
                municipality="2180",
                metric="families",
                unit="families",
                group="participants",
            ),
        ],
    )
    results = study_results(
        ("1290", "households", "default", "participant", "", None, 1, 1, "count"),
        ("1293", "households", "default", "participant", "", None, 2, 2, "count"),
        (
            "1290",
            "closure_share_naive",
            "published",
            "participant",
            "self_sufficiency",
            None,
            30 / 95,
            95,
            "share",
        ),
        (
            "1290",
            "closure_share_naive",
            "default",
            "participant",
            "self_sufficiency",
            None,
            25 / 95,
            95,
            "share",
        ),
        ("1290", "plan_changed", "default", "control", "", 6, 0.56, 90, "share"),
        ("1290", "participation_mean", "default", "participant", "", None, 2.0, 1, "months"),
        ("1293", "participation_mean", "default", "participant", "", None, 6.5, 2, "months"),
    )
    found = hfclaims.compare_with_results(hfclaims.read_claims(path), results).set_index("claim_id")
    assert found["recomputed"].to_dict() == pytest.approx(
        {"a": 3, "b": 3000 / 95, "c": 56, "d": (2 + 2 * 6.5) / 3}
    )
    assert found["agrees"].to_dict() == {"a": True, "b": True, "c": False, "d": True}


def test_a_published_range_holds_what_lies_between(tmp_path):
    path = write(
        tmp_path / "figures.csv",
        [
            reported(
                claim_id,
                value,
                metric="support_difference_vs_control",
                unit="SEK/household/month",
                group="participants - control",
            )
            for claim_id, value in (("a", -1000), ("b", -1500))
        ],
    )
    for estimate, agrees in ((-1001.0, True), (-1499.0, True), (-990.0, False)):
        results = study_results(
            (
                "1290",
                "support_difference_naive",
                "default",
                "difference",
                "",
                None,
                estimate,
                90,
                "sek_per_month",
            )
        )
        results = results.assign(dimension="window", level="1-24")
        found = hfclaims.compare_with_results(hfclaims.read_claims(path), results)
        assert found["agrees"].tolist() == [agrees, agrees]


def test_a_result_that_is_not_available_decides_nothing(tmp_path):
    path = write(
        tmp_path / "figures.csv",
        [reported("a", 5, metric="mean_participation", unit="months", group="participants")],
    )
    results = study_results(
        (
            "1290",
            "participation_mean",
            "default",
            "participant",
            "",
            None,
            float("nan"),
            3,
            "months",
        )
    )
    found = hfclaims.compare_with_results(hfclaims.read_claims(path), results)
    assert found["agrees"].isna().tolist() == [True]


def test_no_counterpart_at_all():
    results = study_results(("9999", "households", "default", "control", "", None, 1, 1, "count"))
    assert len(hfclaims.compare_with_results(hfclaims.read_claims(PUBLISHED), results)) == 0


def test_another_study_has_no_published_figures(tmp_path):
    claim = reported("a", 1, metric="families", unit="families", group="participants")
    path = write(tmp_path / "figures.csv", [claim])
    rows = study_results(("1290", "households", "default", "participant", "", None, 1, 1, "count"))
    frame = hfclaims.read_claims(path)
    assert len(hfclaims.compare_with_results(frame, rows)) == 1
    assert len(hfclaims.compare_with_results(frame, rows.assign(study="other"))) == 0


def test_comparison_as_results(tmp_path):
    claim = reported("a", 2, metric="families", unit="families", group="participants")
    path = write(tmp_path / "figures.csv", [claim])
    rows = study_results(("1290", "households", "default", "participant", "", None, 1, 1, "count"))
    compared = hfclaims.compare_with_results(hfclaims.read_claims(path), rows)
    results = hfclaims.comparison_results(compared)
    assert results[["level", "estimate", "method"]].to_numpy().tolist() == [["a", 0.0, "case_data"]]


def test_verdicts_are_counted_and_none_is_left_out(tmp_path):
    good = row("a", 50, metric="share_x", unit="percent", numerator=1, denominator=2)
    checks = checked(tmp_path, good, row("b", 7))
    counted = hfclaims.verdict_counts(checks).set_index("rule")
    assert counted.loc["share"].to_list() == [1, 0, 0]
    assert counted.loc["no_parts"].to_list() == [0, 0, 1]
    totals = hfclaims.verdict_totals(checks)
    assert dict(zip(totals["level"], totals["estimate"], strict=True)) == {
        "agrees": 1,
        "contradicts": 0,
        "undecided": 1,
    }
