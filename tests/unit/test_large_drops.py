"""Large drops: texts read once however often they stand, sums by codes, memory kept to a bound."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_study import write_lines, write_study

from hfcore.clean import delimited_text
from hfcore.clean.cross_table_checks import net_payments, paid_cells
from hfcore.clean.parsing import parse_numbers
from hfcore.errors import UsageError
from hfcore.store import processed_folder, read_ingest, read_table, typed_table
from hfrun import memory_budget
from hfrun.ingest import ingest_study
from hfrun.worker_pool import Crew

BLANKS, SIGNS = " \u00a0\u202f\u2009", "-\u2212\u2012\u2013\u2014"
ROWS = 1_500


@pytest.fixture
def raw(tmp_path, monkeypatch):
    """The small study, two municipalities, nothing wrong."""
    monkeypatch.setenv("HFCORE_DATA", str(tmp_path))
    return write_study(tmp_path)


def number(text: str) -> Decimal | None:
    """One amount, letter by letter as a bookkeeper would read it; None where nobody can."""
    body, is_negative = text, False
    if body[:1] == "(" and body[-1:] == ")":
        body, is_negative = body[1:-1], True
    elif body[-1:] and body[-1:] in SIGNS:
        body, is_negative = body[:-1], True
    elif body[:1] and body[:1] in "+" + SIGNS:
        is_negative = body[0] != "+"
        body = body[1:]
        body = body[1:] if body[:1] and body[:1] in BLANKS else body
    elif body[:1] and body[:1] in BLANKS:
        body = body[1:]
    whole, comma, part = body.partition(",")
    groups = re.split(f"[{BLANKS}]", whole)
    is_whole = all(each.isdigit() and each.isascii() for each in groups)
    is_grouped = len(groups) == 1 or (
        len(groups[0]) <= 3 and all(len(each) == 3 for each in groups[1:])
    )
    is_part = not comma or (part.isdigit() and part.isascii())
    if not (is_whole and is_grouped and is_part):
        return None
    value = Decimal("".join(groups) + ("." + part if comma else ""))
    return -value if is_negative else value


@given(st.lists(st.text(st.sampled_from(f"0012345,.x(){BLANKS}+{SIGNS}"), max_size=9), max_size=9))
def test_amounts_are_read_as_a_bookkeeper_reads_them(texts):
    parsed = parse_numbers(pd.Series(texts, dtype="str"))
    read = [None if np.isnan(value) else value for value in parsed.values]
    told = [number(text) for text in texts]
    assert read == [None if value is None else float(value) for value in told]
    odd = [
        value is not None and (text[0] in SIGNS[1:] + "(" or text[-1] in SIGNS)
        for text, value in zip(texts, told, strict=True)
    ]
    assert parsed.warnings["W-NUMBER"].tolist() == odd


def drop_of(seed: int, amounts: int) -> list[tuple[str, str, int]]:
    """Case number, month and öre of payments, with so many different amounts."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers([1, 1, 0], [4, 13, amounts], (ROWS, 3)).tolist()
    return [(f"{case:04}", f"2020{month:02}", 100_000 + ore) for case, month, ore in drawn]


@pytest.mark.parametrize("amounts", [3, 900_000])
@pytest.mark.parametrize("files", [1, 2])
def test_a_long_export_adds_up_whether_its_texts_repeat_or_not(raw, amounts, files):
    rows = drop_of(amounts, amounts)
    lines = [
        f"{at};{case};{month};{ore // 100:,}.{ore % 100:02}".replace(",", " ").replace(".", ",")
        for at, (case, month, ore) in enumerate(rows)
    ]
    for part in range(files):
        path = raw / "0180" / f"utbetalningar{'_2' * part}.csv"
        write_lines(path, ["Id;Ärendenummer;Avser;Belopp", *lines[part::files]], "utf-8")
    ingest_study("liten")
    net = Counter()
    for case, month, ore in rows:
        net[case, month] += ore
    table = read_table("liten", "payments", "0180")
    assert sorted(table["amount_sek"]) == sorted(ore / 100 for ore in net.values())
    months = Counter(table["month"].dt.strftime("%Y%m"))
    assert months == Counter(month for _, month in net)
    counted = {
        each["rule"]: each["count"]
        for each in read_ingest("liten")["rules"]
        if each["municipality"] == "0180" and each["table"] == "payments"
    }
    assert counted.get("W-DUPLICATE?", 0) == len(rows) - len(set(rows))


