"""The pieces of all files that the municipalities of a study share.

As many are kept at once as memory has room for; the others are cut when their turn comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pandas as pd

from hfcore.clean.file_discovery import find_files
from hfcore.clean.file_layouts import Given
from hfcore.errors import Problem
from hfcore.store import raw_folder
from hfcore.study import Study
from hfrun.shared_files import SharedFile


class Shared:
    """All shared files of a study; ``room`` is how many bytes of pieces may be kept at once."""

    def __init__(
        self,
        study: Study,
        wanted: Sequence[str],
        room: int,
        folder: Path | None = None,
        threads: int = 1,
        before_reading: Callable[[], None] = lambda: None,
    ):
        self.files: list[SharedFile] = []
        self.problems: list[Problem] = []
        self._room = room
        home, told = raw_folder(study.name), set()
        for place, source in enumerate(study.sources):
            if not source.is_shared:
                continue
            paths, refused = find_files(home, source, study)
            self.problems += refused
            for path in paths:
                file = SharedFile(path, place, study)
                told.add(file.look(wanted, room - self.held, threads, folder, before_reading))
                self.files.append(file)
                self.problems += file.problems()
        for path in folder.glob("*.json") if folder else ():
            if path.name not in told:
                path.unlink(missing_ok=True)

    @property
    def held(self) -> int:
        """The bytes of all pieces that are kept."""
        return sum(each.held for each in self.files)

    def hashes(self, code: str) -> list[tuple[str, str]]:
        """Name and hash of each piece of a municipality."""
        return [(each.told(code), each.found.pieces.get(code, ("", 0))[0]) for each in self.files]

    def sizes(self, code: str) -> dict[str, int]:
        """Name and bytes of each piece of a municipality."""
        return {each.told(code): each.found.pieces.get(code, ("", 0))[1] for each in self.files}

    def batches(self, codes: Sequence[str]) -> Iterator[dict[str, dict[int, list[Given]]]]:
        """The pieces of municipalities, as many at once as there is room for.

        Each batch has the pieces by municipality and by the place of their source.
        """
        at_hand = [code for code in codes if all(file.has(code) for file in self.files)]
        batches, held = [at_hand] if at_hand else [], self._room
        for code in (each for each in codes if each not in at_hand):
            size = sum(self.sizes(code).values())
            held += size
            if held > self._room:
                batches.append([])
                held = size
            batches[-1].append(code)
        for batch in batches:
            given = [(file.place, file.given(batch)) for file in self.files]
            yield {
                code: _by_source((place, own[code]) for place, own in given if code in own)
                for code in batch
            }

    def quarantine(self) -> dict[str, pd.DataFrame]:
        """By table, the rows of shared files that are no municipality's."""
        found: dict[str, list[pd.DataFrame]] = {}
        for each in self.files:
            found.setdefault(each.table, []).append(each.quarantine())
        return {table: pd.concat(parts, ignore_index=True) for table, parts in found.items()}


def _by_source(given: Iterable[tuple[int, Given]]) -> dict[int, list[Given]]:
    found: dict[int, list[Given]] = {}
    for place, each in given:
        found.setdefault(place, []).append(each)
    return found
