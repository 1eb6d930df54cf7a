"""A study's run: what is done, what a failure stops, what an interruption leaves."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from small_study import CODES, NAME, built_study, run_in, write_data, write_notebooks

from hfcore.errors import LockedError, UsageError
from hfpublish import html_pages
from hfrun import batch, publication, tasks
from hfrun.journal import Entry, Journal, code_hash, fingerprint, study_lock

HOUSE = Path(batch.__file__).parent.parent


@pytest.fixture
def built(tmp_path):
    """Return a copy of the study that has been run, to change at will."""
    return shutil.copytree(built_study(), tmp_path / "built")


def processed(folder):
    return folder / "data" / "processed" / NAME


def entries(folder):
    return json.loads((processed(folder) / "run.json").read_text("utf-8"))["tasks"]


def pages(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.html")}


def test_a_failure_stops_only_its_own_notebook(built):
    found = {key: entry["status"] for key, entry in entries(built).items()}
    assert found.pop("0180/30_support_costs") == "failed"
    assert set(found.values()) == {"done"}
    reports = {f"{code}/90_report/{each}" for code in CODES for each in ("sv", "en")}
    overviews = {"all/95_overview/sv", "all/95_overview/en"}
    assert reports | overviews | {"1290/30_support_costs", "0180/00_data_quality"} < set(found)
    site = {f"{code}/{each}/index.html" for code in (*CODES, "overview") for each in ("sv", "en")}
    fronts = {
        f"{place}{name}.html" for place in ("", "en/") for name in ("index", "columns", "words")
    }
    assert set(pages(processed(built) / "site")) == site | fronts
    assert {path.parent.name for path in (processed(built) / "site").glob("*/*.csv")} == set(CODES)


def test_what_failed_has_no_results_and_is_said_on_the_site(built):
    home = processed(built)
    assert not (home / "results/municipality=0180/30_support_costs.parquet").exists()
    assert not (home / "inside/0180/30_support_costs.html").exists()
    assert (home / "inside/0180/30_support_costs.failed.ipynb").exists()
    assert "Saknas den här gången: försörjningsstöd." in (home / "site/index.html").read_text()


def test_no_error_text_leaves_the_notebook(built):
    home = processed(built)
    told = [path for path in home.rglob("*") if path.is_file()]
    assert not [path for path in told if b"19121212-1212" in path.read_bytes()]
    failed = json.loads((home / "inside/0180/30_support_costs.failed.ipynb").read_text("utf-8"))
    [error] = [each for cell in failed["cells"] for each in cell.get("outputs", ())]
    assert (error["ename"], error["evalue"]) == ("ValueError", "")
    assert error["traceback"] == ["Cell In[3], line 4"]
    assert entries(built)["0180/30_support_costs"]["error"] == "Cell 3 stopped with ValueError."


def test_a_second_run_does_the_failed_one_only(built):
    outcome = run_in(built, languages=("sv", "en"))
    assert outcome.failures == ["0180/30_support_costs: Cell 3 stopped with ValueError."]
    assert (outcome.done, outcome.unchanged, outcome.exit_code) == (0, 9, 3)


def test_an_unchanged_run_imports_nothing_that_takes_time(built):
    shutil.rmtree(built / "notebooks")
    write_notebooks(built / "notebooks", failing=())
    first = run_in(built, languages=("sv", "en"))
    assert first.exit_code == 0 and not first.failures
    before = pages(processed(built) / "site")
    assert "Saknas" not in before["index.html"].decode()
    code = (
        "import sys; from hfrun import batch; from pathlib import Path\n"
        f"o = batch.run_study({NAME!r}, notebook_folder=Path({str(built / 'notebooks')!r}))\n"
        "heavy = {'papermill', 'nbconvert', 'nbclient', 'matplotlib', 'statsmodels', 'sklearn'}\n"
        "print(o.done, o.unchanged, o.exit_code, sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"HFCORE_DATA": str(built / "data")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "0 10 0 []\n"
    assert pages(processed(built) / "site") == before


def test_changed_tables_of_one_municipality_are_the_only_ones_done_again(built):
    path = processed(built) / "tables/households/municipality=1290/part.parquet"
    # Fewer than five would keep the figures of the first release.
    pd.read_parquet(path).iloc[5:].to_parquet(path, index=False)
    before = {key: entry["fingerprint"] for key, entry in entries(built).items()}
    outcome = run_in(built, municipalities=["1290"], languages=("sv", "en"))
    changed = {key for key, entry in entries(built).items() if entry["fingerprint"] != before[key]}
    assert {"1290/00_data_quality", "1290/30_support_costs", "1290/90_report/sv"} <= changed
    assert not [key for key in changed if key.startswith("0180")]
    assert outcome.failures == []


def test_a_page_that_is_gone_or_touched_is_made_again(built):
    page = processed(built) / "inside/1290/00_data_quality.html"
    original = page.read_bytes()
    page.write_text("touched")
    run_in(built, municipalities=["1290"], notebooks=["00_data_quality"], inside_only=True)
    assert page.read_bytes() == original


def test_inside_only_publishes_nothing(tmp_path):
    write_data(tmp_path / "data")
    write_notebooks(tmp_path / "notebooks")
    outcome = run_in(tmp_path, notebooks=["00_data_quality"], inside_only=True)
    assert (outcome.done, outcome.site) == (2, None)
    made = {path.name for path in processed(tmp_path).iterdir()}
    assert made == {".lock", "inside", "results", "run.json", "tables"}


def test_a_municipality_that_is_not_ingested_is_told_and_the_others_are_done(tmp_path):
    write_data(tmp_path / "data")
    write_notebooks(tmp_path / "notebooks")
    shutil.rmtree(processed(tmp_path) / "tables/households/municipality=0180")
    outcome = run_in(tmp_path, notebooks=["00_data_quality"], inside_only=True)
    sentence = "It is not ingested; do first: hfcore ingest liten-studie"
    assert outcome.failures == [f"0180/00_data_quality: {sentence}"]
    assert outcome.done == 1


def test_usage_mistakes_are_told_before_anything_is_done(tmp_path):
    write_data(tmp_path / "data")
    write_notebooks(tmp_path / "notebooks")
    with pytest.raises(UsageError, match="no notebook 11_no; there are: 00_data_quality, 30_sup"):
        run_in(tmp_path, notebooks=["11_no"])
    with pytest.raises(UsageError, match=r"it has: 0180 .*, 1290"):
        run_in(tmp_path, municipalities=["180"])
    shutil.rmtree(processed(tmp_path) / "tables")
    with pytest.raises(UsageError, match="do first: hfcore ingest liten-studie"):
        run_in(tmp_path)
    assert not (processed(tmp_path) / "run.json").exists()


def test_two_runs_at_once_are_refused(built):
    with study_lock(processed(built)), pytest.raises(LockedError) as caught:
        run_in(built)
    assert caught.value.exit_code == 4
    assert str(caught.value) == (
        "Another run is working on the study liten-studie: wait until it has ended."
    )


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_an_ended_run_leaves_the_earlier_site_whole(built, how, code):
    before = pages(processed(built) / "site")
    script = (
        "import sys; from functools import partial\n"
        "from hfrun import batch, cli\n"
        "from pathlib import Path\n"
        f"batch.NOTEBOOKS = Path({str(built / 'notebooks')!r})\n"
        "batch.run_study = partial(batch.run_study, notebook_folder=batch.NOTEBOOKS)\n"
        "print('ready', flush=True)\n"
        f"cli.main(['run', {NAME!r}, '--force'])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        env=os.environ | {"HFCORE_DATA": str(built / "data")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    time.sleep(3)
    process.send_signal(how)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code
    assert code < 0 or "Interrupted" in said
    assert "Traceback" not in said
    assert pages(processed(built) / "site") == before
    run_in(built, municipalities=["1290"], notebooks=["00_data_quality"])


def test_pages_say_what_they_are(built):
    home = processed(built)
    for path in (home / "inside").rglob("*.html"):
        text = path.read_text("utf-8")
        assert "Omfattas av sekretess" in text and "Under secrecy" in text, path.name
        assert "Simulated households" in text and "<details" in text
    for path in (home / "site").rglob("*.html"):
        text = path.read_text("utf-8")
        assert "sekretess" not in text and "class='code'" not in text, path.name
        language = "en" if "/en/" in path.as_posix() else "sv"
        assert f'<html lang="{language}">' in text
        assert html_pages.texts(language)["simulated"] in text
        assert "inside/" not in text


def test_pages_are_light_and_tell_nothing_of_raw_files_or_places(built):
    home = processed(built)
    for path in (home / "site").rglob("*.*"):
        assert path.stat().st_size < html_pages.MAX_BYTES
        assert b"SECRETNAME" not in path.read_bytes()
        assert str(built_study()).encode() not in path.read_bytes()


def test_names_and_computed_texts_are_never_markup(built):
    page = (processed(built) / "site/0180/sv/index.html").read_text("utf-8")
    assert "Stor &amp; &lt;b&gt;stad&lt;/b&gt;" in page
    assert "<b>stad" not in page
    assert "&lt;i&gt;" in page


def test_protected_rows_are_one_file_for_other_programs(built):
    rows = pd.read_csv(processed(built) / "protected/results.csv", dtype={"municipality": "str"})
    assert set(rows["municipality"]) == set(CODES)
    assert {"protection", "base"} <= set(rows) and not {"key_n", "largest"} & set(rows)
    copy = (processed(built) / "site/results.csv").read_bytes()
    assert copy == (processed(built) / "protected/results.csv").read_bytes()


def test_results_that_no_run_made_are_not_protected(built):
    home = processed(built)
    own = home / "results/municipality=1290/00_data_quality.parquet"
    shutil.copy(own, own.with_name("77_by_hand.parquet"))
    stray = home / "protected/municipality=1290/77_by_hand.parquet"
    stray.write_bytes(b"x")
    run_in(built, municipalities=["1290"], notebooks=["00_data_quality"])
    assert not stray.exists()


def test_the_plan_has_each_notebook_for_each_reader(tmp_path):
    folder = write_notebooks(tmp_path)
    planned = tasks.plan(CODES, tasks.find_notebooks(folder), ("sv",))
    assert [task.key for task in planned] == [
        "0180/00_data_quality",
        "1290/00_data_quality",
        "0180/30_support_costs",
        "1290/30_support_costs",
        "0180/90_report/sv",
        "1290/90_report/sv",
        "all/95_overview/sv",
    ]
    assert planned[4].parameters("x") == {
        "study": "x",
        "municipality": "0180",
        "language": "sv",
    }


def test_a_journal_that_is_broken_counts_as_empty(tmp_path):
    path = tmp_path / "run.json"
    for text in ("", "{", "[]", '{"schema": 1}', '{"schema": 1, "tasks": {"a": {"x": 1}}}'):
        path.write_text(text)
        assert Journal(path).entries == {}


def test_a_task_is_done_only_with_the_same_input_and_its_files(tmp_path):
    journal = Journal(tmp_path / "run.json")
    journal.write("a", Entry("done", "mark", outputs={"gone.html": "0" * 64}))
    journal.write("b", Entry("done", "mark"))
    journal.write("c", Entry("failed", "mark"))
    journal.save()
    again = Journal(tmp_path / "run.json")
    assert [again.is_done(key, "mark") for key in "abcd"] == [False, True, False, False]
    assert not again.is_done("b", "other")


def test_fingerprints_tell_apart():
    assert fingerprint("a", "b") != fingerprint("ab") != fingerprint("b", "a")
    assert len(code_hash()) == 64


@pytest.mark.parametrize("exchange", [True, False])
def test_a_new_site_takes_the_place_of_the_old_in_one_step(tmp_path, monkeypatch, exchange):
    if not exchange:
        monkeypatch.setattr(publication, "_exchange", lambda one, other: False)
    places = [tmp_path / name for name in ("new", "site", "old")]
    for round_ in ("first", "second"):
        places[0].mkdir()
        (places[0] / "index.html").write_text(round_)
        publication._swap(*places)
        assert [path.name for path in tmp_path.iterdir()] == ["site"]
        assert (places[1] / "index.html").read_text() == round_


def test_a_notebook_whose_tables_are_absent_is_not_applicable(built):
    books = built / "notebooks"
    book = json.loads((books / "00_data_quality.ipynb").read_text("utf-8"))
    book["metadata"]["needs"] = ["budget"]
    (books / "50_resources.ipynb").write_text(json.dumps(book), "utf-8")
    outcome = run_in(built, notebooks=["50_resources"])
    assert (outcome.failures, outcome.not_applicable, outcome.exit_code) == ([], len(CODES), 0)
    assert "Uppgifter saknas: resurser." in (processed(built) / "site/index.html").read_text()
    book["metadata"]["needs"] = ["budgets"]
    (books / "50_resources.ipynb").write_text(json.dumps(book), "utf-8")
    with pytest.raises(UsageError, match="needs budgets, which is no table"):
        run_in(built, notebooks=["50_resources"])
