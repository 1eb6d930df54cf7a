"""What is put in place: a site that the audit lets through, and what is kept of each release."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import date, timedelta

import pandas as pd
import pytest
from small_study import CODES, NAME, built_study, run_in

from hfcore import store
from hfcore.errors import LeakError
from hfpublish.audit import releases
from hfrun import cli, publication

HOME = ("data", "processed", NAME)


@pytest.fixture
def built(tmp_path, monkeypatch):
    """Return a copy of the study that has been run; hfcore reads and writes below it."""
    folder = shutil.copytree(built_study(), tmp_path / "built")
    monkeypatch.setenv("HFCORE_DATA", str(folder / "data"))
    return folder


def content(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}


def grow(folder, code, count):
    """Let so many more households be in a municipality's tables."""
    path = folder.joinpath(*HOME) / f"tables/households/municipality={code}/part.parquet"
    old = pd.read_parquet(path)
    new = pd.DataFrame({"household_id": [f"n{k}" for k in range(count)]})
    new = new.assign(group="participant", adults=1)
    pd.concat([old, new]).to_parquet(path, index=False)


def age(folder, days):
    """Let the only release be so many days old."""
    place = folder.joinpath(*HOME) / "releases"
    [only] = place.iterdir()
    only.rename(place / (date.today() - timedelta(days=days)).isoformat())


def run_counts(folder):
    return run_in(folder, municipalities=["1290"], notebooks=["00_data_quality"])


def shown(code="1290"):
    rows = store.read_protected(NAME, code, "00_data_quality")
    return rows.loc[rows["metric"].eq("households"), ["estimate", "n"]].iloc[0].tolist()


@pytest.fixture
def without_noise(monkeypatch):
    """Leave the rule on counts out of disclosure control."""
    from hfpublish import disclosure

    rules = tuple(each for each in disclosure.RULES if each[0] not in (1, 14))
    monkeypatch.setattr(disclosure.protect, "__defaults__", (None, None, rules))


def small_counts(folder):
    """Make the notebook on data quality tell of two households, in a text that runs."""
    path = folder / "notebooks" / "00_data_quality.ipynb"
    text = path.read_text(encoding="utf-8").replace("n = len(households)", "n = 2")
    path.write_text(text, encoding="utf-8")


def test_a_leak_is_refused_and_the_earlier_site_stands(built, without_noise):
    site = built.joinpath(*HOME) / "site"
    before, kept = content(site), sorted((site.parent / "releases").iterdir())
    rows = content(site.with_name("protected"))
    small_counts(built)
    with pytest.raises(LeakError) as caught:
        run_in(built, notebooks=["00_data_quality"])
    assert caught.value.exit_code == 5
    told = str(caught.value)
    assert "small or unmoved count, rule 1, 1290 households" in told
    assert content(site) == before
    assert not site.with_name("site.new").exists()
    assert content(site.with_name("protected")) == rows
    assert not site.with_name(store.WAITING).exists()
    assert sorted((site.parent / "releases").iterdir()) == kept


