"""The figures that the old reports print, recomputed from the case data of a whole study."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from hfclaims.counterparts import SOURCES
from hfcore import metrics, store
from hfcore.cohort import build_cohort, support_panel
from hfcore.errors import TableAbsentError
from hfcore.metrics import planning, staff, support
from hfcore.results import build_results, join_results
from hfcore.store import Tables

FILE = "published_figures.csv"


def published_figures_path() -> Path:
    """The file of published figures below the data root, else the one bundled with the project."""
    own = store.data_root() / "raw" / FILE
    bundled = Path(__file__).with_name(FILE)
    repository = Path(__file__).resolve().parents[2] / "data" / "raw" / FILE
    return next(path for path in (own, bundled, repository) if path.is_file())


def recompute_figures(study_name: str) -> pd.DataFrame:
    """The naive figures of the reports for each municipality of a study, as results.

    Returns
    -------
    Result rows with the columns ``study`` and ``municipality``: households and persons, closures,
    times, plans and support, as far as the study has the tables. None for a study that no report
    of the file is about.

    Raises
    ------
    TableAbsentError
        If no municipality of the study has been ingested.
    """
    study = store.load_study(study_name)
    if study_name not in SOURCES:
        return build_results(pd.DataFrame()).assign(study="", municipality="")
    parts = []
    for code in study.codes:
        data = store.load(study_name, code)
        if data.has("households"):
            rows = join_results(*_figures(data))
            parts.append(rows.assign(study=study_name, municipality=code))
    if not parts:
        raise TableAbsentError("The study has no households yet; hfcore ingest reads them in.")
    return pd.concat(parts, ignore_index=True)


def _figures(data: Tables) -> Iterator[pd.DataFrame]:
    study, cohort = data.study, build_cohort(data)
    yield metrics.household_counts(cohort, data.persons)
    yield metrics.flow(cohort, study)
    yield metrics.participation_mean(cohort)
    yield metrics.support_duration(cohort, study)
    yield metrics.closure_share_naive(cohort, study)
    yield metrics.closure_time_naive(cohort, study)
    yield metrics.closures_per_quarter(cohort, study)
    if data.has("payments"):
        panel = support_panel(cohort, data.payments, data.municipality)
        yield support.support_difference_naive(panel, study)
    if data.has("plans"):
        yield planning.plan_changed(data.plans, data.persons, cohort, study)
    if data.has("budget"):
        yield metrics.cost(data.budget, study)
    if data.has("budget") and data.has("payments"):
        bases = metrics.closure_bases(cohort, data.payments, data.municipality, study)
        yield metrics.saving_gross(bases, study)
    if data.has("worktime"):
        yield staff.worktime_share(data.worktime)
