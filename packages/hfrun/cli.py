"""The command line: ``hfcore demo | ingest | check | run | audit | claims``.

Results go to standard output, everything else to standard error. Imports that take time stand in
the commands that need them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from hfcore.errors import HfcoreError, LeakError, PartlyDoneError, RawDataError, UsageError, as_list

LATER_OPTIONS = {
    "--scheduler": "hfcore cannot use a cluster: leave out --scheduler, and --workers sets how "
    "many notebooks run at once on this machine.",
}
INTERRUPTED = 130
WEIGHTS = ("Stops whole files", "Stops rows", "Goes on and is counted")

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="From a municipality's exports to a site of reports on what became of its households.",
)


class Language(StrEnum):
    """The languages that reports are made in."""

    sv = "sv"
    en = "en"
    both = "both"


OneStudy = Annotated[
    str | None, typer.Argument(metavar="STUDY", help="Name of the study, a folder below raw/.")
]
Study = Annotated[
    str, typer.Argument(metavar="STUDY", help="Name of the study, a folder below raw/.")
]
Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="Folder with raw/ and processed/ below it."),
]
Codes = Annotated[
    list[str] | None,
    typer.Option("--municipality", metavar="CODE", help="Only this one (repeatable)."),
]
Memory = Annotated[
    str, typer.Option(metavar="SIZE", help="What all processes together may take, as 2GB.")
]
KeyFile = Annotated[
    Path | None, typer.Option("--key-file", metavar="FILE", help="The key that makes pseudonyms.")
]


@app.command(epilog="Example: hfcore demo nation --municipalities 290 --households 60 --seed 1")
def demo(
    study: Study,
    municipalities: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Municipalities beyond its own.")
    ] = None,
    households: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Participants in each; controls × 3.")
    ] = None,
    effect: Annotated[
        float | None, typer.Option(metavar="SEK", help="True effect per household and month.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Another seed, other households.")] = 1,
    clean: Annotated[bool, typer.Option("--clean", help="Without the mess of real files.")] = False,
    data: Data = None,
) -> None:
    """Simulate a study's raw files; the bundled ones are hela-familjen and hasky."""
    _use_data(data)
    from hfcore.store import data_root
    from hfdemo.demo_files import write_demo

    print(write_demo(study, data_root() / "raw", municipalities, households, effect, seed, clean))


@app.command(epilog="Example: hfcore ingest hela-familjen --municipality 1290")
def ingest(
    study: OneStudy = None,
    key_file: KeyFile = None,
    municipality: Codes = None,
    workers: Annotated[
        int, typer.Option(metavar="N", min=1, help="Municipalities read at once.")
    ] = 1,
    memory: Memory = "2GB",
    suggest: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Print a draft of this file's mapping; read no study."),
    ] = None,
    data: Data = None,
) -> None:
    """Turn raw files into tables; print what was read, kept and quarantined."""
    _use_data(data)
    if suggest is not None:
        _draft_mapping(suggest)
        return
    if study is None:
        raise UsageError("Name the study, or a file after --suggest.")
    when_stopped = "Some file or row could not be taken; the rest is done."
    _take_in(when_stopped, memory, study, municipality or (), key_file, workers)


def _draft_mapping(file: Path) -> None:
    from hfrun.draft_mapping import suggest_source

    if not file.is_file():
        raise UsageError("There is no file of that name.")
    typer.echo(suggest_source(file).text)


@app.command(epilog="Example: hfcore check hela-familjen")
def check(
    study: Study,
    key_file: KeyFile = None,
    municipality: Codes = None,
    memory: Memory = "2GB",
    data: Data = None,
) -> None:
    """Do the checks of ingest and write nothing."""
    _use_data(data)
    when_stopped = "Some file or row could not be taken. This would be kept; nothing was written."
    _take_in(when_stopped, memory, study, municipality or (), key_file, write=False)


