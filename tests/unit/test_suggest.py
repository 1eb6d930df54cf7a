"""The draft of a mapping: right for nine of ten columns, and never tells who is in the file."""

from __future__ import annotations

import tomllib
from pathlib import Path

import openpyxl
import pytest
from raw_study import HOUSEHOLDS, PERSONS, write_lines, write_study

from hfcore.errors import RawDataError, UsageError
from hfcore.schema import TABLES
from hfcore.store import load_study
from hfrun import draft_mapping
from hfrun.draft_mapping import append_draft, suggest_source

RAW = Path(__file__).parents[2] / "data" / "raw"
# The bundled files under headers that other systems use: file, then new header by column.
OTHERS = {
    "hela-familjen/1290/hushall.csv": {
        "household_id": ("Ärendenummer", "Aktnr"),
        "group": ("Grupp", "Tillhörighet"),
        "referred_on": ("Anmäld", "Ködatum"),
        "started_on": ("Inskriven", "Startdatum"),
        "closed_on": ("Avslutad", "Slutdatum"),
        "closure_reason": ("Avslutsorsak", "Anledning"),
        "closure_assessment": ("Bedömning", "Utfall"),
        "support_since": ("Bistånd sedan", "Första biståndsmånad"),
        "adults": ("Antal vuxna", "Vuxna i hushållet"),
        "children": ("Antal barn", "Hemmavarande barn"),
        "care_centre": ("Vårdcentral", "Listad på"),
        "other_agencies": ("Andra myndigheter", "Antal kontakter"),
    },
    "hela-familjen/1290/personer.csv": {
        "person_id": ("Personnummer", "Pnr"),
        "household_id": ("Ärendenummer", "Dossier"),
        "role": ("Roll", "Ställning"),
        "sex": ("Kön", "K/M"),
        "birth_year": ("Födelseår", "Född"),
        "obstacle": ("Försörjningshinder", "Orsakskod"),
    },
    "hela-familjen/1293/utbetalningar.csv": {
        "household_id": ("Ärendenummer", "FamiljeID"),
        "month": ("Avser månad", "Period"),
        "amount_sek": ("Belopp", "Utbetalt"),
    },
    "hela-familjen/1256/planering.xlsx": {
        "person_id": ("Personnummer", "Klientnr"),
        "from_on": ("Från och med", "Gäller från"),
        "plan": ("Planering", "Aktivitet"),
    },
    "hasky/2180/arbetstid.csv": {
        "worker_id": ("Handläggare", "Medarbetare"),
        "team": ("Team", "Enhet"),
        "on": ("Datum", "Dag"),
        "category": ("Kategori", "Typ av tid"),
        "hours": ("Timmar", "Arbetad tid"),
    },
    "hasky/2180/arendemangd.xlsx": {
        "team": ("Team", "Arbetslag"),
        "on": ("Datum", "Mätdag"),
        "staff_fte": ("Årsarbetare", "Tjänster"),
        "open_cases": ("Aktuella ärenden", "Öppna ärenden"),
    },
}
# Put together here, so that this file holds neither.
NUMBER, OTHER = "19600101" + "1003", "19610202" + "1018"


def renamed(file: str, folder: Path) -> Path:
    """A bundled file under its other headers."""
    names = dict(OTHERS[file].values())
    path = folder / Path(file).name
    if path.suffix == ".csv":
        raw = (RAW / file).read_bytes()
        encoding = "utf-8-sig" if raw.startswith(b"\xef\xbb\xbf") else "cp1252"
        head, end, rest = raw.decode(encoding).partition("\n")
        head = ";".join(names.get(each, each) for each in head.rstrip("\r").split(";"))
        path.write_bytes((head + end + rest).encode(encoding))
        return path
    book = openpyxl.load_workbook(RAW / file)
    for row in book.active.iter_rows(max_row=20):
        for cell in row:
            cell.value = names.get(cell.value, cell.value)
    book.save(path)
    return path


@pytest.mark.parametrize("is_renamed", [False, True], ids=["own headers", "other headers"])
def test_nine_of_ten_columns_are_right(tmp_path, is_renamed):
    right = total = 0
    for file, columns in OTHERS.items():
        path = renamed(file, tmp_path) if is_renamed else RAW / file
        draft = suggest_source(path)
        right += sum(draft.headers.get(c) == names[is_renamed] for c, names in columns.items())
        total += len(columns)
    assert total == 33 and right / total >= 0.9


def test_a_draft_is_a_section_of_the_definition(tmp_path):
    for file in OTHERS:
        section = tomllib.loads(suggest_source(RAW / file).text)["sources"][0]
        assert set(section["columns"]) <= set(TABLES[section["table"]].columns)


@pytest.mark.parametrize(
    "lines",
    [
        [f"{NUMBER};Fornamn0 Efternamn0;H0;S", f"{OTHER};Fornamn1 Efternamn1;H1;S"],
        ["Anna Exempelsson;Storgatan;Kvinna", "Bo Exempela;Lillgatan;Man"],
        ["Utdrag ur journal", "", "Anna Ek;2019-03-01;4000", "Bo Al;2019-04-01;900"],
        ["A-17;Sökande;Kvinna;mår bättre", "A-18;Sökande;Man;väntar svar"],
    ],
)
def test_a_first_row_is_somebodys_until_proven_a_header(tmp_path, lines):
    write_lines(tmp_path / f"{NUMBER[:8]}-{NUMBER[8:]} uttag.csv", lines, "utf-8")
    draft = suggest_source(tmp_path / f"{NUMBER[:8]}-{NUMBER[8:]} uttag.csv")
    assert 'header = "none"' in draft.text and "* uttag.csv" in draft.text
    for cell in {cell for line in lines for cell in line.split(";") if cell}:
        assert cell not in draft.text
    assert set(draft.headers.values()) <= {"1", "2", "3", "4"}


