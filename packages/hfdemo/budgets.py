"""What the bundled studies cost: budgets as their application prints them, and an outcome.

The original and the expanded budget are those of the application, to the krona. Of the outcome
a report prints only the total of the three municipalities: how it splits by municipality, party
and year is a choice, and a line without a party's name makes the sum exact. Nothing here is drawn.
"""

from __future__ import annotations

import pandas as pd

_COLUMNS = (
    "version",
    "party",
    "item",
    "funder",
    "from_month",
    "to_month",
    "monthly_salary_sek",
    "fee_factor",
    "fte",
    "amount_sek",
)
_KR, _NASBY = "Kristianstads kommun", "Näsby vårdcentral"
_VILAN, _OSTERMALM = "Vårdcentralen Vilan", "Vårdcentralen Östermalm"
_SHARED, _REST = "Gemensamt", "ej särredovisat"
_FEE = 1.4
Row = tuple[str, str, str, str, float | None, float | None, float | None]


def _shared(last: str) -> list[Row]:
    return [
        (_SHARED, "workshops", "2015-10", last, None, None, 60_000),
        (_SHARED, "utvärdering", "2015-10", "2015-12", None, None, 30_000),
        (_SHARED, "utvärdering", "2016-01", "2016-12", None, None, 80_000),
        (_SHARED, "utvärdering", "2017-01", "2017-12", None, None, 80_000),
        (_SHARED, "utvärdering", "2018-01", last, None, None, 60_000),
    ]


def _original(advisers_until: str) -> list[Row]:
    return [
        (_KR, "socialpedagog", "2015-10", advisers_until, 31_000, 2.0, None),
        (_NASBY, "vårdkontakt", "2015-10", "2018-09", 38_000, 0.2, None),
        *_shared("2018-09"),
    ]


_EXPANSION: list[Row] = [
    (_KR, "nya socialpedagoger", "2017-06", "2019-05", 31_000, 2.0, None),
    (_KR, "socialpedagog A", "2017-06", "2019-05", 32_000, 1.0, None),
    (_KR, "socialpedagog B", "2017-06", "2019-05", 32_000, 0.6, None),
    (_KR, "projektledare", "2017-06", "2019-05", 34_000, 0.4, None),
    (_VILAN, "distriktssköterska", "2017-08", "2017-08", 39_350, 0.1, None),
    (_VILAN, "distriktssköterska", "2017-09", "2019-05", 39_350, 0.2, None),
    (_OSTERMALM, "distriktssköterska", "2017-08", "2017-08", 38_000, 0.1, None),
    (_OSTERMALM, "distriktssköterska", "2017-09", "2019-05", 38_000, 0.2, None),
]
# In the plan the posts of the municipality are replaced when the expansion begins; all else stays.
_BUDGETS: dict[str, dict[str, list[Row]]] = {
    "1290": {
        "original": _original("2018-09"),
        "expansion": _EXPANSION,
        "plan": [*_original("2017-05"), *_EXPANSION],
        "outcome": [
            (_KR, "familjerådgivare", "2016-05", "2017-05", 32_000, 2.0, None),
            (_KR, "familjerådgivare", "2017-06", "2021-12", 33_000, 3.0, None),
            (_NASBY, "vårdkontakt", "2016-05", "2021-12", 38_000, 0.2, None),
            (_VILAN, "distriktssköterska", "2017-09", "2021-12", 39_350, 0.2, None),
            (_SHARED, _REST, "2016-05", "2021-12", None, None, 154_766),
        ],
    },
    "1293": {
        "outcome": [
            ("Hässleholms kommun", "familjerådgivare", "2018-06", "2021-12", 32_000, 1.5, None),
            ("Vårdcentralen Solbrinken", "vårdkontakt", "2018-06", "2021-12", 38_000, 0.2, None),
            (_SHARED, _REST, "2018-06", "2021-12", None, None, 152_880),
        ]
    },
    "1256": {
        "outcome": [
            ("Östra Göinge kommun", "familjerådgivare", "2019-01", "2021-11", 32_000, 1.6, None),
            ("Vårdcentralen Capio", "vårdkontakt", "2019-01", "2021-11", 38_000, 0.2, None),
            (_SHARED, _REST, "2019-01", "2021-11", None, None, 218_800),
        ]
    },
    # The extra staff at 1.1 million kr a year, for the 16 months in which the closures were made.
    "2180": {
        "outcome": [
            ("Gävle kommun", "extra handläggare", "2013-09", "2013-12", None, None, 366_667),
            ("Gävle kommun", "extra handläggare", "2014-01", "2014-12", None, None, 1_100_000),
        ]
    },
}
_FUNDERS = {"2180": "municipality"}


def place_budget(code: str) -> pd.DataFrame | None:
    """The budget of a bundled municipality, a row an item and span of months; None of others."""
    if code not in _BUDGETS:
        return None
    funder = _FUNDERS.get(code, "finsam")
    rows = [
        (version, party, item, funder, first, last, salary, salary and _FEE, fte, amount)
        for version, lines in _BUDGETS[code].items()
        for party, item, first, last, salary, fte, amount in lines
    ]
    frame = pd.DataFrame(rows, columns=list(_COLUMNS))
    months = {name: pd.to_datetime(frame[name]) for name in ("from_month", "to_month")}
    return frame.assign(**months)
