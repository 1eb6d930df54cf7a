"""The raw files of the simulated studies read with plain pandas, not with hfcore's own readers."""

from pathlib import Path

import numpy as np
import pandas as pd

RAW = Path(__file__).resolve().parents[1] / "data" / "raw"
PLACES = {
    "1290": "hela-familjen",
    "1293": "hela-familjen",
    "1256": "hela-familjen",
    "2180": "hasky",
}
CUTOFF = {"hela-familjen": pd.Timestamp("2021-12-31"), "hasky": pd.Timestamp("2014-12-31")}
EXPORT_FROM = {"1290": "2014-05", "1293": "2016-06", "1256": "2017-01", "2180": "2011-09"}
SELF_SUFFICIENT = ["Arbete", "Nystartsjobb", "OSA", "Studier (CSN)", "Försäkringskassan"]
MOVED, DECEASED = "Flytt till annan kommun", "Avliden"
DAYS = 30.4375


def read_text(path, encoding):
    return pd.read_csv(path, sep=";", encoding=encoding, dtype=str, keep_default_na=False)


def months(days):
    return days.dt.year * 12 + days.dt.month - 1


def read_households(folder):
    rows = read_text(folder / "hushall.csv", "cp1252").drop_duplicates().replace("-", "")
    for column in ("Anmäld", "Inskriven", "Avslutad", "Bistånd sedan"):
        rows[column] = pd.to_datetime(rows[column])
    for column in ("Antal vuxna", "Antal barn", "Andra myndigheter"):
        rows[column] = rows[column].astype(int)
    cutoff = CUTOFF[folder.parent.name]
    rows["stay"] = (rows["Avslutad"].fillna(cutoff) - rows["Inskriven"]).dt.days / DAYS
    rows["support"] = (rows["Avslutad"] - rows["Bistånd sedan"]).dt.days / DAYS
    return rows


def read_persons(folder):
    rows = read_text(folder / "personer.csv", "cp1252").drop_duplicates()
    rows["Personnummer"] = rows["Personnummer"].str.replace("-", "")
    households = read_households(folder)[["Ärendenummer", "Grupp", "Inskriven"]]
    return rows.merge(households, on="Ärendenummer", validate="many_to_one")


def read_payments(folder):
    rows = read_text(folder / "utbetalningar.csv", "utf-8-sig").drop_duplicates()
    rows = rows[rows["Ärendenummer"] != ""]
    digits = rows["Belopp"].str.replace(r"[ \u00a0\u202f]", "", regex=True).str.replace(",", ".")
    rows["month"] = months(pd.to_datetime(rows["Avser månad"]))
    rows["amount"] = digits.astype(float)
    return rows.groupby(["Ärendenummer", "month"])["amount"].sum()


def read_panel(folder):
    """Amounts (household × calendar month) and months since start of each cell."""
    households = read_households(folder)
    first = months(pd.Series([pd.Timestamp(EXPORT_FROM[folder.name])]))[0]
    last = months(pd.Series([CUTOFF[folder.parent.name]]))[0]
    paid = read_payments(folder).unstack("month")
    paid = paid.reindex(index=households["Ärendenummer"], columns=range(first, last + 1))
    since = np.arange(first, last + 1) - months(households["Inskriven"]).to_numpy()[:, None]
    return paid.fillna(0).to_numpy(), since, (households["Grupp"] == "Deltagare").to_numpy()


def naive_by_start(amounts, since, takes_part):
    """Mean of months 1-24 of participants minus that of controls, month by start month.

    A control counts beside the participants of each start month in which, or in the month before
    which, it was paid.
    """
    starts = (-since[takes_part, 0]).tolist()
    own = amounts[takes_part][(since[takes_part] >= 1) & (since[takes_part] <= 24)]
    controls, sums, cells = amounts[~takes_part], 0.0, 0.0
    for start in starts:
        beside = controls[(controls[:, start - 1 : start + 1] > 0).any(axis=1)]
        after = beside[:, start + 1 : start + 25]
        sums, cells = sums + after.sum() / len(beside), cells + after.size / len(beside)
    return own.mean() - sums / cells


def read_plans(folder):
    rows = pd.read_excel(
        folder / "planering.xlsx", sheet_name="Planering", header=2, dtype=str, engine="calamine"
    ).drop_duplicates()
    rows["Personnummer"] = rows["Personnummer"].str.replace("-", "")
    return rows.assign(on=pd.to_datetime(rows["Från och med"]))


def read_caseload(folder):
    return pd.read_excel(
        folder / "arendemangd.xlsx", sheet_name="Ärendemängd", header=2, engine="calamine"
    )