@pytest.mark.parametrize("households", [2, 300])
def test_sums_by_household_and_month_of_a_full_and_of_an_empty_table(households):
    rng = np.random.default_rng(households)
    payments = pd.DataFrame(
        {
            "household_id": [f"h{each:03}" for each in rng.integers(0, households, 300)],
            "month": pd.to_datetime([f"{2000 + each}-01-01" for each in rng.integers(0, 99, 300)]),
            "amount_sek": rng.integers(-(10**6), 10**6, 300) / 100,
        }
    ).astype({"month": "datetime64[s]"})
    sums: dict[tuple, Decimal] = {}
    for household, month, amount in payments.itertuples(index=False):
        told = sums.get((household, month), Decimal(0))
        sums[household, month] = told + Decimal(f"{amount:.2f}")
    net = net_payments(payments["amount_sek"], paid_cells(payments))
    found = list(net.itertuples(index=False, name=None))
    assert found == [(*place, float(sums[place])) for place in sorted(sums)]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 3), st.integers(0, 9))))
def test_rows_in_order_and_rows_in_none_are_written_alike(rows):
    frame = pd.DataFrame(
        {
            "household_id": pd.Series([row[0] for row in rows], dtype="str"),
            "month": pd.to_datetime([f"2020-0{row[1]}-01" for row in rows]),
            "amount_sek": [float(row[2]) for row in rows],
        }
    )
    typed = typed_table(frame, "payments")
    expected = sorted(rows, key=lambda row: row[:2])
    assert typed["household_id"].tolist() == [row[0] for row in expected]
    assert typed["amount_sek"].tolist() == [float(row[2]) for row in expected]


@pytest.mark.parametrize("ends", [["\n"], ["\r\n"], ["\r"], ["\r\n", "\n", "\r"]])
def test_rows_keep_their_numbers_however_lines_end(raw, ends):
    lines = ["Id;Ärendenummer;Avser;Belopp", "1;0001;201901;1", "", "2;0001;201902", "3;0001;x;1"]
    text = "".join(line + ends[at % len(ends)] for at, line in enumerate(lines))
    path = raw / "0180" / "utbetalningar.csv"
    path.write_bytes(text.encode("utf-8"))
    ingest_study("liten", municipalities=["0180"])
    stopped = pd.read_csv(processed_folder("liten") / "quarantine" / "payments.csv")
    assert stopped[["row", "rule"]].to_numpy().tolist() == [[4, "E-FIELDS"], [5, "E-DATE"]]


def test_no_more_municipalities_are_read_at_once_than_memory_has_room_for(raw, monkeypatch):
    asked, do = [], Crew.do

    def note(crew, work, batches, workers):
        asked.append(workers)
        return do(crew, work, batches, 1)

    monkeypatch.setattr(Crew, "do", note)
    for memory in (memory_budget.PROCESS_BYTES * 3 // 2, memory_budget.PROCESS_BYTES * 5 // 2):
        ingest_study("liten", workers=2, write=False, memory=memory)
    assert asked == [1, 2]


def test_a_municipality_that_memory_is_too_small_for_is_named_before_anything_is_read(raw):
    with pytest.raises(UsageError, match=r"0180, 1290 .* --memory 0\.[23]GB"):
        ingest_study("liten", memory=100_000_000)
    assert not (processed_folder("liten") / "tables").exists()


def test_a_file_too_large_to_be_opened_takes_no_memory_and_a_workbook_more_than_text():
    sizes = {"a.csv": 10**6, "b.xlsx": 10**6, "c.csv": memory_budget.MAX_TEXT_BYTES + 1}
    a, b, c = (memory_budget.bytes_needed({name: size}) for name, size in sizes.items())
    assert memory_budget.PROCESS_BYTES == c < a < b


@pytest.mark.parametrize("text", ["2", "GB", "-1GB", "2TB", "2GB2", "1e9GB", ""])
def test_a_size_that_is_none_is_a_sentence(text):
    with pytest.raises(UsageError, match="--memory is a size such as 2GB"):
        memory_budget.read_size(text)


PARTS = st.sampled_from(["a", "", " ", '"a"', '""', '"a""b"', '"a;b"', 'a"b', '"', "'", "é", "\t"])
RECORDS = st.lists(st.lists(PARTS, min_size=1, max_size=3).map(";".join), max_size=6)


@settings(max_examples=500)
@given(RECORDS, st.sampled_from(["\n", "\r\n", "\r"]), st.booleans(), st.integers(0, 2))
def test_records_are_split_at_once_as_they_are_one_by_one(lines, end, ends, skip):
    text = end.join(lines) + end * ends
    found = delimited_text.split_records(text, ";", skip=skip, width=2)
    walked = delimited_text.walk_lines(delimited_text._lines(text, None), ";", 2)
    records = list(enumerate((record for record, _ in walked), start=1))[skip:]
    cells = [(n, each) for n, each in records if each and len(each) == 2 and "".join(each).strip()]
    assert list(found.frame(["x", "y"]).itertuples(name=None)) == [(n, *each) for n, each in cells]
    assert sorted(found.ragged) == [
        n for n, each in records if each is None or (len(each) != 2 and "".join(each).strip())
    ]
