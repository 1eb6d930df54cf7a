"""Paths are checked, files come whole, types survive."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pytest
from test_definition import GOOD

from hfcore import store
from hfcore.errors import MetricInputError, TableAbsentError, UsageError
from hfcore.results import build_results
from hfcore.schema import DTYPES, TABLES, empty_table


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("HFCORE_DATA", str(tmp_path))
    (tmp_path / "raw" / "try-out").mkdir(parents=True)
    (tmp_path / "raw" / "try-out" / "study.toml").write_text(GOOD, encoding="utf-8")
    return tmp_path


def payments(rows=(("h1", "2020-02-01", 2.5), ("h1", "2020-01-01", -1.0))):
    return pd.DataFrame(rows, columns=["household_id", "month", "amount_sek"])


def test_table_comes_back_typed_and_sorted(root):
    store.write_table(payments(), "try-out", "payments", "0180")
    table = store.load("try-out", "0180").payments
    assert table["amount_sek"].tolist() == [-1.0, 2.5]
    assert str(table["month"].dtype) == "datetime64[s]"
    assert (root / "processed/try-out/tables/payments/municipality=0180").is_dir()


def test_same_rows_in_another_order_give_the_same_bytes(root):
    path = store.table_folder("try-out", "payments", "0180") / "part.parquet"
    store.write_table(payments(), "try-out", "payments", "0180")
    first = path.read_bytes()
    store.write_table(payments().iloc[::-1], "try-out", "payments", "0180")
    assert path.read_bytes() == first
    assert [each.name for each in path.parent.iterdir()] == ["part.parquet"]


def test_every_table_survives_a_round_trip_when_empty(root):
    for name in TABLES:
        store.write_table(empty_table(name), "try-out", name, "0180")
        table = store.read_table("try-out", name, "0180")
        expected = {c: DTYPES[spec.kind] for c, spec in TABLES[name].columns.items()}
        assert {c: str(d) for c, d in table.dtypes.items()} == expected


def test_a_failed_write_leaves_the_earlier_file(root):
    path = root / "x.parquet"
    store.write_parquet(payments(), path)
    before = path.read_bytes()
    with pytest.raises(pa.ArrowInvalid):
        store.write_parquet(pd.DataFrame({"a": [object()]}), path)
    assert path.read_bytes() == before
    assert [each.name for each in root.glob("*half*")] == []


@pytest.mark.parametrize("name", ["../x", "", "A", "a/b", "a" * 41, "-a"])
def test_a_hostile_study_name_never_becomes_a_path(root, name):
    with pytest.raises(UsageError, match="study name"):
        store.raw_folder(name)


@pytest.mark.parametrize("code", ["180", "01800", "..", "0180/x", "٠١٨٠"])
def test_a_hostile_code_never_becomes_a_path(root, code):
    with pytest.raises(UsageError, match="municipality code"):
        store.table_folder("try-out", "payments", code)


def test_absent_table_and_study_are_sentences(root):
    data = store.load("try-out", "0180")
    assert not data.has("plans")
    with pytest.raises(TableAbsentError, match="no table plans"):
        _ = data.plans
    with pytest.raises(UsageError, match="there are: try-out"):
        store.load("other", "0180")


def test_record_keys_stand_beside_households(root):
    households = pd.DataFrame({"household_id": ["h1"], "group": ["control"], "adults": [1]})
    store.write_table(households, "try-out", "households", "0180")
    keys = pd.DataFrame({"id": ["h1", "p1"], "record_key": [0.25, 0.5]})
    store.write_table(keys, "try-out", "record_keys", "0180")
    assert store.load("try-out", "0180").households["record_key"].tolist() == [0.25]
    assert "record_key" not in store.read_table("try-out", "households", "0180")


def test_results_name_their_owner_and_come_back(root):
    rows = build_results(
        pd.DataFrame({"group": ["control"], "estimate": [3.0]}), metric="households", unit="count"
    )
    summary = store.write_results(rows, "try-out", "0180", "10_trajectories")
    assert summary.to_dict("list") == {"metric": ["households"], "rows": [1]}
    back = store.read_results("try-out", "0180")
    assert back.loc[0, ["study", "municipality", "notebook"]].tolist() == [
        "try-out",
        "0180",
        "10_trajectories",
    ]
    with pytest.raises(TableAbsentError, match="no protected rows"):
        store.read_protected("try-out")
    with pytest.raises(UsageError, match="notebook's name"):
        store.write_results(rows, "try-out", "0180", "../x")


def test_results_refuse_words_outside_the_contract():
    rows = pd.DataFrame({"estimate": [1.0]})
    with pytest.raises(MetricInputError, match="cannot have metric wellbeing"):
        build_results(rows, metric="wellbeing", unit="count")
    with pytest.raises(MetricInputError, match="unit empty"):
        build_results(rows, metric="households")
    with pytest.raises(MetricInputError, match="no column colour"):
        build_results(rows, metric="households", unit="count", colour="red")
