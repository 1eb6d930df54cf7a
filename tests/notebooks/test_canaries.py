"""Names, numbers, addresses and journal phrases planted in raw files stand nowhere afterwards.

One study with everything that can go wrong in it: cells that do not fit, a table that is missing,
file names that tell, a notebook that quotes what it read. Every byte that is written outside the
raw files and the tables, and all that the commands say, is searched.
"""

from __future__ import annotations

import json
from functools import partial

import pytest
from raw_study import HOUSEHOLDS, PAYMENTS, PERSONS, write_lines, write_study
from small_study import COUNT, REPORT, write_notebook

from hfpublish.audit.leaks import Secrets, forms_of, search
from hfrun import batch, cli

# A valid number put together here, so that this file does not hold it.
NUMBER = "850709-" + "98" + "05"
NAME, STREET = "Kanarina Fågelkvist", "Kanarievägen 44"
PHRASE, CASE = "gråter ofta sedan flytten", "KAN-77310"
CANARIES = (NAME, STREET, PHRASE, CASE, NUMBER, NUMBER.replace("-", ""))
PARAMETERS = 'study = "liten"  # name\nmunicipality = "1290"  # code'
QUOTES = """
from pathlib import Path
import os
raw = Path(os.environ["HFCORE_DATA"]) / "raw" / study / municipality / "hushall.csv"
lines = raw.read_text("cp1252").splitlines()
import sys
print(lines[-1], file=sys.stderr)
raise ValueError(f"cannot understand {lines[-1]}")
"""


def households():
    head, *rows = HOUSEHOLDS
    planted = [f"{row};{NAME};{STREET};{PHRASE}" for row in rows]
    bad = f"{CASE};Deltagare;{NAME};{STREET};{PHRASE};{NUMBER};{NAME};{STREET};{PHRASE};;;"
    good = f"{CASE}-2;Deltagare;2019-03-01;;;;1;0;Näsby;{NAME};{STREET};{PHRASE}"
    return [f"{head};Namn;Adress;Journal", *planted, good, bad]


def plant(root):
    """Write the study with canaries in every file, and list them for the audit."""
    raw = write_study(root)
    for code in ("0180", "1290"):
        write_lines(raw / code / "hushall.csv", households())
        persons = [f"{row};{NAME}" for row in PERSONS[1:]]
        persons += [
            f"{NUMBER};{CASE}-2;Sökande;Kvinna;1985;{NAME}",
            f"{NAME};{CASE};{PHRASE};{STREET};{NUMBER};{NAME}",
        ]
        write_lines(raw / code / "personer.csv", [f"{PERSONS[0]};Namn", *persons])
        payments = [*PAYMENTS, f"9;{CASE};{PHRASE};{NAME}", f"10;{CASE}-2;201903;{NUMBER}"]
        write_lines(raw / code / "utbetalningar.csv", payments, "utf-8-sig")
    (raw / "0180" / "personer.csv").unlink()
    for other in (
        f"personer <b>{NUMBER}<script>.csv",
        f"personer {NAME} {CASE}.csv",
        f"{NAME}.csv",
    ):
        write_lines(raw / "1290" / other, [f"{NAME};{STREET}", f"{NUMBER};{CASE}"])
    (raw / "canaries.txt").write_text("\n".join(CANARIES), encoding="utf-8")
    return raw


def write_notebooks(folder):
    count = COUNT.replace("import pandas as pd", "import pandas as pd\nprint(hf_problems)", 1)
    told = (
        "import hfcore as hf\nhf_problems = [each for each in "
        "hf.store.read_ingest(study)['problems']]\n"
    )
    write_notebook(folder / "00_data_quality.ipynb", told + count, parameters=PARAMETERS)
    write_notebook(folder / "30_support_costs.ipynb", QUOTES, parameters=PARAMETERS)
    public = PARAMETERS + '\nlanguage = "sv"  # sv or en'
    write_notebook(folder / "90_report.ipynb", "# For whom", REPORT, parameters=public)
    return folder


def holds(content):
    """Whether bytes hold a canary or a personal number, however they are packed."""
    found = search(content, Secrets(words=forms_of(CANARIES)))
    return bool(found & {"canary", "personal number"})


def leaks(root, said=""):
    """Where canaries stand, outside raw files and tables, and in what was said."""
    processed = root / "processed"
    files = [path for path in processed.rglob("*") if path.is_file()]
    kept = [path for path in files if "tables" not in path.relative_to(processed).parts[1:2]]
    assert kept
    found = [
        path.relative_to(processed).as_posix()
        for path in kept
        if holds(path.read_bytes()) or holds(path.name.encode())
    ]
    return found + (["what was said"] if holds(said.encode()) else [])


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Ingest and run the study once; return its root, exit codes and what the commands said."""
    import contextlib
    import io

    root = tmp_path_factory.mktemp("canaries")
    plant(root)
    notebooks = write_notebooks(root / "notebooks")
    said, codes = io.StringIO(), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HFCORE_DATA", str(root))
        patch.setattr(batch, "run_study", partial(batch.run_study, notebook_folder=notebooks))
        run = ["run", "liten", "--municipality", "1290", "--language", "sv"]
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            for command in (["check", "liten"], ["ingest", "liten"], run, ["audit", "liten"]):
                codes[command[0]] = cli.run_command(command)
    return root, codes, said.getvalue()


def test_no_canary_stands_anywhere(study):
    root, codes, said = study
    assert codes == {"check": 3, "ingest": 3, "run": 3, "audit": 0}, said
    assert leaks(root, said) == []


def test_everything_that_can_go_wrong_went_wrong(study):
    root, _, said = study
    home = root / "processed" / "liten"
    account = json.loads((home / "ingest.json").read_text("utf-8"))
    rules = {each["rule"] for each in account["problems"]}
    assert {"E-DATE", "E-CODE", "E-NUMBER", "E-HEADER", "E-MISSING"} <= rules, rules
    quarantine = (home / "quarantine" / "households.csv").read_text("utf-8")
    assert quarantine.count("\n") > 2
    assert "1290/30_support_costs: Cell 2 stopped with ValueError." in said
    assert (home / "inside/1290/30_support_costs.failed.ipynb").exists()
    assert (home / "site/1290/sv/index.html").exists()


def test_the_search_finds_what_is_there(study, tmp_path):
    import shutil

    root, _, _ = study
    shutil.copytree(root / "processed", tmp_path / "processed")
    page = tmp_path / "processed/liten/inside/1290/00_data_quality.html"
    page.write_text(f"<p>{NAME.upper()}</p>", encoding="utf-8")
    assert leaks(tmp_path, PHRASE) == ["liten/inside/1290/00_data_quality.html", "what was said"]
    assert len(leaks(tmp_path)) == 1


@pytest.mark.parametrize("who", [NUMBER, NAME, CASE, NAME.replace(" ", "_")])
def test_who_the_name_of_a_file_names_is_not_told_on(tmp_path, monkeypatch, capsys, who):
    monkeypatch.setenv("HFCORE_DATA", str(tmp_path))
    raw = plant(tmp_path)
    (raw / "1290" / "hushall.csv").rename(raw / "1290" / f"hushall_{who}.csv")
    assert cli.run_command(["ingest", "liten"]) == 3
    said = capsys.readouterr()
    assert "1290/hushall_….csv (file 2)" in said.err
    assert leaks(tmp_path, said.out + said.err) == []
