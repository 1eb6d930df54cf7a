"""The site's front pages: what was found in each municipality, how sure it is, where to read on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from hfcore import store
from hfcore.errors import TableAbsentError
from hfcore.i18n.formats import day, number
from hfcore.results import is_shown, one_row
from hfcore.store import write_text
from hfcore.study import Study
from hfpublish import first_screen, html_pages
from hfpublish.codebook import write_dictionary, write_words
from hfpublish.evidence import FIRST_WINDOW
from hfpublish.first_screen import SUPPORT, TRAJECTORIES, Answer

MANY = 12
_EFFECT: dict[str, Any] = {"metric": "support_effect", "dimension": "window", "level": FIRST_WINDOW}
_EXITS = {
    "metric": "cumulative_incidence",
    "group": "participant",
    "month": 12,
    "dimension": "",
}


@dataclass(frozen=True)
class State:
    """What there is of one municipality: languages of its report, its date, notebooks missing.

    ``missing`` notebooks failed; for ``absent`` ones the study has no data, which is no fault.
    The overview of all municipalities has a state as well, under ``all``.
    """

    languages: frozenset[str] = frozenset()
    made_on: date | None = None
    missing: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


def write_front_pages(folder: Path, study: Study, states: Mapping[str, State]) -> None:
    """Write the front page, the words and the columns into a site's folder, English below ``en``.

    ``states`` holds one per municipality code, and one for ``all``. A link leads to the report in
    the page's language, or in the other where there is no such report.
    """
    protected, is_long = _protected_rows(study), len(study.codes) > MANY
    reach = max((first_screen.widest(rows) or 0.0 for rows in protected.values()), default=0.0)
    write_dictionary(folder, study)
    write_words(folder, study)
    for language in ("sv", "en"):
        up = "" if language == "sv" else "../"
        page = html_pages.Page(
            language=language,
            title=f"{html_pages.texts(language)['question']} – {study.title[language]}",
            study_title=study.title[language],
            is_public=True,
            is_simulated=study.is_simulated,
            other_language="en/index.html" if language == "sv" else "../index.html",
        )
        text = html_pages.render(
            "front.html.j2",
            page,
            cards=[
                _card(study, code, states, protected, language, up, not is_long, reach)
                for code in study.codes
            ],
            overview=_address(states.get(store.ALL, State()), "overview", language, up),
            download=f"{up}results.csv" if (folder / "results.csv").exists() else "",
            is_long=is_long,
            table_class="sortable" if is_long else "",
        )
        write_text(folder / ("" if language == "sv" else "en") / "index.html", text)


def _protected_rows(study: Study) -> dict[str, pd.DataFrame]:
    """The protected rows of each municipality that has some."""
    try:
        rows = store.read_protected(study.name)
    except TableAbsentError:
        return {}
    return {str(code): own for code, own in rows.groupby("municipality")}


def _card(
    study: Study,
    code: str,
    states: Mapping[str, State],
    protected: Mapping[str, pd.DataFrame],
    language: str,
    up: str,
    is_told: bool,
    reach: float,
) -> dict[str, Any]:
    """What the front page says of one municipality; in sentences too where it ``is_told``.

    ``reach`` is where the scale of every municipality's range ends, so that they compare.
    """
    state, rows, texts = states[code], protected.get(code), html_pages.texts(language)
    gaps = {"missing": state.missing, "absent": state.absent}
    told = {
        gap: texts[gap].format(
            parts=", ".join(html_pages.part_name(each, language) for each in notebooks)
        )
        for gap, notebooks in gaps.items()
        if notebooks
    }
    made_on = day(state.made_on, language) if state.made_on else ""
    made = {"date": made_on} if made_on else {}
    answer = (
        first_screen.answer(rows, study, code, language, state.missing, reach)
        if is_told
        else _verdict(rows, state, language)
    )
    status = texts["of_date" if state.languages else "no_report"]
    if answer.kind == "awaited":
        status = ""
    return {
        "name": study.municipality(code).name,
        "answer": answer,
        "status": status.format(**made, cutoff=day(study.cutoff, language)),
        "missing": " ".join(told.values()),
        "address": _address(state, code, language, up),
        "download": f"{up}{code}/results.csv" if state.languages and rows is not None else "",
        "effect": _cell(rows, language, SUPPORT in state.missing, **_EFFECT),
        "exits": _cell(
            rows, language, TRAJECTORIES in state.missing, 100, cause=study.causes[0], **_EXITS
        ),
        "made": {"text": made_on or texts["none"], "value": _order(state.made_on)},
    }


def _verdict(rows: pd.DataFrame | None, state: State, language: str) -> Answer:
    kind = first_screen.kind_of(rows, state.missing)
    return Answer(kind, html_pages.texts(language)[f"verdict_{kind}"], ())


def _order(made_on: date | None) -> str:
    return str(made_on.toordinal()) if made_on else ""


def _cell(
    rows: pd.DataFrame | None, language: str, is_missing: bool, times: int = 1, **where: Any
) -> dict[str, str]:
    """A figure's range for a cell of the long table, and the estimate to sort it by."""
    row = None if rows is None or is_missing else one_row(rows, **where)
    if row is None or not is_shown(row) or row["status"] != "ok":
        return {"text": html_pages.texts(language)["none"], "value": ""}
    ends = [row["estimate"] if pd.isna(row[end]) else row[end] for end in ("ci_low", "ci_high")]
    low, high = (number(end * times, language) for end in ends)
    range_ = low if low == high else html_pages.texts(language)["span"].format(low=low, high=high)
    return {"text": range_, "value": f"{row['estimate']:.6g}"}


def _address(state: State, place: str, language: str, up: str) -> str:
    """Where a report lies, in the page's language or else in the other; empty if nowhere."""
    there = [each for each in (language, "sv", "en") if each in state.languages]
    return f"{up}{place}/{there[0]}/index.html" if there else ""