def test_the_command_line_tells_a_leak_with_its_own_code(built):
    small_counts(built)
    script = (
        "from functools import partial; from pathlib import Path\n"
        "from hfpublish import disclosure\nfrom hfrun import batch, cli\n"
        "rules = tuple(each for each in disclosure.RULES if each[0] != 1)\n"
        "disclosure.protect.__defaults__ = (None, None, rules)\n"
        f"folder = Path({str(built / 'notebooks')!r})\n"
        "batch.run_study = partial(batch.run_study, notebook_folder=folder)\n"
        f"cli.main(['run', {NAME!r}, '--notebook', '00_data_quality'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=os.environ, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 5, done.stderr
    assert done.stdout == ""
    assert "nothing was published and the earlier site stands" in done.stderr
    assert "Traceback" not in done.stderr
    # What stands is what stood before: no leaking row lies where rows are taken from.
    assert cli.run_command(["audit", NAME]) == 0


def test_a_leak_in_a_page_is_refused_too(built, monkeypatch):
    site = built.joinpath(*HOME) / "site"
    before = content(site)
    monkeypatch.setattr(
        "hfpublish.site.write_front_pages",
        lambda folder, *_: (folder / "index.html").write_text("8112189876"),
    )
    with pytest.raises(LeakError) as caught:
        run_in(built, municipalities=["1290"], notebooks=["00_data_quality"], force=True)
    assert "bytes, site.new/index.html: It holds a personal number." in str(caught.value)
    assert "811218" not in str(caught.value)
    assert content(site) == before


def test_many_leaks_are_told_in_part():
    found = pd.DataFrame({"attack": "bytes", "rule": 0, "where": "x", "found": "It."}, range(25))
    told = publication.leak_sentence(found).splitlines()
    assert "25 leaks" in told[0] and len(told) == 22
    assert told[-1] == "- and 5 more; hfcore audit lists all."


def test_a_release_keeps_what_a_site_was_made_from(built):
    [kept] = (built.joinpath(*HOME) / "releases").iterdir()
    assert kept.name == date.today().isoformat()
    assert {path.name for path in kept.iterdir()} == {
        "results.parquet",
        "protected.parquet",
        "tables.json",
    }
    now = store.read_protected(NAME, "*")
    pd.testing.assert_frame_equal(pd.read_parquet(kept / "protected.parquet"), now)


def test_an_unchanged_run_makes_no_new_release(built):
    places = built.joinpath(*HOME) / "releases"
    before = content(places)
    run_in(built, force=True, municipalities=["1290"], notebooks=["00_data_quality"])
    run_in(built)
    assert content(places) == before


@pytest.mark.parametrize(
    ("newcomers", "days", "moves"), [(4, 90, False), (5, 90, True), (4, 91, True)]
)
def test_few_newcomers_wait_for_a_quarter(built, newcomers, days, moves):
    before, other = shown(), shown("0180")
    age(built, days)
    grow(built, "1290", newcomers)
    assert run_counts(built).failures == []
    exact = store.read_results(NAME, "1290", "00_data_quality")["n"].iloc[0]
    assert exact == 30 + newcomers
    assert (shown() != before) == moves
    assert shown("0180") == other
    assert len(list((built.joinpath(*HOME) / "releases").iterdir())) == 1 + moves


def test_newcomers_add_up_over_releases(built):
    before = shown()
    for _ in range(2):
        grow(built, "1290", 3)
        run_counts(built)
    assert shown() != before
    kept = releases.earlier(NAME)[-1]
    assert (kept.name, kept.codes) == (f"{date.today().isoformat()}-2", frozenset())


def test_a_corrected_method_is_published_at_once(built):
    """The same tables: nobody came or went, so nothing has to wait."""
    before = shown()
    path = built / "notebooks" / "00_data_quality.ipynb"
    text = path.read_text(encoding="utf-8").replace("n = len(households)", "n = 33")
    path.write_text(text, encoding="utf-8")
    run_counts(built)
    assert shown() != before


def test_a_release_that_moved_by_few_is_refused(built, monkeypatch):
    """Without rule 15 the second release would tell who came."""
    monkeypatch.setattr(
        "hfpublish.disclosure.publication_rules.frozen", lambda results, *_: results
    )
    grow(built, "1290", 4)
    with pytest.raises(LeakError, match="difference of releases, rule 15, 1290 households"):
        run_counts(built)


def test_every_municipality_is_bound_by_its_own_tables_only(built):
    grow(built, CODES[1], 1)
    [kept] = releases.earlier(NAME)
    assert kept.codes == {CODES[1], "all"}
    publication = store.load_study(NAME).publication
    assert releases.binding([kept], CODES[0], publication) == []
    assert releases.binding([kept], CODES[1], publication) == [kept.name]
