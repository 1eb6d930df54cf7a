"""What a study is: its municipalities, periods, definitions and sources, read from study.toml.

Every choice that changes a number is a field here, with its unit in its name, so that reports can
print it. ``hfcore.study_file`` checks the file; this module says what a checked study holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import pandas as pd

from hfcore.errors import UsageError

DEFAULT_CAUSES: dict[str, tuple[str, ...] | str] = {
    "self_sufficiency": (
        "work",
        "subsidised_work",
        "sheltered_work",
        "studies",
        "social_insurance",
    ),
    "moved": ("moved",),
    "deceased": ("deceased",),
    "other_positive": "positive",
    "negative": "rest",
}
DEFAULT_VARIANTS: dict[str, dict[str, tuple[str, ...]]] = {
    "published": {"self_sufficiency": (*DEFAULT_CAUSES["self_sufficiency"], "moved"), "moved": ()},
    "strict": {"self_sufficiency": ("work", "studies")},
}


# Of how many municipalities a study's short text tells the names.
MOST_NAMED = 5
UNITS = ("household", "family", "person")

# The words for the own codes of the study that was loaded last: a process works on one study.
own_words: dict[str, Mapping[str, Mapping[str, str]]] = {}


@dataclass(frozen=True)
class Municipality:
    """One municipality: first and last day of the intervention there, reach of its payment export.

    ``payments_from`` and ``payments_to`` are months (their first day), both included, ``contacts_``
    likewise days. ``payments_cover`` is ``all`` where the export holds every household on support,
    ``study`` where only those of the study. An inventory counted ``teams_counted`` of ``teams``.
    """

    code: str
    name: str
    first_day: date
    last_day: date
    payments_from: date
    payments_to: date
    payments_cover: str = "study"
    contacts_from: date | None = None
    contacts_to: date | None = None
    teams: int | None = None
    teams_counted: int | None = None


@dataclass(frozen=True)
class Definitions:
    """The definitions that change numbers; the default values are those of the contract."""

    causes: Mapping[str, tuple[str, ...] | str] = field(default_factory=lambda: DEFAULT_CAUSES)
    cause_variants: Mapping[str, Mapping[str, tuple[str, ...]]] = field(
        default_factory=lambda: DEFAULT_VARIANTS
    )
    measurement_points_months: tuple[int, ...] = (6, 12, 18)
    support_points_months: tuple[int, ...] = (6, 12, 18, 24)
    horizon_months: int = 24
    baseline_months: int = 3
    exit_gap_months: int = 2
    exit_gap_sensitivity_months: tuple[int, ...] = (1, 3)
    reactivation_window_months: int = 12
    reactivation_points_months: tuple[int, ...] = (3, 6, 12, 24)
    long_term_months: int = 10
    long_term_window_months: int = 12
    eligibility_months_on_support: int = 10
    eligibility_other_agencies: int = 2
    followup_interval_days: int = 14
    duration_bands_months: tuple[int, ...] = (6, 12, 60)
    children_bands: tuple[int, ...] = (1, 3)
    split_month: str = "2020-03"
    fee_factor: float = 1.4
    fades: tuple[float, ...] = (0.0, 0.5, 1.0)
    discounts: tuple[float, ...] = (0.0, 0.035)
    saving_months: tuple[int, ...] = (6, 12)
    national_shares: Mapping[str, float] = field(default_factory=dict)
    covariates: tuple[str, ...] = (
        "months_on_support",
        "adults",
        "children",
        "applicant_age",
        "applicant_is_woman",
    )
    controls_matched: bool = False
    largest_imbalance_sd: float = 0.25
    relevant_difference_sek: float = 500.0
    plans: tuple[str, ...] = ()
    plan_order: tuple[str, ...] = ()
    survey_answers: tuple[str, ...] = ("yes", "partly", "no")
    favourable_answers: tuple[str, ...] = ("yes", "partly")
    min_households_arm: int = 30
    min_households_interval: int = 10
    min_households_group: int = 20
    seed: int = 1


@dataclass(frozen=True)
class Publication:
    """The parameters of disclosure control, rule by rule; a study file may make them stricter only.

    ``sensitive_reasons`` are closure reasons: a cause that half of its reasons make sensitive is so
    whatever its name.
    """

    noise_max: int = 3
    noise_variance: float = 2.0
    never_shown_below: int = 3
    min_breakdown_n: int = 20
    min_mean_cell: float = 5.0
    min_share_denominator: int = 20
    min_sum_n: int = 10
    dominance_percent: int = 20
    min_mean_n: int = 10
    fine_mean_n: int = 20
    min_median_n: int = 20
    min_quartile_n: int = 40
    min_quarters_n: int = 50
    min_started: int = 10
    min_model_arm: int = 10
    min_model_df: int = 10
    min_workers: int = 10
    min_newcomers: int = 5
    min_release_days: int = 91
    sensitive_reasons: tuple[str, ...] = ("deceased", "social_insurance")


@dataclass(frozen=True)
class ColumnSource:
    """Where a column of a table comes from: header, format, code translations, or a constant."""

    header: str = ""
    format: str = ""
    codes: Mapping[str, str] = field(default_factory=dict)
    value: str = ""


@dataclass(frozen=True)
class Source:
    """One group of raw files that fill one table, and how they are written.

    ``files`` are patterns below the municipality's folder or, where ``municipality`` says in which
    column of a shared file each row's municipality stands, below the study's. ``format`` is csv
    or excel.
    """

    table: str
    files: tuple[str, ...]
    columns: Mapping[str, ColumnSource]
    format: str = "csv"
    encoding: str = ""
    separator: str = ";"
    decimal: str = ","
    sheet: str = ""
    nulls: tuple[str, ...] = ("", "-", "..", "saknas")
    options: Mapping[str, object] = field(default_factory=dict)
    municipality: ColumnSource = ColumnSource()

    @property
    def is_shared(self) -> bool:
        """Whether its files hold the rows of several municipalities."""
        return bool(self.municipality.header)


@dataclass(frozen=True)
class Wave:
    """One wave of a survey: its days, both included, and whom it asks (``closed``, ``ongoing``)."""

    code: str
    first_day: date
    last_day: date
    frame: str


@dataclass(frozen=True)
class TheoryStep:
    """One step of a theory of change, and the result that would show it.

    ``level`` is activity, mechanism, short or long; ``direction`` up or down, where the figure
    should move; without a ``metric`` nothing measures the step. ``level_of`` is the level of the
    result's dimension.
    """

    code: str
    level: str
    text: Mapping[str, str]
    leads_to: tuple[str, ...] = ()
    metric: str = ""
    variant: str = ""
    dimension: str = ""
    level_of: str = ""
    cause: str = ""
    direction: str = ""


@dataclass(frozen=True, repr=False)
class Study:
    """A checked study definition.

    ``title`` and ``intervention`` are texts by language; ``cutoff`` is the last day on which a
    closure is known; ``price_year`` the year whose prices fixed amounts are told in. ``unit`` is
    what takes part in running text (household, family or person); ``has_earlier_reports`` whether
    their figures stand beside the fair ones; ``labels`` words for the study's own codes (section,
    code, language), such as a cause that hfcore does not know.
    """

    name: str
    title: Mapping[str, str]
    is_simulated: bool
    cutoff: date
    price_year: int
    municipalities: tuple[Municipality, ...]
    definitions: Definitions = field(default_factory=Definitions)
    publication: Publication = field(default_factory=Publication)
    sources: tuple[Source, ...] = ()
    unit: str = "household"
    has_earlier_reports: bool = False
    labels: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)
    waves: tuple[Wave, ...] = ()
    theory: tuple[TheoryStep, ...] = ()

    @property
    def causes(self) -> tuple[str, ...]:
        """The declared causes of closure, in their order."""
        return tuple(self.definitions.causes)

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the municipalities, in their order."""
        return tuple(each.code for each in self.municipalities)

    def municipality(self, code: str | int) -> Municipality:
        """The municipality with a code; a number is taken as the code it was, ``180`` as ``0180``.

        Raises UsageError naming those that there are, also where the name is given for the code.
        """
        wanted = f"{code:04}" if isinstance(code, int) else code
        for each in self.municipalities:
            if each.code == wanted:
                return each
        known = ", ".join(f"{each.code} ({each.name})" for each in self.municipalities)
        named = [each for each in self.municipalities if each.name == wanted]
        if named:
            told = f"{named[0].name} is the municipality {named[0].code}: give the code"
            raise UsageError(f"{told}. The study {self.name} has: {known}.")
        raise UsageError(
            f"The study {self.name} has no municipality with that code; it has: {known}."
        )

    def __repr__(self) -> str:
        kind = "simulated" if self.is_simulated else "real"
        places = ", ".join(f"{each.name} {each.code}" for each in self.municipalities[:MOST_NAMED])
        more = len(self.municipalities) - MOST_NAMED
        told = f"{places} and {more} more" if more > 0 else places
        return f"<Study {self.name}: {told}; {kind} data up to {self.cutoff}>"

    def cause_of(self, variant: str = "default") -> dict[str, tuple[str, ...] | str]:
        """The closure reasons of each cause under a variant of the definitions.

        A cause is a tuple of reasons, or ``positive`` (the rest with a positive assessment), or
        ``rest``. Raises UsageError for a variant that is not declared.
        """
        causes = dict(self.definitions.causes)
        if variant == "default":
            return causes
        if variant not in self.definitions.cause_variants:
            declared = ", ".join(("default", *self.definitions.cause_variants))
            raise UsageError(f"The variant is not declared; declared are: {declared}.")
        return causes | dict(self.definitions.cause_variants[variant])


def month_number(months: pd.Series) -> pd.Series:
    """Dates as running months (year × 12 + month − 1), so that differences are whole months.

    >>> month_number(pd.to_datetime(pd.Series(["2020-12-31", "2021-01-01"]))).diff().iloc[1].item()
    1
    """
    return (months.dt.year * 12 + months.dt.month - 1).astype("Int64")
