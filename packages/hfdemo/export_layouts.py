"""How the simulated exports are laid out: files, Swedish headers, formats and codes by table.

One description serves both ways: the raw files are written from it, and study.toml tells the
reader the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

DAY = "%Y-%m-%d"
MONTH = "%Y-%m"
RawRows = dict[str, np.ndarray]


@dataclass(frozen=True)
class Field:
    """One column of a raw file: Swedish header, date format, Swedish word of each code."""

    header: str
    format: str = ""
    words: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Layout:
    """One raw file: its name and kind, and the column of the table that each header fills."""

    file: str
    columns: Mapping[str, Field]
    sheet: str = ""
    encoding: str = "cp1252"
    titles: tuple[str, ...] = ()
    row_id: str = ""


_REASONS = {
    "work": "Arbete",
    "subsidised_work": "Nystartsjobb",
    "sheltered_work": "OSA",
    "studies": "Studier (CSN)",
    "social_insurance": "Försäkringskassan",
    "cohabiting": "Sammanboende",
    "moved": "Flytt till annan kommun",
    "stopped_applying": "Ej sökt",
    "deceased": "Avliden",
    "transferred": "Överförd till annan insats",
    "other": "Annan orsak",
}
_OBSTACLES = {
    "unemployed": "Arbetslös, ingen eller otillräcklig ersättning",
    "sick_listed": "Sjukskriven med läkarintyg, ingen sjukpenning",
    "social_reasons": "Arbetshinder, sociala skäl",
    "language": "Språkhinder",
    "parental_leave": "Föräldraledig, otillräcklig föräldrapenning",
}
_PLANS = {
    "work_training": "Arbetsträning",
    "internship": "Praktik",
    "job_seeking": "Arbetssökande",
    "studies": "Studier",
    "swedish_course": "Svenska för invandrare",
    "treatment": "Behandling",
    "sick_leave": "Sjukskrivning",
    "none": "Ingen planering",
}
_TEAMS = {"intervention": "HASKY", "comparison": "Övriga teamet"}
_CATEGORIES = {
    "direct_client": "Direkt klienttid",
    "indirect_client": "Indirekt klienttid",
    "management": "Ledning och styrning",
    "collaboration": "Samverkan ej individnivå",
    "administration": "Administration",
    "other": "Övrig tidsåtgång",
}
_QUESTIONS = {"helped": "Har insatsen hjälpt er", "changed_view": "Har er syn ändrats"}
_NEEDS = {
    "swedish": "Svenska",
    "work_experience": "Arbetslivserfarenhet",
    "schooling": "Utbildning",
    "physical_health": "Fysisk ohälsa",
    "mental_health": "Psykisk ohälsa",
    "full_time_sick_leave": "Sjukskriven på heltid",
    "suspected_disability": "Misstänkt funktionsnedsättning",
}
_MEASURES = {
    "job_coaching": "Jobbcoachning",
    "internship": "Praktikplats",
    "vocational_course": "Yrkesutbildning",
    "health_group": "Hälsogrupp",
}
_KINDS = {
    "home_visit": "Hembesök",
    "meeting": "Möte",
    "phone": "Telefon",
    "digital": "Digitalt",
}
_COUNTERPARTS = {
    "household": "Familjen",
    "care_centre": "Vårdcentral",
    "psychiatry": "Psykiatri",
    "employment_service": "Arbetsförmedlingen",
    "social_insurance_agency": "Försäkringskassan",
    "school": "Skola",
}
_ARENAS = {
    "steering_group": "Styrgrupp",
    "work_group": "Arbetsgrupp",
    "workshop": "Workshop",
    "care_network": "Samverkansträff vården",
}
_RATERS = {"advisers": "Rådgivare", "care_contacts": "Vårdkontakter", "managers": "Chefer"}

LAYOUTS: dict[str, Layout] = {
    "households": Layout(
        "hushall.csv",
        {
            "household_id": Field("Ärendenummer"),
            "group": Field("Grupp", words={"participant": "Deltagare", "control": "Kontroll"}),
            "referred_on": Field("Anmäld", DAY),
            "started_on": Field("Inskriven", DAY),
            "closed_on": Field("Avslutad", DAY),
            "closure_reason": Field("Avslutsorsak", words=_REASONS),
            "closure_assessment": Field(
                "Bedömning", words={"positive": "Positivt", "negative": "Negativt"}
            ),
            "support_since": Field("Bistånd sedan", MONTH),
            "adults": Field("Antal vuxna"),
            "children": Field("Antal barn"),
            "care_centre": Field("Vårdcentral"),
            "other_agencies": Field("Andra myndigheter"),
        },
    ),
    "persons": Layout(
        "personer.csv",
        {
            "person_id": Field("Personnummer"),
            "household_id": Field("Ärendenummer"),
            "role": Field(
                "Roll",
                words={"applicant": "Sökande", "co_applicant": "Medsökande", "child": "Barn"},
            ),
            "sex": Field("Kön", words={"woman": "Kvinna", "man": "Man"}),
            "birth_year": Field("Födelseår"),
            "obstacle": Field("Försörjningshinder", words=_OBSTACLES),
        },
    ),
    "payments": Layout(
        "utbetalningar.csv",
        {
            "household_id": Field("Ärendenummer"),
            "month": Field("Avser månad", MONTH),
            "amount_sek": Field("Belopp"),
        },
        encoding="utf-8-sig",
        row_id="Utbetalning",
    ),
    "plans": Layout(
        "planering.xlsx",
        {
            "person_id": Field("Personnummer"),
            "from_on": Field("Från och med", DAY),
            "plan": Field("Planering", words=_PLANS),
        },
        sheet="Planering",
        titles=("Planering per person", "Uttag ur verksamhetssystemet, simulerade uppgifter"),
    ),
    "worktime": Layout(
        "arbetstid.csv",
        {
            "worker_id": Field("Handläggare"),
            "team": Field("Team", words=_TEAMS),
            "on": Field("Datum", DAY),
            "category": Field("Kategori", words=_CATEGORIES),
            "hours": Field("Timmar"),
        },
    ),
    "caseload": Layout(
        "arendemangd.xlsx",
        {
            "team": Field("Team", words=_TEAMS),
            "on": Field("Datum", DAY),
            "staff_fte": Field("Årsarbetare"),
            "open_cases": Field("Aktuella ärenden"),
        },
        sheet="Ärendemängd",
        titles=("Aktuella ärenden och årsarbetare", "Simulerade uppgifter"),
    ),
    "contacts": Layout(
        "kontakter.csv",
        {
            "household_id": Field("Ärendenummer"),
            "on": Field("Datum", DAY),
            "kind": Field("Kontaktform", words=_KINDS),
            "counterpart": Field("Med vem", words=_COUNTERPARTS),
            "coordinated_plan": Field("SIP", words={"true": "Ja", "false": "Nej"}),
        },
    ),
    "meetings": Layout(
        "moten.csv",
        {
            "on": Field("Datum", DAY),
            "arena": Field("Forum", words=_ARENAS),
            "parties": Field("Deltog"),
            "held": Field("Hölls", words={"true": "Ja", "false": "Nej"}),
        },
    ),
    "fidelity": Layout(
        "principer.csv",
        {
            "wave": Field("Omgång", words={"2020h2": "Hösten 2020"}),
            "principle": Field("Princip"),
            "aspect": Field(
                "Fråga",
                words={"meaningful": "Meningsfull", "followed": "Följs", "results": "Ger resultat"},
            ),
            "rater_group": Field("Bedömare", words=_RATERS),
            "raters": Field("Antal bedömare"),
            "rating": Field("Betyg"),
            "source": Field("Källa", words={"interview": "Intervju"}),
        },
    ),
    "care_centres": Layout(
        "vardcentraler.csv",
        {
            "care_centre": Field("Vårdcentral"),
            "listed_persons": Field("Listade"),
            "has_contact_function": Field("Vårdkontakt", words={"true": "Ja", "false": "Nej"}),
            "since": Field("Sedan"),
        },
    ),
    "needs": Layout(
        "behov.csv",
        {"person_id": Field("Personnummer"), "need": Field("Behov", words=_NEEDS)},
    ),
    "measures": Layout(
        "atgarder.csv",
        {
            "measure": Field("Åtgärd", words=_MEASURES),
            "requires": Field("Kräver"),
            "excludes": Field("Tar inte emot"),
            "addresses": Field("Hjälper med"),
            "places": Field("Platser"),
        },
    ),
    "survey": Layout(
        "enkat.csv",
        {
            "wave": Field("Omgång", words={"2020h2": "Hösten 2020"}),
            "household_id": Field("Ärendenummer"),
            "status": Field(
                "Kontakt",
                words={
                    "not_contacted": "Ej kontaktad",
                    "no_answer": "Ej svar",
                    "answered": "Svarat",
                },
            ),
            "question": Field("Fråga", words=_QUESTIONS),
            "answer": Field("Svar", words={"yes": "Ja", "partly": "Delvis", "no": "Nej"}),
        },
    ),
}

LAYOUTS["budget"] = Layout(
    "budget.csv",
    {
        "version": Field(
            "Version",
            words={
                "original": "Ursprunglig",
                "expansion": "Utvidgning",
                "plan": "Plan",
                "outcome": "Utfall",
            },
        ),
        "party": Field("Part"),
        "item": Field("Post"),
        "funder": Field("Finansiär", words={"finsam": "Finsam", "municipality": "Kommunen"}),
        "from_month": Field("Från", MONTH),
        "to_month": Field("Till", MONTH),
        "monthly_salary_sek": Field("Månadslön"),
        "fee_factor": Field("Påslag"),
        "fte": Field("Årsarbetare"),
        "amount_sek": Field("Belopp"),
    },
)


def raw_rows(table: str, rows: pd.DataFrame, null: str = "") -> RawRows:
    """A table's rows under Swedish headers, with Swedish words: an array of cells by header.

    Dates, months and codes become text, whole and decimal numbers stay numbers.

    >>> raw_rows("payments", pd.DataFrame({"household_id": ["a"], "month": ["2020-01"],
    ...          "amount_sek": ["5,00"]}))["Belopp"].tolist()
    ['5,00']
    """
    columns = LAYOUTS[table].columns
    return {f.header: _cells(rows[name], f, null) for name, f in columns.items()}


def _cells(values: pd.Series, column: Field, null: str) -> np.ndarray:
    if values.dtype.kind == "M":
        unit = "M" if column.format == MONTH else "D"
        texts = values.to_numpy().astype(f"datetime64[{unit}]").astype(str).astype(object)
        return np.where(texts == "NaT", null, texts)
    if values.dtype.kind in "if":
        return values.to_numpy(object)
    codes, found = pd.factorize(values)
    words = [column.words.get(code, null) if column.words else code or null for code in found]
    return np.array([*words, null], dtype=object)[codes]


def source_sections(tables: tuple[str, ...], is_clean: bool) -> str:
    """The [[sources]] sections of study.toml for the tables."""
    return "\n".join(_source(table, LAYOUTS[table], is_clean) for table in tables)


def _source(table: str, layout: Layout, is_clean: bool) -> str:
    lines = ["[[sources]]", f'table = "{table}"', f'files = ["{layout.file}"]']
    if layout.sheet:
        lines += ['format = "excel"', f'sheet = "{layout.sheet}"']
    else:
        encoding = "utf-8" if is_clean else layout.encoding
        lines += ['format = "csv"', f'encoding = "{encoding}"', 'separator = ";"']
    lines += ['decimal = ","']
    lines += [f'options = {{ row_id = "{layout.row_id}" }}'] if layout.row_id else []
    lines += ["", "[sources.columns]"]
    lines += [f"{name} = {_column(column)}" for name, column in layout.columns.items()]
    return "\n".join([*lines, ""])


def _column(column: Field) -> str:
    if column.words:
        codes = ", ".join(f'"{word}" = "{code}"' for code, word in column.words.items())
        return f'{{ header = "{column.header}", codes = {{ {codes} }} }}'
    if column.format:
        return f'{{ header = "{column.header}", format = "{column.format}" }}'
    return f'"{column.header}"'
