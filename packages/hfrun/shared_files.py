"""Files that several municipalities share → the pieces of each, within bounded memory.

A delimited file is parted line by line (``hfrun.chunking``), a workbook row by row; each
piece is then checked like any other file. No copy of a raw row is written anywhere: pieces that
memory has no room for are cut again when their municipality's turn comes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from hfcore.clean.archive_checks import RefusedFileError, kind_of
from hfcore.clean.cleaned_file_cache import code_seal, fingerprint
from hfcore.clean.delimited_text import split_records
from hfcore.clean.file_discovery import find_files, public_name
from hfcore.clean.file_layouts import RawFile
from hfcore.clean.monthly_statistics import reading_source
from hfcore.clean.municipality_cleaning import QUARANTINE_COLUMNS
from hfcore.clean.rules import harmless, problem
from hfcore.clean.source_reading import (
    HEADER_SEARCH_ROWS,
    TextTable,
    check_kind,
    decode,
    find_header,
    normal_header,
    read_source,
    stopped_rows,
)
from hfcore.errors import Problem
from hfcore.store import file_hash, raw_folder, write_text
from hfcore.study import Study
from hfrun import chunking
from hfrun.chunking import ELSEWHERE, RAGGED, UNNAMED, Block, Head, Piece, Places

# What a byte of a file takes when it is kept as it is, with the numbers of its rows.
ROOM_A_BYTE = 1.15
# More rows that are nobody's are no slips of the pen: the mapping or the file is another one.
MOST_STOPPED = 1_000_000
STOPPED = {RAGGED: "E-FIELDS", UNNAMED: "E-MUNICIPALITY"}


@dataclass
class Found:
    """What is known of a shared file once it has been read, and nothing that a cell holds.

    ``pieces`` has the hash and the bytes of each municipality's rows, ``blocks`` where whole
    records begin, how long they are, the first one's number and whose they are, ``stopped`` the
    numbers of rows that are nobody's, by rule, ``elsewhere`` how many are of other municipalities.
    """

    pieces: dict[str, tuple[str, int]] = field(default_factory=dict)
    blocks: list[tuple[int, int, int, list[str]]] = field(default_factory=list)
    stopped: dict[str, list[int]] = field(default_factory=dict)
    elsewhere: int = 0
    problems: list[dict] = field(default_factory=list)


class SharedFile:
    """One file that several municipalities share."""

    def __init__(self, path: Path, place: int, study: Study):
        source = study.sources[place]
        self.path, self.place, self.table = path, place, source.table
        self.source = reading_source(source) if "layout" in source.options else source
        self.name = public_name(raw_folder(study.name), path, study.sources)
        self.found = Found()
        self._codes = study.codes
        self._places = Places(study.codes, self.source.municipality.codes)
        self._head: Head | None = None
        self._kept: dict[str, Piece] = {}

    def look(
        self,
        wanted: Sequence[str],
        room: int,
        threads: int,
        folder: Path | None,
        before_reading: Callable[[], None],
    ) -> str:
        """Find whose the rows are, and keep the wanted pieces, the first ones, while there is room.

        What was found is told to the next time in a file in ``folder``, whose name is returned.
        """
        seal = (repr(self.source), repr(self._codes), self.name, code_seal())
        told = {path.name for path in folder.glob("*.json")} if folder else set()
        name = f"{fingerprint(file_hash(self.path), *seal)}.json" if told else ""
        try:
            self.found = Found(**json.loads((folder / name).read_text(encoding="utf-8")))
        except (OSError, TypeError, ValueError):
            before_reading()
            name = f"{fingerprint(self._read(wanted, room, threads), *seal)}.json"
            if folder:
                write_text(folder / name, json.dumps(asdict(self.found)))
        return name

    @property
    def held(self) -> int:
        """The bytes of the pieces that are kept."""
        return sum(piece.size for piece in self._kept.values())

    def has(self, code: str) -> bool:
        """Whether a municipality's piece is at hand, or has no row."""
        return code in self._kept or code not in self.found.pieces

    def given(self, codes: Sequence[str]) -> dict[str, RawFile]:
        """The pieces of some municipalities; they are not kept any longer."""
        missing = [code for code in codes if not self.has(code)]
        if missing:
            self._cut_again(missing)
        return {
            code: RawFile(self._kept.pop(code), self.told(code), self.found.pieces[code][0])
            for code in codes
            if code in self._kept
        }

    def told(self, code: str) -> str:
        """The name of a municipality's piece."""
        return f"{code}/{self.name.partition('/')[2]}"

    def problems(self) -> list[Problem]:
        """What is wrong with the file as a whole, and with rows that are nobody's."""
        given = [{**each, "rows": tuple(each["rows"])} for each in self.found.problems]
        problems = [replace(Problem(**each), table=self.table) for each in given]
        column = harmless(self.source.municipality.header)
        for rule, rows in self.found.stopped.items():
            at = column if rule == "E-MUNICIPALITY" else ""
            problems.append(problem(rule, self.name, rows=rows, column=at, table=self.table))
        if self.found.elsewhere:
            count = self.found.elsewhere
            problems.append(problem("W-NOT-OURS", self.name, count=count, table=self.table))
        return problems

    def quarantine(self) -> pd.DataFrame:
        """The rows that are nobody's, as the quarantine lists them."""
        parts = [stopped_rows(rows, "", rule) for rule, rows in self.found.stopped.items()]
        rows = pd.concat([stopped_rows(), *parts], ignore_index=True)
        return rows.assign(file=self.name, sheet=harmless(self.source.sheet))[
            list(QUARANTINE_COLUMNS)
        ]

    def _read(self, wanted: Sequence[str], room: int, threads: int) -> str:
        """Read the file; its SHA-256."""
        self.found, self._kept = Found(), {}
        try:
            check_kind(kind_of(self.path), self.source.format)
            if self.source.format == "excel":
                self._read_sheet(file_hash(self.path))
            elif self._find_head():
                return self._read_lines(wanted, room, threads)
        except RefusedFileError as refused:
            self.found, self._kept = Found(), {}
            self.found.problems = [asdict(problem(refused.rule, self.name, **refused.words))]
        return file_hash(self.path)

    def _read_sheet(self, sha256: str) -> None:
        table = read_source(self.path, self.source, self.name)
        self.found.problems = [asdict(each) for each in table.problems]
        for rule, rows in table.stopped.groupby("rule")["row"]:
            self.found.stopped[rule] = rows.tolist()
        if not len(table.rows):
            return
        header = normal_header(self.source.municipality.header)
        kinds = table.rows[header].map(lambda cell: self._places.kind(cell.encode()))
        self.found.elsewhere = int((kinds == ELSEWHERE).sum())
        if (kinds == UNNAMED).any():
            self.found.stopped[STOPPED[UNNAMED]] = table.rows.index[kinds == UNNAMED].tolist()
        for code, rows in table.rows.groupby(kinds):
            if code in self._codes:
                numeric = {each: at.intersection(rows.index) for each, at in table.numeric.items()}
                own = TextTable("", table.sheet, rows, numeric, stopped_rows(), [])
                self._kept[code] = Piece((), rows.index.to_numpy(), own)
                self.found.pieces[code] = (fingerprint(sha256, code), 0)

    def _find_head(self) -> bool:
        """Find the header; False where it is not there."""
        codec, start = chunking.codec_of(self.path, self.source.encoding)
        raw = chunking.first_block(self.path, codec, start)
        try:
            text, _ = decode(raw, "" if codec else self.source.encoding)
        except UnicodeDecodeError:
            raise RefusedFileError("E-ENCODING") from None
        head = split_records(text, self.source.separator, rows=HEADER_SEARCH_ROWS)
        at, headers, problems = find_header(head, self.source, self.name, "")
        self.found.problems = [asdict(each) for each in problems]
        if headers is None:
            return False
        place = headers.index(normal_header(self.source.municipality.header))
        separator = self.source.separator.encode()
        self._head = chunking.head_of(raw, at, len(headers), place, separator, codec, start)
        return True

    def _read_lines(self, wanted: Sequence[str], room: int, threads: int) -> str:
        head, cuts = self._head, {code: [] for code in wanted}
        hashes, sizes, held, whole = {}, {}, 0, hashlib.sha256()
        length = self.path.stat().st_size

        def is_tight(offset: int) -> bool:
            return held + ROOM_A_BYTE * (length - offset) > room

        reading = chunking.cut_file(self.path, head, self._places, threads, whole.update, is_tight)
        for cut in reading:
            self.found.blocks.append((*asdict(cut.block).values(), list(cut.lines)))
            self.found.elsewhere += len(cut.apart.get(ELSEWHERE, ()))
            for reason in STOPPED.keys() & cut.apart.keys():
                rows = self.found.stopped.setdefault(STOPPED[reason], [])
                rows += cut.apart[reason].tolist()
                if len(rows) > MOST_STOPPED:
                    raise RefusedFileError(STOPPED[reason])
            for code, lines in cut.lines.items():
                known = hashes.setdefault(code, hashlib.sha256(head.raw))
                known.update(lines)
                known.update(cut.numbers[code])
                sizes[code] = sizes.get(code, len(head.raw)) + len(lines)
                if code in cuts:
                    cuts[code].append(Piece((cut.kept[code],), cut.numbers[code]))
                    held += cuts[code][-1].size
            while held > room and cuts:
                held -= sum(each.size for each in cuts.popitem()[1])
        self.found.pieces = {code: (each.hexdigest(), sizes[code]) for code, each in hashes.items()}
        self._kept = {code: _joined(head, parts) for code, parts in cuts.items() if parts}
        return whole.hexdigest()

    def _cut_again(self, codes: Sequence[str]) -> None:
        """Cut the pieces of some municipalities from the blocks that hold rows of theirs."""
        if self.source.format == "excel":
            self._read(codes, 0, 1)
            return
        if self._head is None:
            told, self.found.problems = self.found.problems, []
            self._find_head()
            self.found.problems = told
        cuts = {code: [] for code in codes}
        known = [Block(*place) for *place, own in self.found.blocks if cuts.keys() & set(own)]
        for cut in chunking.cut_again(self.path, self._head, self._places, known):
            for code in cuts.keys() & cut.lines.keys():
                cuts[code].append(Piece((cut.kept[code],), cut.numbers[code]))
        self._kept |= {code: _joined(self._head, parts) for code, parts in cuts.items() if parts}


def _joined(head: Head, parts: list[Piece]) -> Piece:
    """One piece of its parts, below the head."""
    lines = (line for part in parts for line in part.lines)
    numbers = [np.arange(1, head.count + 1, dtype="int32"), *(part.numbers for part in parts)]
    encoding = "utf-8" if head.codec else ""
    return Piece(((head.raw, 0), *lines), np.concatenate(numbers), encoding=encoding)


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

    def batches(self, codes: Sequence[str]) -> Iterator[dict[str, dict[int, list[RawFile]]]]:
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


def _by_source(given: Iterable[tuple[int, RawFile]]) -> dict[int, list[RawFile]]:
    found: dict[int, list[RawFile]] = {}
    for place, each in given:
        found.setdefault(place, []).append(each)
    return found
