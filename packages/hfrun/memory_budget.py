"""How many municipalities may be read at once within the memory that ingest is allowed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import accumulate

from hfcore.clean.archive_checks import MAX_FILE_BYTES, MAX_TEXT_BYTES
from hfcore.errors import UsageError

GIGABYTE = 1_000_000_000
MEMORY = 2 * GIGABYTE
# Measured at the peak, from 124 000 to 4 000 000 payment rows: a process with nothing read, and
# what each byte of a raw file becomes. A workbook is packed.
PROCESS_BYTES = 230_000_000
BYTES_A_BYTE = 12
BYTES_A_WORKBOOK_BYTE = 60
# Beside kept pieces of shared files, for each worker: itself, a piece of 10 MB, a block being cut.
ROOM_A_WORKER = 400_000_000
WORKBOOKS = (".xlsx", ".xlsm", ".xls")

_SIZE = re.compile(r"(\d{1,6}(?:[.,]\d{1,3})?)\s*(MB|GB)", re.IGNORECASE)


def read_size(text: str) -> int:
    """Bytes of a size in MB or GB; UsageError for anything else.

    >>> read_size("1.5 GB"), read_size("500MB")
    (1500000000, 500000000)
    """
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise UsageError("--memory is a size such as 2GB or 500MB.")
    unit = GIGABYTE if found[2].upper() == "GB" else GIGABYTE // 1000
    return int(float(found[1].replace(",", ".")) * unit)


def bytes_needed(files: Mapping[str, int]) -> int:
    """The memory of a process that reads files of these names and sizes (bytes).

    >>> bytes_needed({"betalningar.csv": 1_000_000})
    242000000
    """
    return PROCESS_BYTES + sum(_bytes_of(name, size) for name, size in files.items())


def _bytes_of(name: str, size: int) -> int:
    """What one file becomes; nothing where it is too large to be opened."""
    if name.lower().endswith(WORKBOOKS):
        return BYTES_A_WORKBOOK_BYTE * size if size <= MAX_FILE_BYTES else 0
    return BYTES_A_BYTE * size if size <= MAX_TEXT_BYTES else 0


def workers_within(memory: int, needs: Mapping[str, int], workers: int) -> int:
    """How many municipalities may be read at once, even where the largest come together.

    ``needs`` has the bytes for each municipality. Raises UsageError, naming municipalities, where
    one alone needs more than ``memory``.

    >>> workers_within(1000, {"0180": 600, "1290": 300, "1480": 200}, 4)
    2
    """
    large = sorted(code for code, need in needs.items() if need > memory)
    if large:
        most = max(needs.values()) / GIGABYTE
        raise UsageError(
            f"The files of {', '.join(large)} need more memory than ingest is allowed; "
            f"allow it with --memory {most + 0.05:.1f}GB."
        )
    together = accumulate(sorted(needs.values(), reverse=True))
    return min(workers, max(1, sum(total <= memory for total in together)))


def room_within(memory: int, workers: int) -> int:
    """The bytes of shared files that may be kept beside so many workers.

    >>> room_within(2_000_000_000, 2)
    1200000000
    """
    return max(memory - workers * ROOM_A_WORKER, memory // 4)
