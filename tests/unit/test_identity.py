"""Personal numbers, keys and pseudonyms."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfcore.errors import KeyMissingError, UsageError
from hfcore.identifiers import is_luhn, normal_ids, plain
from hfcore.identity import make_key_file, pseudonyms, read_key, record_keys
from hfcore.study_file import build_study

CUTOFF = date(2021, 12, 31)
# Skatteverket's published example of a personal number.
EXAMPLE = "198112189876"


@pytest.fixture
def simulated():
    return build_study(
        {
            "name": "liten",
            "title": {"sv": "Liten", "en": "Small"},
            "is_simulated": True,
            "cutoff": CUTOFF,
            "price_year": 2021,
            "municipalities": [
                {
                    "code": "0180",
                    "name": "Stockholm",
                    "first_day": date(2019, 1, 1),
                    "last_day": CUTOFF,
                    "payments_from": "2019-01",
                    "payments_to": "2021-12",
                }
            ],
        }
    )


@pytest.fixture
def real(simulated):
    return replace(simulated, is_simulated=False)


def normal(*texts, **more):
    return normal_ids(pd.Series(list(texts), dtype="str"), cutoff=CUTOFF, **more)


@pytest.mark.parametrize(
    "form",
    [
        "198112189876",
        "19811218-9876",
        "811218-9876",
        " 19811218 9876 ",
        "19811218\u00a09876",
        "19811218\u20139876",
        "".join(chr(ord(digit) + 0xFEE0) for digit in "19811218-9876"),
        "\u0661\u0669\u0668\u0661\u0661\u0662\u0661\u0668\u0669\u0668\u0667\u0666",
        "19811218-9876\n",
        "\u202e198112189876",
    ],
)
def test_all_forms_of_one_number_are_one(form):
    assert normal(form)["id"].tolist() == [EXAMPLE]


def test_the_sign_tells_the_century():
    assert normal("811218+9876")["id"].tolist() == ["188112189876"]
    assert normal("210131-98" + "75", "220131-98" + "74")["id"].str[:4].tolist() == ["2021", "1922"]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("8112189876", "E-ID-CENTURY"),
        ("198112189875", "E-ID"),
        ("1,985071E+11", "E-ID"),
        ("1.985071e+11", "E-ID"),
        ("---", "E-ID"),
    ],
)
def test_ids_that_are_refused(text, rule):
    found = normal(text)
    assert found["rule"].tolist() == [rule]
    assert found["id"].isna().all()


def test_a_birth_year_beside_tells_the_century():
    years = pd.Series([1981, 1881, 1980], dtype="Int64")
    found = normal("8112189876", "8112189876", "8112189876", birth_years=years)
    assert found["id"].tolist()[:2] == ["198112189876", "188112189876"]
    assert found["rule"].tolist() == ["", "", "E-ID"]


def test_leading_zeros_are_kept():
    """As numbers, 0180 would be 180, and a child of 2005 would have nine digits."""
    nine = "050709980"
    last = next(str(d) for d in range(10) if is_luhn(f"{nine}{d}"))
    found = normal_ids(pd.Series([nine + last, "0180", "180"]), pd.Series([2005, None, None]))
    assert found["id"].tolist() == ["20" + nine + last, "0180", "180"]


def test_coordination_and_interim_numbers():
    # Day + 60; the check digit by hand: 811278987 doubled from the left sums to 67.
    assert normal("19811278-98" + "73")["is_national"].tolist() == [True]
    assert normal("19811218-T123")["id"].tolist() == normal("19811218T123")["id"].tolist()
    assert normal("19811218-T123")["is_national"].tolist() == [False]


def test_local_ids_keep_what_tells_them_apart():
    assert normal("2016-12", "20161-2", "a 7")["id"].tolist() == ["2016-12", "20161-2", "A7"]


@given(st.integers(0, 999_999_999))
def test_one_digit_makes_ten_valid_and_no_other(nine):
    text = f"{nine:09}"
    assert sum(is_luhn(f"{text}{digit}") for digit in range(10)) == 1


@given(st.text(max_size=30))
def test_no_text_breaks_the_normal_form(text):
    found = normal_ids(pd.Series([text], dtype="object"), cutoff=CUTOFF)
    assert found["rule"].iloc[0] in ("", "E-ID", "E-ID-CENTURY")
    assert plain(plain(text)) == plain(text)


def test_pseudonyms_depend_on_key_study_purpose_and_scope(simulated):
    ids = pd.Series([EXAMPLE, None, EXAMPLE, "A7"], dtype="str")
    key = read_key(simulated)
    persons = pseudonyms(ids, key, "person")
    assert persons.iloc[0] == persons.iloc[2] != persons.iloc[3]
    assert persons.isna().tolist() == [False, True, False, False]
    others = [
        pseudonyms(ids, key, "household"),
        pseudonyms(ids, key, "person", scope="0180"),
        pseudonyms(ids, read_key(replace(simulated, name="annan")), "person"),
    ]
    assert len({persons.iloc[0], *(other.iloc[0] for other in others)}) == 4
    with pytest.raises(UsageError, match="household, person, worker, record"):
        pseudonyms(ids, key, "letter")


def test_record_keys_are_uniform_and_fixed(simulated):
    key = read_key(simulated)
    ids = pd.Series([f"{number:024x}" for number in range(4000)])
    numbers = record_keys(ids, key)
    assert numbers.between(0, 1, inclusive="left").all()
    assert abs(numbers.mean() - 0.5) < 0.03 and abs(numbers.var() - 1 / 12) < 0.01
    assert record_keys(ids.iloc[::-1], key).iloc[::-1].tolist() == numbers.tolist()


def test_a_key_file_is_made_for_its_owner_alone(tmp_path, real):
    path = tmp_path / "study.key"
    make_key_file(path)
    assert len(path.read_bytes()) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_key(real, path).fingerprint == read_key(real, path).fingerprint
    assert not read_key(real, path).is_simulated
    assert repr(path.read_bytes()) not in repr(read_key(real, path))
    with pytest.raises(UsageError, match="cannot be made"):
        make_key_file(path)


def test_unsafe_keys_are_refused(tmp_path, real):
    path = tmp_path / "study.key"
    make_key_file(path)
    path.chmod(0o640)
    with pytest.raises(KeyMissingError, match="chmod 600"):
        read_key(real, path)
    path.chmod(0o600)
    (tmp_path / ".git").mkdir()
    with pytest.raises(KeyMissingError, match="repository"):
        read_key(real, path)
    (tmp_path / ".git").rmdir()
    path.write_bytes(b"x" * 31)
    with pytest.raises(KeyMissingError, match="32 bytes"):
        read_key(real, path)
    with pytest.raises(KeyMissingError, match="no key file"):
        read_key(real, tmp_path / "none")


def test_a_study_of_people_needs_a_key(real, monkeypatch):
    monkeypatch.delenv("HFCORE_KEY", raising=False)
    with pytest.raises(KeyMissingError, match=r"python -m hfcore\.identity FILE"):
        read_key(real)


def test_the_environment_gives_a_key_once(real, monkeypatch):
    monkeypatch.setenv("HFCORE_KEY", "ab" * 32)
    assert not read_key(real).is_simulated
    assert "HFCORE_KEY" not in os.environ
    monkeypatch.setenv("HFCORE_KEY", "secret")
    with pytest.raises(KeyMissingError) as refused:
        read_key(real)
    assert "secret" not in str(refused.value)


def test_the_key_maker_as_a_command(tmp_path):
    path = tmp_path / "k.key"
    command = [sys.executable, "-m", "hfcore.identity", str(path)]
    home = Path(__file__).parents[2]
    first = subprocess.run(command, capture_output=True, text=True, cwd=home)
    second = subprocess.run(command, capture_output=True, text=True, cwd=home)
    assert (first.returncode, second.returncode) == (0, 2)
    assert "Traceback" not in second.stderr
