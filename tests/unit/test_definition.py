"""A study definition is read whole, and a bad one tells all its mistakes at once."""

from __future__ import annotations

from datetime import date

import pytest

from hfcore.errors import StudyError, UsageError
from hfcore.study_file import build_study, read_study

GOOD = """
name = "try-out"
title = { sv = "Prov", en = "Try-out" }
is_simulated = true
cutoff = 2021-12-31
price_year = 2021

[[municipalities]]
code = "0180"
name = "Stockholm"
first_day = 2019-01-01
last_day = 2021-12-31
payments_from = "2017-01"
payments_to = "2021-12"

[definitions]
exit_gap_months = 3

[[sources]]
table = "payments"
files = ["utbetalningar*.csv"]
[sources.columns]
household_id = "Ärende"
month = { header = "Månad", format = "%Y-%m" }
amount_sek = "Belopp"
"""


def read(tmp_path, text):
    path = tmp_path / "study.toml"
    path.write_text(text, encoding="utf-8")
    return read_study(path)


def test_good_study_keeps_codes_as_text_and_fills_defaults(tmp_path):
    study = read(tmp_path, GOOD)
    assert study.codes == ("0180",)
    assert study.municipality("0180").payments_from == date(2017, 1, 1)
    assert study.definitions.exit_gap_months == 3
    assert study.definitions.measurement_points_months == (6, 12, 18)
    assert study.sources[0].columns["household_id"].header == "Ärende"
    assert study.sources[0].columns["month"].format == "%Y-%m"


def test_all_mistakes_are_told_at_once(tmp_path):
    bad = (
        GOOD.replace('code = "0180"', "code = 180")
        .replace("price_year = 2021", 'price_year = "2021"\ncolour = "red"')
        .replace("exit_gap_months = 3", 'exit_gap_months = "three"')
        .replace('table = "payments"', 'table = "payment"')
    )
    with pytest.raises(StudyError) as caught:
        read(tmp_path, bad)
    text = str(caught.value)
    assert caught.value.exit_code == 2
    assert text.startswith("study.toml has 5 mistakes:")
    for sentence in (
        "study.toml: unknown field colour; allowed: cutoff,",
        "price_year: write a year such as 2021.",
        'municipalities, number 1: code is four digits in quotes, such as "0180".',
        "definitions.exit_gap_months: write it like the default, 2.",
        "sources, number 1: table is one of households, persons, payments,",
    ):
        assert sentence in text


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('name = "try-out"', 'name = "../x"', "name: write lower-case letters"),
        ("cutoff = 2021-12-31", 'cutoff = "2021-12-31"', "cutoff: write a date"),
        ('payments_from = "2017-01"', 'payments_from = "2017-13"', "payments_from is a month"),
        ('payments_from = "2017-01"', 'payments_from = "2022-01"', "ends before it begins"),
        ("is_simulated = true", 'is_simulated = "yes"', "is_simulated: write true or false."),
        ('files = ["utbetalningar*.csv"]', 'files = ["../x.csv"]', "files is a list of names"),
        ('files = ["utbetalningar*.csv"]', 'files = ["/etc/x"]', "files is a list of names"),
        ('amount_sek = "Belopp"', 'belopp = "Belopp"', "payments has no column belopp; it has:"),
        (
            "exit_gap_months = 3",
            'causes = { good = ["work", "play"], other = ["work"] }',
            "unknown closure reason play; allowed: work,",
        ),
        (
            "exit_gap_months = 3",
            'causes = { good = ["work"] }',
            'one cause must be "rest"',
        ),
        (
            "exit_gap_months = 3",
            'plan_order = ["studies"]',
            "it may hold only codes that plans declares",
        ),
    ],
)
def test_each_mistake_has_its_sentence(tmp_path, old, new, sentence):
    assert old in GOOD
    with pytest.raises(StudyError) as caught:
        read(tmp_path, GOOD.replace(old, new))
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("min_mean_n = 9", "publication.min_mean_n: 9 is looser than the rules of publication"),
        ("noise_variance = 0.0", "write 2.0 or more, or leave it out."),
        ("noise_max = 0", "publication.noise_max: 0 is looser"),
        ('sensitive_reasons = ["deceased"]', "a study may only add to deceased, social_insurance"),
        (
            'sensitive_reasons = ["deceased", "social_insurance", "played"]',
            "and only closure reasons: work,",
        ),
    ],
)
def test_publication_may_only_be_stricter(tmp_path, line, sentence):
    with pytest.raises(StudyError) as caught:
        read(tmp_path, f"{GOOD}\n[publication]\n{line}\n")
    assert sentence in str(caught.value)


def test_stricter_publication_is_taken(tmp_path):
    stricter = 'min_mean_n = 11\nsensitive_reasons = ["deceased", "social_insurance", "moved"]'
    publication = read(tmp_path, f"{GOOD}\n[publication]\n{stricter}\n").publication
    assert publication.min_mean_n == 11 and "moved" in publication.sensitive_reasons


def test_broken_toml_tells_the_place_and_not_the_content(tmp_path):
    with pytest.raises(StudyError, match=r"not valid TOML in UTF-8 \(line 1, column") as caught:
        read(tmp_path, "Anna Andersson")
    assert "Anna" not in str(caught.value)


def test_absent_file_is_a_sentence(tmp_path):
    with pytest.raises(StudyError, match="There is no study definition"):
        read_study(tmp_path / "study.toml")


def test_two_municipalities_with_one_code():
    one = {
        "code": "1290",
        "name": "A",
        "first_day": date(2020, 1, 1),
        "last_day": date(2021, 1, 1),
        "payments_from": "2018-01",
        "payments_to": "2021-01",
    }
    raw = {
        "name": "s",
        "title": {"sv": "s", "en": "s"},
        "is_simulated": True,
        "cutoff": date(2021, 1, 1),
        "price_year": 2021,
        "municipalities": [one, one],
    }
    with pytest.raises(StudyError, match="each code may stand once only"):
        build_study(raw)


def test_unknown_municipality_and_variant_name_what_there_is(tmp_path):
    study = read(tmp_path, GOOD)
    with pytest.raises(UsageError, match="it has: 0180"):
        study.municipality("180")
    with pytest.raises(UsageError, match="declared are: default, published, strict"):
        study.cause_of("lenient")
