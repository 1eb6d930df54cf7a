"""The files of the simulated studies: their look, their truth, their bytes, and any other study."""

import json
import re
import zipfile

import numpy as np
import pandas as pd
import pytest
from plain_reading import (
    DAYS,
    PLACES,
    RAW,
    months,
    naive_by_start,
    read_panel,
    read_payments,
    read_persons,
    read_text,
)

from hfcore.errors import UsageError
from hfcore.study_file import read_study
from hfdemo.demo_files import PRACTICE, write_demo
from hfdemo.designs import HASKY, HELA_FAMILJEN, read_municipalities
from hfdemo.municipality_process import simulate_place
from hfdemo.truth import place_truth


@pytest.fixture(scope="module")
def folders():
    return {code: RAW / study / code for code, study in PLACES.items()}


# The files


def test_personal_numbers_are_valid_and_nobodys(folders):
    numbers = pd.concat(read_persons(folder)["Personnummer"] for folder in folders.values())
    assert numbers.str.fullmatch(r"\d{12}").all()
    assert numbers.str[8:11].astype(int).between(980, 999).all()
    digits = np.array([list(map(int, number[2:])) for number in numbers])
    doubled = digits * np.array([2, 1] * 5)
    assert ((doubled // 10 + doubled % 10).sum(axis=1) % 10 == 0).all()
    pd.to_datetime(numbers.str[:8], format="%Y%m%d")


@pytest.mark.parametrize("study", ["hela-familjen", "hasky"])
def test_numbers_agree_with_year_and_sex_and_stand_once_in_a_study(study, folders):
    rows = pd.concat(read_persons(f) for c, f in folders.items() if PLACES[c] == study)
    assert rows["Personnummer"].is_unique
    assert (rows["Personnummer"].str[:4] == rows["Födelseår"]).all()
    is_man = rows["Personnummer"].str[10].astype(int) % 2 == 1
    assert (is_man == (rows["Kön"] == "Man")).all()
    assert set(rows["Kön"]) == {"Kvinna", "Man"}


def test_files_are_small():
    for path in RAW.rglob("*.*"):
        assert path.stat().st_size < 1_000_000, path.name


def test_the_mapping_names_the_headers_of_the_files(folders):
    for code, folder in folders.items():
        study = read_study(folder.parent / "study.toml")
        assert study.is_simulated
        for source in study.sources:
            path = folder / source.files[0]
            if source.table in PRACTICE and not path.exists():
                continue  # one municipality of a study tells how it worked
            if source.format == "csv":
                text = path.read_bytes().decode(source.encoding)
                header, width = text.splitlines()[0].split(";"), text.splitlines()[1].count(";")
                assert width == len(header) - 1
            else:
                header = list(
                    pd.read_excel(path, sheet_name=source.sheet, header=2, engine="calamine")
                )
            assert {column.header for column in source.columns.values()} <= set(header), code


def test_the_mess_is_there(folders):
    payments = (folders["1290"] / "utbetalningar.csv").read_bytes()
    assert payments.startswith(b"\xef\xbb\xbf")
    assert payments.decode("utf-8-sig").splitlines()[-1].startswith(";;;")
    assert "\u00a0" in payments.decode("utf-8-sig")
    for code, folder in folders.items():
        rows = read_text(folder / "hushall.csv", "cp1252")
        assert rows.duplicated().sum() == 3, code
    assert read_text(folders["1293"] / "utbetalningar.csv", "utf-8-sig").duplicated().sum() == 3


def test_the_total_is_the_sum_of_the_rows(folders):
    text = (folders["1290"] / "utbetalningar.csv").read_text(encoding="utf-8-sig")
    printed = text.splitlines()[-1].strip(";").replace("\u00a0", "").replace(",", ".")
    assert float(printed) == read_payments(folders["1290"]).sum()


def files_below(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("study", ["hela-familjen", "hasky"])
def test_the_committed_files_are_what_the_demo_writes(study, tmp_path):
    assert files_below(write_demo(study, tmp_path)) == files_below(RAW / study)


# Truth


@pytest.mark.parametrize("design", [HELA_FAMILJEN, HASKY], ids=lambda design: design.name)
def test_truth_is_the_mean_difference_of_the_potential_outcomes(design):
    stored = json.loads((RAW / design.name / "truth.json").read_text(encoding="utf-8"))
    assert stored["is_simulated"] is True
    for place in design.places:
        simulated = simulate_place(design, place, 1)
        truth = stored["municipalities"][place.municipality.code]
        panel = simulated.participants
        gain = pd.DataFrame(panel.received - panel.without).stack()
        since = pd.DataFrame(panel.months_since_start()).stack()
        in_window = since.between(1, 24)
        assert truth["naive"]["effect_sek"] == pytest.approx(gain[in_window].mean(), abs=1e-3)
        assert abs(truth["naive"]["effect_sek"] - design.effect_sek) < 200
        for row in truth["effect_by_month"]:
            expected = gain[since == row["month"]].mean()
            assert (row["effect_sek"] is None and np.isnan(expected)) or row[
                "effect_sek"
            ] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("code", PLACES)
def test_the_naive_difference_is_off_by_the_stated_amount(code, folders):
    stored = json.loads((folders[code].parent / "truth.json").read_text(encoding="utf-8"))
    naive = stored["municipalities"][code]["naive"]
    found = naive_by_start(*read_panel(folders[code]))
    assert found == pytest.approx(naive["difference_sek"], abs=1e-3)
    assert found - naive["bias_sek"] == pytest.approx(naive["effect_sek"], abs=1e-3)
    assert abs(naive["bias_sek"]) > 50


def test_the_margins_hold_under_another_seed():
    place = HELA_FAMILJEN.places[0]
    simulated = simulate_place(HELA_FAMILJEN, place, 7)
    rows = simulated.households[simulated.households["group"] == "participant"]
    cutoff = pd.Timestamp("2021-12-31")
    stay = (rows["closed_on"].fillna(cutoff) - rows["started_on"]).dt.days / DAYS
    assert round(stay.mean(), 1) == 13.6
    assert round(stay[rows["closed_on"].notna()].mean(), 1) == 10.5
    assert rows["cause"].value_counts().to_dict() == {
        "other_positive": 40,
        "": 26,
        "self_sufficiency": 25,
        "negative": 22,
        "moved": 5,
        "deceased": 3,
    }
    assert -1_500 < place_truth(simulated)["naive"]["difference_sek"] < -1_000


# Any other study


@pytest.fixture(scope="module")
def national(tmp_path_factory):
    root = tmp_path_factory.mktemp("raw")
    return write_demo("prov", root, municipalities=3, households=20, effect=-1_000, seed=5)


def test_a_national_study_has_real_municipalities_and_three_controls_each(national):
    study = read_study(national / "study.toml")
    assert len(study.codes) == 3
    assert {m.code: m.name for m in study.municipalities}.items() <= read_municipalities().items()
    for code in study.codes:
        rows = read_text(national / code / "hushall.csv", "cp1252").drop_duplicates()
        assert rows["Grupp"].value_counts().to_dict() == {"Kontroll": 60, "Deltagare": 20}
        starts = rows.groupby("Grupp")["Inskriven"].agg(lambda days: sorted(days.str[:7]))
        assert starts["Kontroll"] == sorted(starts["Deltagare"] * 3)


def test_a_national_study_tells_its_truth(national):
    truth = json.loads((national / "truth.json").read_text(encoding="utf-8"))
    assert truth["seed"] == 5
    for place in truth["municipalities"].values():
        assert abs(place["naive"]["effect_sek"] + 1_000) < 500
        shares = place["cumulative_incidence"]["24"]
        assert set(shares) == {
            "self_sufficiency",
            "moved",
            "deceased",
            "other_positive",
            "negative",
        }
        assert 0.6 < sum(shares.values()) < 1


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(national, tmp_path):
    again = write_demo("prov", tmp_path / "a", 3, 20, -1_000, 5)
    other = write_demo("prov", tmp_path / "b", 3, 20, -1_000, 6)
    assert files_below(again) == files_below(national)
    assert files_below(other) != files_below(national)


def test_nobody_is_in_two_municipalities(national):
    rows = pd.concat(
        read_text(path, "cp1252").drop_duplicates() for path in national.glob("*/personer.csv")
    )
    assert rows["Personnummer"].str.replace("-", "").is_unique


def test_clean_files_hold_the_same_numbers(national, tmp_path):
    clean = write_demo("prov", tmp_path, 3, 20, -1_000, 5, clean=True)
    for code in read_study(clean / "study.toml").codes:
        rows = read_text(clean / code / "utbetalningar.csv", "utf-8")
        assert not rows["Belopp"].str.contains(r"\s", regex=True).any()
        amounts = rows["Belopp"].str.replace(",", ".").astype(float)
        months_ = months(pd.to_datetime(rows["Avser månad"]))
        found = amounts.groupby([rows["Ärendenummer"], months_.rename("month")]).sum()
        pd.testing.assert_series_equal(found, read_payments(national / code), check_names=False)
        plain = pd.read_excel(clean / code / "planering.xlsx", engine="calamine")
        assert list(plain) == ["Personnummer", "Från och med", "Planering"]


def test_further_municipalities_of_a_bundled_study(tmp_path):
    folder = write_demo("hasky", tmp_path, municipalities=1, households=5)
    study = read_study(folder / "study.toml")
    assert study.codes[0] == "2180"
    assert len(study.codes) == 2
    assert (folder / study.codes[1] / "arbetstid.csv").is_file()
    payments = "2180/utbetalningar.csv"
    assert (folder / payments).read_bytes() == (RAW / "hasky" / payments).read_bytes()


def test_workbooks_hold_no_time_of_writing(folders):
    with zipfile.ZipFile(folders["1290"] / "planering.xlsx") as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert not [name for name in archive.namelist() if name.startswith("docProps")]


# Municipalities

COUNTIES = [f"{number:02}" for number in range(1, 26) if number not in (2, 11, 15, 16)]


def test_there_are_290_municipalities_in_21_counties():
    municipalities = read_municipalities()
    assert len(municipalities) == 290
    assert len(set(municipalities.values())) == 290
    assert sorted({code[:2] for code in municipalities}) == COUNTIES
    assert all(re.fullmatch(r"\d{4}", code) for code in municipalities)
    assert municipalities["0180"] == "Stockholm"
    assert municipalities["2584"] == "Kiruna"


# Mistakes


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"name": "Hela Familjen"}, "lower-case letters"),
        ({"municipalities": 0}, "at least 1"),
        ({"municipalities": 291}, "there are 290"),
        ({"name": "hasky", "municipalities": 290}, "there are 289"),
        ({"households": 0}, "1 to 20000"),
        ({"effect": 1.0}, "from -25000 to 0"),
        ({"seed": -1}, "from 0 on"),
    ],
)
def test_what_no_study_can_have_is_refused(wrong, sentence, tmp_path):
    with pytest.raises(UsageError, match=sentence):
        write_demo(**{"name": "prov", "raw_root": tmp_path} | wrong)
    assert list(tmp_path.iterdir()) == []


def test_real_files_are_never_overwritten(tmp_path):
    (tmp_path / "prov").mkdir()
    (tmp_path / "prov" / "study.toml").write_text("is_simulated = false")
    with pytest.raises(UsageError, match="not simulated"):
        write_demo("prov", tmp_path, 1, 5)
    assert (tmp_path / "prov" / "study.toml").read_text() == "is_simulated = false"


def test_a_simulated_study_is_replaced_whole(tmp_path):
    first = write_demo("prov", tmp_path, 2, 5)
    (first / "0000").mkdir()
    write_demo("prov", tmp_path, 1, 5)
    assert len([path for path in first.iterdir() if path.is_dir()]) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["prov"]


def test_too_many_households_for_the_numbers_that_nobody_bears(tmp_path):
    with pytest.raises(UsageError, match="too few personal numbers"):
        write_demo("prov", tmp_path, 290, 2_000)
