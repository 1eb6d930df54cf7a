"""Raw files as they are given, and those of a layout of their own → texts of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hfcore.clean import lifecare, monthly_statistics
from hfcore.clean.source_reading import Readable, TextTable
from hfcore.errors import StudyError
from hfcore.study import Source, Study

LAYOUTS = {"monthly": monthly_statistics, "lifecare": lifecare}


@dataclass(frozen=True)
class RawFile:
    """A raw file, or a piece of one that several municipalities share, and how it is told."""

    raw: Path | Readable
    name: str
    sha256: str


def adapted(
    given: Sequence[RawFile], source: Source, study: Study
) -> tuple[list[TextTable], Source, dict[str, str]]:
    """The files of a layout of its own as texts of a table, with their mapping.

    Raises StudyError for a layout that does not exist, or a table that it cannot fill.
    """
    layout = LAYOUTS.get(str(source.options["layout"]))
    if layout is None or source.table not in ("payments", "persons"):
        raise StudyError(
            f"sources: layout is one of {', '.join(LAYOUTS)}, and fills payments or persons."
        )
    if not given:
        return [], source, {}
    raw, names = [each.raw for each in given], [each.name for each in given]
    return layout.adapt(layout.read_files(raw, names, source), source, study)
