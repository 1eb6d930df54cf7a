"""The tables that ingest writes: columns, types, codes.

The Parquet files hold exactly these columns. Three stand beside the contract's, so that the other
tables stay as agreed: ``record_keys``, the number in [0, 1) per household and person that
disclosure control adds up; ``moves``, the households that stand in several municipalities, and
``moved_payments`` and ``moved_plans``, what the others paid them (null where nobody can say) and
planned with their adults.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from hfcore.errors import UsageError

GROUPS = ("participant", "control")
CLOSURE_REASONS = (
    "work",
    "subsidised_work",
    "sheltered_work",
    "studies",
    "social_insurance",
    "cohabiting",
    "moved",
    "stopped_applying",
    "deceased",
    "transferred",
    "other",
    "unknown",
)
# How often each kind of meeting is due is in hfcore.metrics.fidelity.
ARENAS = ("steering_group", "work_group", "workshop", "care_network", "case_review")
# Patton's three questions to a principle.
ASPECTS = ("meaningful", "followed", "results")


@dataclass(frozen=True)
class Column:
    """One column of a table.

    ``kind`` is one of text, id, date, month, int, float, bool, code, list; ``codes`` are the
    allowed values of a code (empty: declared by the study); ``refers_to`` the key it points at.
    """

    kind: str
    nullable: bool = False
    codes: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    refers_to: str = ""


@dataclass(frozen=True)
class Table:
    """One table: its columns by name and the columns that tell its rows apart."""

    columns: Mapping[str, Column]
    key: tuple[str, ...] = ()


_PERSON = Column("id", refers_to="persons.person_id")
_HOUSEHOLD = Column("id", refers_to="households.household_id")

TABLES: dict[str, Table] = {
    "households": Table(
        {
            "household_id": Column("id"),
            "group": Column("code", codes=GROUPS),
            "referred_on": Column("date", nullable=True),
            "started_on": Column("date", nullable=True),
            "closed_on": Column("date", nullable=True),
            "closure_reason": Column("code", nullable=True, codes=CLOSURE_REASONS),
            "closure_assessment": Column("code", nullable=True, codes=("positive", "negative")),
            "support_since": Column("month", nullable=True),
            "adults": Column("int", minimum=1),
            "children": Column("int", minimum=0),
            "care_centre": Column("text", nullable=True),
            "other_agencies": Column("int", nullable=True, minimum=0),
        },
        key=("household_id",),
    ),
    "persons": Table(
        {
            "person_id": Column("id"),
            "household_id": _HOUSEHOLD,
            "role": Column("code", codes=("applicant", "co_applicant", "child")),
            "sex": Column("code", codes=("woman", "man", "unknown")),
            "birth_year": Column("int", minimum=1900),
            "obstacle": Column("code", nullable=True),
        },
        key=("person_id",),
    ),
    "payments": Table(
        {"household_id": _HOUSEHOLD, "month": Column("month"), "amount_sek": Column("float")},
        key=("household_id", "month"),
    ),
    "plans": Table(
        {"person_id": _PERSON, "from_on": Column("date"), "plan": Column("code")},
        key=("person_id", "from_on"),
    ),
    "contacts": Table(
        {
            "household_id": _HOUSEHOLD,
            "on": Column("date"),
            "kind": Column("code", codes=("home_visit", "meeting", "phone", "digital", "other")),
            "counterpart": Column(
                "code",
                codes=(
                    "household",
                    "care_centre",
                    "psychiatry",
                    "employment_service",
                    "social_insurance_agency",
                    "school",
                    "other",
                ),
            ),
            "coordinated_plan": Column("bool", nullable=True),
        }
    ),
    "worktime": Table(
        {
            "worker_id": Column("id"),
            "team": Column("code", codes=("intervention", "comparison")),
            "on": Column("date"),
            "category": Column(
                "code",
                codes=(
                    "direct_client",
                    "indirect_client",
                    "management",
                    "collaboration",
                    "administration",
                    "other",
                ),
            ),
            "hours": Column("float", minimum=0),
        },
        key=("worker_id", "on", "category"),
    ),
    "caseload": Table(
        {
            "team": Column("code", codes=("intervention", "comparison")),
            "on": Column("date"),
            "staff_fte": Column("float", minimum=0),
            "open_cases": Column("int", minimum=0),
            "workers": Column("int", nullable=True, minimum=0),
        },
        key=("team", "on"),
    ),
    "budget": Table(
        {
            "version": Column("code", nullable=True),
            "party": Column("text"),
            "item": Column("text"),
            "funder": Column(
                "code",
                nullable=True,
                codes=("finsam", "municipality", "region", "state", "other"),
            ),
            "from_month": Column("month"),
            "to_month": Column("month"),
            "monthly_salary_sek": Column("float", nullable=True, minimum=0),
            "fee_factor": Column("float", nullable=True, minimum=1),
            "fte": Column("float", nullable=True, minimum=0),
            "amount_sek": Column("float", nullable=True),
        },
        key=("version", "party", "item", "from_month"),
    ),
    "survey": Table(
        {
            "wave": Column("code"),
            "household_id": _HOUSEHOLD,
            "status": Column("code", codes=("not_contacted", "no_answer", "answered")),
            "question": Column("code"),
            "answer": Column("code", nullable=True),
        },
        key=("wave", "household_id", "question"),
    ),
    "needs": Table({"person_id": _PERSON, "need": Column("code")}, key=("person_id", "need")),
    "measures": Table(
        {
            "measure": Column("code"),
            "requires": Column("list"),
            "excludes": Column("list"),
            "addresses": Column("list"),
            "places": Column("int", nullable=True, minimum=0),
        },
        key=("measure",),
    ),
    "care_centres": Table(
        {
            "care_centre": Column("text"),
            "listed_persons": Column("int", nullable=True, minimum=0),
            "has_contact_function": Column("bool", nullable=True),
            "since": Column("date", nullable=True),
        },
        key=("care_centre",),
    ),
    "meetings": Table(
        {
            "on": Column("date"),
            "arena": Column("code", codes=ARENAS),
            "parties": Column("list"),
            "held": Column("bool"),
        }
    ),
    "fidelity": Table(
        {
            "wave": Column("code"),
            "principle": Column("code"),
            "aspect": Column("code", codes=ASPECTS),
            "rater_group": Column("code", codes=("advisers", "care_contacts", "managers")),
            "raters": Column("int", nullable=True, minimum=1),
            "rating": Column("int", nullable=True, minimum=0, maximum=3),
            "source": Column("code", codes=("interview", "document", "observation")),
        },
        key=("wave", "principle", "aspect", "rater_group"),
    ),
    "record_keys": Table({"id": Column("id"), "record_key": Column("float")}, key=("id",)),
    "moves": Table(
        {
            "household_id": _HOUSEHOLD,
            "moved_on": Column("month", nullable=True),
            "is_counted_here": Column("bool"),
            "is_followed": Column("bool"),
        },
        key=("household_id",),
    ),
    "moved_payments": Table(
        {
            "household_id": _HOUSEHOLD,
            "month": Column("month"),
            "amount_sek": Column("float", nullable=True),
        },
        key=("household_id", "month"),
    ),
    "moved_plans": Table(
        {"person_id": _PERSON, "from_on": Column("date"), "plan": Column("code")},
        key=("person_id", "from_on"),
    ),
}
# Made by ingest and filled by no file; all but the first from all municipalities together.
TECHNICAL_TABLES = ("record_keys", "moves", "moved_payments", "moved_plans")
MOVE_TABLES = TECHNICAL_TABLES[1:]

DTYPES = {
    "text": "str",
    "id": "str",
    "code": "str",
    "date": "datetime64[s]",
    "month": "datetime64[s]",
    "int": "Int64",
    "float": "float64",
    "bool": "boolean",
    "list": "object",
}


def empty_table(name: str) -> pd.DataFrame:
    """A table without rows, with its columns and types.

    >>> list(empty_table("payments").columns)
    ['household_id', 'month', 'amount_sek']
    """
    columns = TABLES[name].columns
    return pd.DataFrame({c: pd.Series(dtype=DTYPES[s.kind]) for c, s in columns.items()})


def table_columns(name: str) -> Mapping[str, Column]:
    """The columns of a table, or UsageError naming the tables that there are."""
    if name not in TABLES:
        raise UsageError(f"There is no table {name!r}; the tables are: {', '.join(TABLES)}.")
    return TABLES[name].columns
