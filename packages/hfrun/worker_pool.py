"""The processes that take in municipalities: this one and, with more workers, others beside it."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from types import TracebackType
from typing import Any

# M_MMAP_THRESHOLD and M_TRIM_THRESHOLD of the C library, in bytes.
MEMORY_OPTIONS = ((-3, 32 << 20), (-1, 128 << 20))


class Crew:
    """Other processes beside this one; none before they are wanted."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._others = 0

    def __enter__(self) -> Crew:
        _alone()
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def start(self, others: int) -> None:
        """Let other processes begin to import what they need, which takes seconds."""
        if others == self._others:
            return
        self._close()
        self._others = others
        if others > 0:
            context = get_context("spawn")
            self._pool = ProcessPoolExecutor(others, context, initializer=_alone)
            self._pool.submit(_alone)

    def do(self, work: Callable, batches: Iterable[Mapping[str, Any]], workers: int) -> list[Any]:
        """What ``work`` makes of each municipality and what is given of it, batch after batch."""
        done = []
        for batch in batches:
            self.start(min(workers, len(batch)) - 1 if len(batch) > 1 else self._others)
            done += self._together(work, list(batch.items()))
        return done

    def _together(self, work: Callable, given: list[tuple[str, Any]]) -> list[Any]:
        """Do some; this process begins from the end, while others may still start."""
        if self._pool is None:
            return [work(*each) for each in given]
        elsewhere = [self._pool.submit(work, *each) for each in given]
        here = {
            place: work(*given[place])
            for place in reversed(range(len(given)))
            if elsewhere[place].cancel()
        }
        return [
            here[place] if place in here else future.result()
            for place, future in enumerate(elsewhere)
        ]

    def _close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._pool, self._others = None, 0


def _alone() -> None:
    """Leave the other cores to the other workers, and keep memory that will be wanted again."""
    import pyarrow

    pyarrow.set_cpu_count(1)
    # Columns of some megabytes come and go all the time: to give each back to the system and to
    # ask for it again takes a twentieth of the time. Only one C library can be told so.
    allow = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    for option, value in MEMORY_OPTIONS if allow else ():
        allow(option, value)
