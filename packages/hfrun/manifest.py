"""What became of a drop: files, rows, rules broken, in ``ingest.json``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from hfcore.clean.municipality_cleaning import CleanedMunicipality
from hfcore.errors import Problem
from hfcore.identity import Key
from hfcore.study import Study

ACCOUNT = "ingest.json"
SCHEMA = 1


def read_account(folder: Path) -> dict:
    """The account of the drops taken in so far; empty before the first."""
    try:
        account = json.loads((folder / ACCOUNT).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    return account if isinstance(account, dict) else {}


def forget_states(account: dict, codes: list[str]) -> dict:
    """The account as it must stand while tables are exchanged: these are not to be relied on."""
    kept = {code: state for code, state in account.get("states", {}).items() if code not in codes}
    return account | {"states": kept} if account else {}


def build_account(
    before: dict,
    done: list[CleanedMunicipality],
    study: Study,
    key: Key,
    problems: list[Problem],
    states: dict[str, str],
) -> dict:
    """The account of this drop, with what is known of municipalities not taken in this time."""
    others = set(study.codes) - {each.municipality for each in done}

    def kept(part: str) -> list[dict]:
        return [row for row in before.get(part, []) if row["municipality"] in others]

    found = [asdict(each) for intake in done for each in intake.problems]
    found += [asdict(each) for each in problems]
    files = kept("files") + [row for each in done for row in each.files]
    counts = kept("tables") + [row for each in done for row in each.counts]
    ordered = sorted(
        kept("problems") + json.loads(json.dumps(found)),
        key=lambda row: (row["municipality"], row["table"], row["rule"], json.dumps(row)),
    )
    return {
        "schema": SCHEMA,
        "study": study.name,
        "key_fingerprint": key.fingerprint,
        "key_is_simulated": key.is_simulated,
        "states": dict(sorted((before.get("states", {}) | states).items())),
        "tables": sorted(counts, key=lambda row: (row["municipality"], row["table"])),
        "rules": _rule_counts(ordered),
        "problems": ordered,
        "files": sorted(files, key=lambda row: (row["file"], row["table"])),
    }


def _rule_counts(problems: list[dict]) -> list[dict]:
    """Rows (or files) that each rule was about, by municipality and table."""
    counts: dict[tuple[str, str, str], int] = {}
    for each in problems:
        place = (each["municipality"], each["table"], each["rule"])
        counts[place] = counts.get(place, 0) + max(each["count"], 1)
    names = ("municipality", "table", "rule", "count")
    return [
        dict(zip(names, (*place, count), strict=True)) for place, count in sorted(counts.items())
    ]
