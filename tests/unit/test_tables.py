"""Tables: what they show, what they leave out, and that a screen reader can walk them."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from hfcore.figures.result_table import show_table
from hfcore.results import build_results


def shares():
    return build_results(
        pd.DataFrame(
            {
                "group": ["participant", "control", "participant", "control"],
                "month": [6, 6, 12, 12],
                "estimate": [0.57, 0.39, 0.71, np.nan],
                "ci_low": [0.48, 0.34, 0.62, np.nan],
                "ci_high": [0.66, 0.44, 0.79, np.nan],
                "n": [119, 362, 118, 9],
                "status": ["ok", "ok", "ok", "too_few"],
            }
        ),
        metric="plan_changed",
        unit="share",
    )


class Tags(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def all(self, tag):
        return [attributes for each, attributes in self.found if each == tag]


def test_columns_are_chosen_from_the_rows():
    table = show_table(shares(), "Plans", "en")
    assert table.cells.columns.tolist() == ["group", "month", "value", "95% interval", "n"]
    assert table.cells.iloc[0].tolist() == ["participants", "6", "57%", "48–66%", "119"]
    assert table.cells.iloc[3].tolist() == ["control group", "12", "too few", "", "9"]


def test_html_has_caption_scopes_language_and_values():
    tags = Tags(show_table(shares(), "Plans", "sv").to_html())
    assert tags.all("table") == [{"class": "figures", "lang": "sv"}]
    assert len(tags.all("caption")) == 1
    scopes = [attributes["scope"] for attributes in tags.all("th")]
    assert scopes == ["col"] * 5 + ["row"] * 4
    assert [each.get("data-value") for each in tags.all("td")][:4] == ["6", "0.57", None, "119"]


def test_the_same_rows_give_the_same_text_and_input_is_unchanged():
    rows = shares()
    before = rows.copy()
    assert (
        show_table(rows, "Plans", "sv").to_html()
        == show_table(rows.copy(), "Plans", "sv").to_html()
    )
    assert repr(show_table(rows, "Plans", "en")).splitlines()[0] == "Plans"
    pd.testing.assert_frame_equal(rows, before)


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", 'a"b', "<b>x</b>"])
def test_hostile_texts_are_only_text(name):
    frame = pd.DataFrame({"municipality": [name], "rows": [3]})
    html = show_table(frame, name, "en").to_html()
    assert "<script" not in html and "<b>" not in html
    assert [tag for tag, _ in Tags(html).found] == [
        "table",
        "caption",
        "thead",
        "tr",
        "th",
        "th",
        "tbody",
        "tr",
        "th",
        "td",
    ]


def test_one_column_can_go_across():
    table = show_table(shares(), "Plans", "en", across="group")
    assert table.cells.columns.tolist() == ["month", "participants", "control group"]
    assert table.cells.iloc[0].tolist() == ["6", "57% (48–66%)", "39% (34–44%)"]
    assert table.cells.iloc[1]["control group"] == "too few"


def test_counts_are_not_repeated_as_n():
    rows = build_results(
        pd.DataFrame({"group": ["participant"], "estimate": [26.0], "n": [26]}),
        metric="households",
        unit="count",
    )
    table = show_table(rows, language="sv")
    assert table.cells.columns.tolist() == ["mått", "värde"]
    assert table.cells.iloc[0].tolist() == ["Hushåll", "26"]
    assert table.caption == "Hushåll, deltagare."


def test_any_frame_can_be_shown():
    frame = pd.DataFrame(
        {
            "step": ["read", "kept"],
            "rows": [1200, 1190],
            "cost_sek": [1e6, np.nan],
            "on": pd.to_datetime(["2021-12-31", None]),
            "is_ok": [True, False],
        }
    )
    cells = show_table(frame, "Ingest", "sv").cells
    assert cells["rader"].tolist() == ["1\u00a0200", "1\u00a0190"]
    assert cells["cost sek"].tolist() == ["1\u00a0000\u00a0000\u00a0kr", "–"]
    assert cells["on"].tolist() == ["31 december 2021", "–"]
    assert cells["is ok"].tolist() == ["ja", "nej"]


def test_no_rows_are_said_to_be_none():
    assert show_table(shares().iloc[:0], "Plans", "en").caption == "Plans No figures to show."


@pytest.mark.parametrize(
    ("metric", "group", "heading"),
    [
        ("incidence_difference", "difference", "of whom participants"),
        ("incidence_difference", "participant", "of whom in the group"),
        ("cumulative_incidence", "participant", "events"),
    ],
)
def test_the_smaller_count_is_named_by_what_it_counts(metric, group, heading):
    frame = pd.DataFrame({"estimate": [0.1, 0.2], "n": [121, 121], "n_events": [87, 28]})
    rows = build_results(frame.assign(month=[6, 12], group=group), metric=metric, unit="share")
    assert list(show_table(rows, "c", "en").cells)[-1] == heading


def test_a_column_may_stand_though_all_rows_share_it():
    frame = pd.DataFrame({"estimate": [0.1], "n": [121]})
    rows = build_results(frame, metric="plan_changed", unit="share").assign(municipality="Gävle")
    assert next(iter(show_table(rows, "c", "en").cells)) == "measure"
    named = show_table(rows, "c", "en", always="municipality").cells
    assert named.iloc[0, 0] == "Gävle"
    crossed = show_table(rows, "c", "en", across="variant", always="municipality").cells
    assert crossed.iloc[0, 0] == "Gävle"


def test_small_p_values_are_said_to_be_small():
    frame = pd.DataFrame({"test": ["fisher", "boschloo"], "p_value": [0.04213, 1e-9]})
    cells = show_table(frame, "c", "en").cells
    assert cells["p-value"].tolist() == ["0.042", "<0.001"]
    assert cells.iloc[0, 0] == "Fisher's exact"


def test_words_stand_at_the_left_in_notebooks_and_pages_need_not_be_told():
    rows = pd.DataFrame({"name": ["a"], "estimate": [1.5]})
    shown = show_table(rows, "Caption", language="en")
    cells = re.findall(r"<t[hd](?: [^>]*)?>", shown._repr_html_())
    told = ['text-align: left"' in cell for cell in cells]
    assert told == ["number" not in cell for cell in cells] and any(told)
    assert "style" not in shown.to_html()