def test_headers_with_digits_and_titles_above_are_headers(tmp_path):
    rows = [f"A{n};{n % 3};{n % 2 + 1}" for n in range(40)]
    head = ["Utdrag 2021-05-31", "", "Arende;Antal barn under 18;Antal vuxna 2019"]
    write_lines(tmp_path / "h.csv", [*head, *rows], "utf-8")
    found = suggest_source(tmp_path / "h.csv").headers
    assert found["children"] == "Antal barn under 18" and found["household_id"] == "Arende"


def test_a_draft_is_appended_without_the_shell(tmp_path, monkeypatch):
    raw = write_study(tmp_path, codes=("1290",))
    monkeypatch.setenv("HFCORE_DATA", str(tmp_path))
    definition = raw / "study.toml"
    definition.write_bytes(b"\xef\xbb\xbf" + definition.read_bytes())
    path = raw / "1290" / "hushall.csv"
    draft = suggest_source(path)
    before = len(load_study("liten").sources)
    assert "ends with the draft" in append_draft(draft, path)
    assert len(load_study("liten").sources) == before + 1
    assert "already" in append_draft(draft, path, "liten")
    assert not definition.read_bytes().startswith(b"\xef\xbb\xbf")
    with pytest.raises(UsageError, match="near the file"):
        append_draft(draft, tmp_path.parent / "x.csv")


def test_a_draft_tells_nobody(tmp_path):
    people = [f"19121212-{n:04};0001;Sökande;Kvinna;1981;Anna Hemlig" for n in range(40)]
    write_lines(tmp_path / "p.csv", [PERSONS[0] + ";Namn", *people])
    text = suggest_source(tmp_path / "p.csv").text
    assert "Hemlig" not in text and "191212" not in text and "0001" not in text
    assert "not used: Namn" in text and "1981" not in text


def test_forms_are_found_and_what_is_lacking_is_told(tmp_path):
    rows = [f"A-{n};{1 + n % 28:02}/05/2021;{n % 3 + 1}" for n in range(60)]
    write_lines(tmp_path / "h.txt", ["Hushåll;Startdatum;Antal vuxna", *rows], "utf-8")
    draft = suggest_source(tmp_path / "h.txt")
    assert 'format = "%d/%m/%Y"' in draft.text
    assert '# group = ""  # CHECK' in draft.text
    tabs = [line.replace(";", "\t") for line in HOUSEHOLDS]
    write_lines(tmp_path / "t.tsv", tabs, "utf-16")
    assert 'separator = "\\t"' in suggest_source(tmp_path / "t.tsv").text


def test_codes_by_likeness_and_codes_of_ones_own_are_marked(tmp_path):
    rows = [
        f"Ä{n};Huvudsökande i ärendet;Kvinna;1970;Ohälsa, oviss" for n in range(20)
    ] + [f"Ä{n};Hemmavarande barn;Man;2010;" for n in range(20)]  # fmt: skip
    people = [f"19{n:02}0101-X{n:03};{row}" for n, row in enumerate(rows, start=10)]
    write_lines(tmp_path / "p.csv", ["Personnr;Dnr;Ställning;Kön;Född år;Hinder", *people], "utf-8")
    text = suggest_source(tmp_path / "p.csv").text
    role = next(line for line in text.splitlines() if line.startswith("role"))
    assert '"Huvudsökande i ärendet" = "applicant"' in role and "# CHECK: each is one of" in role
    obstacle = next(line for line in text.splitlines() if line.startswith("obstacle"))
    assert '"Ohälsa, oviss" = "ohalsa_oviss"' in obstacle and "# CHECK" in obstacle
    sex = next(line for line in text.splitlines() if line.startswith("sex"))
    assert "CHECK" not in sex


def test_what_is_lacking_is_guessed_by_its_cells_and_payments_by_their_number(tmp_path):
    rows = [f"V-{n};Z{n % 40};2021-0{n % 9 + 1};{n},50" for n in range(90)]
    write_lines(tmp_path / "u.csv", ["Verifikation;Qqq;Avser månad;Belopp", *rows], "utf-8")
    text = suggest_source(tmp_path / "u.csv").text
    assert '# household_id = "Qqq"  # CHECK: needed; perhaps this one' in text
    assert '# options = {row_id = "Verifikation"}  # CHECK' in text


@pytest.mark.parametrize("content", [b"", b"\0" * 50, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"])
def test_what_cannot_be_read_is_a_sentence(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(RawDataError, match=r"^E-"):
        suggest_source(tmp_path / "x")


def test_a_column_of_municipalities_is_pointed_out_and_a_large_file_is_looked_into(
    tmp_path, monkeypatch
):
    rows = [f"{number};1290;H{number % 7};2021-0{number % 9 + 1};8 000,00" for number in range(90)]
    write_lines(tmp_path / "riket.csv", ["Nr;Kommunkod;Akt;Avser;Belopp", *rows])
    whole = suggest_source(tmp_path / "riket.csv")
    assert '\n# municipality = "Kommunkod"  # CHECK' in whole.text
    monkeypatch.setattr(draft_mapping, "BYTES_LOOKED_AT", 1_500)
    assert suggest_source(tmp_path / "riket.csv").headers == whole.headers
