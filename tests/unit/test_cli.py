"""The command line: exit codes, sentences, and what goes to which stream."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from small_study import NAME, write_data

from hfcore import errors
from hfcore.clean.rules import most_important_first
from hfrun import batch, cli, ingest
from hfrun.tasks import Outcome

COMMANDS = ("demo", "ingest", "check", "run", "audit", "claims")
HEAVY = "pandas numpy papermill nbconvert nbclient matplotlib seaborn sklearn statsmodels babel"


@pytest.fixture
def ran(monkeypatch):
    """Return the calls that would have run a study, which end as ``ran.outcome`` says."""

    class Calls(list):
        outcome: object = Outcome()

    calls = Calls()

    def run_study(*args, **options):
        calls.append((args, options))
        if isinstance(calls.outcome, BaseException):
            raise calls.outcome
        return calls.outcome

    monkeypatch.setattr(batch, "run_study", run_study)
    monkeypatch.delenv("HFCORE_DATA", raising=False)
    monkeypatch.delenv("HFCORE_DEBUG", raising=False)
    return calls


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself_with_an_example(command, capsys):
    assert cli.run_command([command, "--help"]) == 0
    assert f"Example: hfcore {command} " in " ".join(capsys.readouterr().out.split())


def test_help_loads_nothing_that_takes_time():
    code = (
        "import sys; from hfrun import cli\n"
        "assert cli.run_command(['--help']) == 0\n"
        f"print(sorted(set({HEAVY.split()!r}) & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"
    assert all(command in done.stdout for command in COMMANDS)


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["runn"],
        ["run", NAME, "--bogus"],
        ["run", NAME, "--workers", "0"],
        ["run", NAME, "--language", "de"],
        ["run", NAME, "--data", "no-such-folder"],
        ["run", "no-such-study"],
        ["run", "../x"],
        ["check", "no-such-study"],
        ["claims", "no-such-file.csv"],
    ],
)
def test_wrong_usage_is_a_sentence_and_2(arguments, capsys):
    assert cli.run_command(arguments) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.strip() and "Traceback" not in said.err


@pytest.mark.parametrize("option", ["--scheduler", "--scheduler=tcp://x:1"])
def test_an_option_that_is_not_there_says_what_to_do_instead(option, capsys):
    assert cli.run_command(["run", NAME, option]) == 2
    assert "hfcore cannot use a cluster: leave out --scheduler" in capsys.readouterr().err


def test_a_draft_of_a_mapping_needs_no_study(tmp_path, capsys):
    export = tmp_path / "export.csv"
    export.write_text("Ärendenr;Månad;Belopp\nA1;2020-01;8 432,50\nA2;2020-02;7 100,00\n", "utf-8")
    assert cli.run_command(["ingest", "--suggest", str(export)]) == 0
    draft = capsys.readouterr().out
    assert '[[sources]]\ntable = "payments"' in draft
    assert "A1" not in draft and "8 432" not in draft


def test_a_draft_of_no_file_and_ingest_of_no_study_are_sentences(tmp_path, capsys):
    assert cli.run_command(["ingest", "--suggest", str(tmp_path / "none.csv")]) == 2
    assert cli.run_command(["ingest"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "There is no file of that name.",
        "Name the study, or a file after --suggest.",
    ]


def test_codes_reach_the_run_as_text(ran):
    arguments = [
        "run",
        NAME,
        "--municipality",
        "0180",
        "--municipality",
        "0114",
        "--language",
        "en",
    ]
    assert cli.run_command([*arguments, "--notebook", "10_trajectories", "--force"]) == 0
    args, options = ran[0]
    assert args == (NAME, ["0180", "0114"], ["10_trajectories"], ("en",))
    assert (options["workers"], options["force"], options["inside_only"]) == (2, True, False)


def test_the_data_folder_is_told_to_every_module(ran, tmp_path):
    assert cli.run_command(["run", NAME, "--data", str(tmp_path)]) == 0
    assert os.environ["HFCORE_DATA"] == str(tmp_path)


def test_the_page_to_open_is_the_only_result(ran, capsys):
    ran.outcome = Outcome(done=2, unchanged=1, site=Path("site/index.html"))
    assert cli.run_command(["run", NAME]) == 0
    said = capsys.readouterr()
    assert said.out == "site/index.html\n"
    assert said.err == "2 notebooks executed, 1 unchanged.\n"


def test_what_failed_is_listed_and_3(ran, capsys):
    ran.outcome = Outcome(
        1, 0, failures=["1290/10_x: Cell 3 stopped.", "1293/10_x: Cell 3 stopped."]
    )
    assert cli.run_command(["run", NAME]) == 3
    assert capsys.readouterr().err.splitlines()[1:] == [
        "2 failed; the rest is done.",
        "- 1290/10_x: Cell 3 stopped.",
        "- 1293/10_x: Cell 3 stopped.",
    ]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.HfcoreError("It is so."), 1),
        (errors.StudyError("It is so."), 2),
        (errors.RawDataError("It is so."), 3),
        (errors.LockedError("It is so."), 4),
        (errors.LeakError("It is so."), 5),
    ],
)
def test_each_kind_of_mistake_has_its_exit_code(ran, capsys, error, code):
    ran.outcome = error
    assert cli.run_command(["run", NAME]) == code
    assert capsys.readouterr().err == "It is so.\n"


def test_an_unforeseen_error_tells_nothing_of_the_data(ran, capsys):
    ran.outcome = ValueError("household 19121212-1212")
    assert cli.run_command(["run", NAME]) == 1
    said = capsys.readouterr()
    assert said.err == "hfcore met a fault of its own (ValueError); HFCORE_DEBUG=1 shows where.\n"
    assert said.out == ""


def test_with_debug_the_error_itself_is_seen(ran, monkeypatch):
    monkeypatch.setenv("HFCORE_DEBUG", "1")
    ran.outcome = ValueError("where")
    with pytest.raises(ValueError, match="where"):
        cli.run_command(["run", NAME])


def test_an_interruption_is_130(ran, capsys):
    ran.outcome = KeyboardInterrupt()
    assert cli.run_command(["run", NAME]) == 130
    assert "Interrupted; what was done is kept." in capsys.readouterr().err


def test_being_asked_to_end_counts_as_an_interruption():
    code = (
        "import os, signal, time; from hfrun import batch, cli\n"
        "batch.run_study = lambda *a, **o: (os.kill(os.getpid(), signal.SIGTERM), time.sleep(9))\n"
        f"cli.main(['run', {NAME!r}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr.strip() == "Interrupted; what was done is kept."


def test_a_reader_that_leaves_early_is_no_fault():
    command = f"{sys.executable} -m hfrun --help | head -c 1 > /dev/null"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_problems_of_an_intake_are_told_and_3(monkeypatch, tmp_path, capsys):
    import pandas as pd

    counts = pd.DataFrame({"table": ["households"], "read": [3], "kept": [2], "quarantined": [1]})
    found = [
        errors.Problem("W-SERIAL", "a.csv", "Converted.", "Omräknat.", rows=(3,), count=1),
        errors.Problem("E-DATE", "a.csv", "Write dates so.", "Skriv så.", rows=(3,), count=1),
        errors.Problem("E-HEADER", "b.csv", "Name it so.", "Kalla den så."),
    ]
    calls = []

    def ingest_study(*args, **options):
        calls.append((args, options))
        return ingest.IngestReport(counts, most_important_first(found))

    monkeypatch.setattr(ingest, "ingest_study", ingest_study)
    monkeypatch.setenv("HFCORE_DATA", str(write_data(tmp_path / "data")))
    options = ["--municipality", "0180", "--workers", "2", "--memory", "500MB"]
    assert cli.run_command(["ingest", NAME, *options]) == 3
    said = capsys.readouterr()
    assert said.out == "table\tread\tkept\tquarantined\nhouseholds\t3\t2\t1\n"
    assert said.err.splitlines() == [
        "Stops whole files:",
        "  E-HEADER b.csv: Name it so.",
        "Stops rows:",
        "  E-DATE a.csv, row 3: Write dates so.",
        "Goes on and is counted:",
        "  W-SERIAL a.csv, row 3: Converted.",
        "Some file or row could not be taken; the rest is done.",
    ]
    assert cli.run_command(["check", NAME]) == 3
    said = capsys.readouterr()
    assert said.err.splitlines()[-1].endswith("This would be kept; nothing was written.")
    assert calls == [
        ((NAME, ["0180"], None, 2), {"memory": 500_000_000}),
        ((NAME, (), None), {"write": False, "memory": 2_000_000_000}),
    ]


def test_published_figures_that_contradict_are_printed(tmp_path, capsys):
    path = tmp_path / "figures.csv"
    path.write_text(
        "claim_id,source,place,municipality,metric,group,at,value,unit,numerator,denominator,"
        "period,note\n"
        "a,report,p. 1,1290,closure_share_naive,participant,,14.8,percent,4,29,,\n"
        "b,report,p. 1,1290,closure_share_naive,participant,,50,percent,5,10,,\n",
        encoding="utf-8",
    )
    assert cli.run_command(["claims", str(path), "--language", "en"]) == 0
    said = capsys.readouterr()
    assert [line.split()[0] for line in said.out.splitlines()] == ["a"]
    assert said.err.endswith("1 contradictions.\n")


def test_the_signal_of_the_tests_is_left_as_it_was():
    before = signal.getsignal(signal.SIGTERM)
    cli.run_command(["--help"])
    assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
    signal.signal(signal.SIGTERM, before)