@app.command(epilog="Example: hfcore run hela-familjen --municipality 1290 --language sv")
def run(
    study: Study,
    municipality: Codes = None,
    notebook: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this one, such as 10_trajectories (repeatable)."),
    ] = None,
    language: Annotated[Language, typer.Option(help="Language of the reports.")] = Language.both,
    workers: Annotated[
        int, typer.Option(metavar="N", min=1, help="Notebooks executed at once.")
    ] = 2,
    force: Annotated[bool, typer.Option("--force", help="Do again what is unchanged.")] = False,
    inside_only: Annotated[
        bool, typer.Option("--inside-only", help="Only the pages under secrecy; no site.")
    ] = False,
    data: Data = None,
) -> None:
    """Execute the notebooks, protect their results, make the reports and the site."""
    _use_data(data)
    from hfrun.batch import run_study
    from hfrun.progress import progress_bar

    languages = ("sv", "en") if language is Language.both else (language.value,)
    with progress_bar() as progress:
        outcome = run_study(
            study,
            municipality or (),
            notebook or (),
            languages,
            workers=workers,
            force=force,
            inside_only=inside_only,
            progress=progress,
        )
    if outcome.site:
        print(outcome.site)
    absent = outcome.not_applicable
    _say(
        f"{outcome.done} notebooks executed, {outcome.unchanged} unchanged"
        f"{f', {absent} not applicable (tables absent)' if absent else ''}."
    )
    if outcome.failures:
        count = len(outcome.failures)
        raise PartlyDoneError(f"{count} failed; the rest is done.\n{as_list(outcome.failures)}")


@app.command(epilog="Example: hfcore audit hela-familjen")
def audit(study: Study, data: Data = None) -> None:
    """Attack what would be published; print what leaks."""
    _use_data(data)
    from hfpublish.audit import audit_study

    found = audit_study(study)
    if len(found):
        print(found.to_csv(index=False, sep="\t", lineterminator="\n"), end="")
        raise LeakError(f"{len(found)} leaks were found: nothing of this may be published.")
    _say("No leak was found.")


@app.command(epilog="Example: hfcore claims data/raw/published_figures.csv")
def claims(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of published figures.")],
    language: Annotated[Language, typer.Option(help="Language of the sentences.")] = Language.sv,
) -> None:
    """Recompute published figures from their parts; print those that contradict."""
    from hfclaims import check_claims, contradictions, read_claims

    checks = check_claims(read_claims(file))
    wrong = contradictions(checks)
    languages = ("sv", "en") if language is Language.both else (language.value,)
    for row in wrong.to_dict("records"):
        for each in languages:
            print(f"{row['claim_id']} ({row['rule']}): {row[f'sentence_{each}']}")
    decided = int(checks["agrees"].notna().sum())
    _say(f"{decided} checks, {len(wrong)} contradictions.")


def _use_data(folder: Path | None) -> None:
    """Make every module read and write below the folder named by ``--data``."""
    if folder is not None:
        if not folder.is_dir():
            raise UsageError("The folder given with --data does not exist.")
        os.environ["HFCORE_DATA"] = str(folder.resolve())


def _take_in(when_stopped: str, memory: str, *arguments: Any, **options: Any) -> None:
    """Ingest; say what is wrong, the most important first, and end with what is kept."""
    from hfcore.clean.rules import sentences
    from hfrun.ingest import ingest_study
    from hfrun.memory_budget import read_size

    report = ingest_study(*arguments, memory=read_size(memory), **options)
    for stops, kind in groupby(report.problems, key=lambda each: each.weight):
        _say(f"{WEIGHTS[stops]}:")
        for sentence in sentences(list(kind)):
            _say(f"  {sentence}")
    print(report.counts.to_csv(index=False, sep="\t", lineterminator="\n"), end="")
    if report.has_errors:
        raise RawDataError(when_stopped)


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def main(arguments: list[str] | None = None) -> None:
    """Run a command and leave the process with the exit code that tells how it went."""
    sys.exit(run_command(sys.argv[1:] if arguments is None else arguments))


def run_command(arguments: list[str]) -> int:
    """Run a command; return its exit code, having said in a sentence what went wrong."""
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _refuse_later_options(arguments)
        code = app(arguments, standalone_mode=False) or 0
        if code == INTERRUPTED:  # typer swallows the interruption itself
            raise KeyboardInterrupt
        return code
    except HfcoreError as error:
        _say(str(error))
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        _say("Interrupted; what was done is kept.")
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        return _unforeseen(error)


def _refuse_later_options(arguments: list[str]) -> None:
    for argument in arguments:
        sentence = LATER_OPTIONS.get(argument.partition("=")[0])
        if sentence:
            raise UsageError(sentence)


def _unforeseen(error: Exception) -> int:
    """Say what is known of an error that is not the project's own, without its text."""
    if isinstance(error, TyperException):
        error.show()
        return UsageError.exit_code
    if os.environ.get("HFCORE_DEBUG"):
        raise error
    kind = type(error).__name__
    _say(f"hfcore met a fault of its own ({kind}); HFCORE_DEBUG=1 shows where.")
    return 1
