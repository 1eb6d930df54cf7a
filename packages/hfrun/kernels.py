"""How a kernel is started, where it lives, and how all of them are stopped.

One process a kernel, with a short-lived folder of its own. A *sealed* kernel sees nothing but the
data folder that it is given (``hfrun.sandbox``). Within ``warm_kernels`` the processes are
forked from one that has imported what notebooks import (``hfrun.fork_server``). Only
``hfrun.engine`` uses this module.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hfcore.errors import UsageError
from hfcore.store import data_root
from hfrun import sandbox

if TYPE_CHECKING:
    from hfrun.kernel_provisioner import WarmProcess

ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "ARROW_NUM_THREADS",
    "OMP_THREAD_LIMIT",
)
OWN_FOLDERS = ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR")
NOT_HANDED_ON = ("HFCORE_", "MPLBACKEND", "PYTHONPATH", "PYTHONSTARTUP")
KEPT_WHEN_SEALED = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT")
LONGEST_SOCKET_PATH = 80

quiet_log = logging.getLogger("hfcore.kernel")
quiet_log.addHandler(logging.NullHandler())
quiet_log.propagate = False
_running: set[Any] = set()
_guard = threading.Lock()
_warmth: _Warmth | None = None


@dataclass(frozen=True)
class Place:
    """Where a kernel lives: its own short-lived folder, the data it sees, seconds a cell."""

    folder: Path
    sealed_root: Path | None
    data_root: Path | None
    timeout: float

    def make_folders(self) -> None:
        """Make the folders that the environment names."""
        for name in OWN_FOLDERS:
            (self.folder / name.lower()).mkdir(exist_ok=True)

    def environment(self) -> dict[str, str]:
        """The kernel's environment: nothing secret, nothing that changes a number."""
        own = {name: os.environ[name] for name in KEPT_WHEN_SEALED if name in os.environ}
        if self.sealed_root is None:
            own = {k: v for k, v in os.environ.items() if not k.startswith(NOT_HANDED_ON)}
            root = self.data_root or data_root()
        else:
            own |= {"HOME": str(self.folder), "TMPDIR": str(self.folder)}
            own |= {"HFCORE_SEALED": os.pathsep.join([str(self.sealed_root), str(self.folder)])}
            root = self.sealed_root
            if not sandbox.is_watertight():
                own |= {"PYTHONPATH": str(self.sealed_root / sandbox.PROGRAMS)}
        own |= {"HFCORE_DATA": str(root)}
        own |= dict.fromkeys(ONE_THREAD, "1")
        own |= {"PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C.UTF-8"}
        own |= {"PYTHONDONTWRITEBYTECODE": "1"} if self.sealed_root else {}
        own |= {"MPLCONFIGDIR": str(_fonts_folder(self.folder, self.sealed_root is not None))}
        return own | {name: str(self.folder / name.lower()) for name in OWN_FOLDERS}


@contextlib.contextmanager
def kernel_manager(place: Place) -> Iterator[Any]:
    """A kernel manager for one notebook, known to ``stop_all`` while it is in use."""
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    module = "ipykernel_launcher" if place.sealed_root is None else "hfrun.sandbox"
    argv = [sys.executable, "-P", "-m", module, "-f", "{connection_file}"]

    # A forked kernel has imported from where the programs lie, which may be beside the data.
    is_apart = place.sealed_root is not None and not sandbox.is_watertight()
    warm_process, metadata = None if is_apart else warm_up(), {}
    if warm_process is not None:
        from hfrun import kernel_provisioner

        metadata = kernel_provisioner.register()

    class Manager(AsyncKernelManager):
        kernel_spec = KernelSpec(
            argv=argv, display_name="Python 3", language="python", metadata=metadata
        )
        warm = warm_process

    runtime = place.folder / "jupyter_runtime_dir"
    kernel = Manager(connection_file=str(runtime / "kernel.json"), log=quiet_log)
    is_short = len(str(runtime)) < LONGEST_SOCKET_PATH
    if os.name == "posix" and is_short:
        kernel.transport, kernel.ip = "ipc", str(runtime / "k")
    elif os.name == "posix" and place.sealed_root is not None:
        raise UsageError("The folder for temporary files has too long a name: set TMPDIR=/tmp.")
    with _guard:
        _running.add(kernel)
    try:
        yield kernel
    finally:
        with _guard:
            _running.discard(kernel)
        _end(kernel)
        with contextlib.suppress(AttributeError):  # a started one has nothing to close, or is gone
            kernel.provisioner.process.close()


@contextlib.contextmanager
def warm_kernels() -> Iterator[None]:
    """Fork the kernels that are asked for meanwhile from one warm process, where that can be.

    The process begins with the first kernel and ends, with whatever it has forked, at the exit.
    Within another ``warm_kernels``, and with ``HFCORE_COLD`` in the environment, nothing changes.
    """
    global _warmth
    with _guard:
        own = _Warmth() if _warmth is None else None
        _warmth = _warmth or own
    try:
        yield
    finally:
        if own is not None:
            with _guard:
                _warmth = None
            own.close()


def warm_up() -> WarmProcess | None:
    """The process that kernels are forked from, which may still be importing; null without one."""
    with _guard:
        return _warmth.process() if _warmth is not None else None


class _Warmth:
    """A warm process that is started when first asked for, and its folder."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._process: WarmProcess | None = None
        self._is_tried = False

    def process(self) -> WarmProcess | None:
        if not self._is_tried:
            self._is_tried = True
            with contextlib.suppress(OSError):
                self._process = self._start()
        return self._process

    def _start(self) -> WarmProcess | None:
        from hfrun import kernel_provisioner

        if not kernel_provisioner.can_fork():
            return None
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="hf-")))
        # The surroundings of a sealed kernel, whose data folder is empty: no data, no key.
        place = Place(folder, sealed_root=folder, data_root=None, timeout=0)
        environment = place.environment() | {"MPLCONFIGDIR": str(_fonts_folder(folder, False))}
        for name in ("HFCORE_SEALED", "PYTHONDONTWRITEBYTECODE"):
            del environment[name]
        process = kernel_provisioner.WarmProcess(environment, str(folder))
        self._stack.callback(process.close)
        return process

    def close(self) -> None:
        self._stack.close()


@contextlib.contextmanager
def event_loop() -> Iterator[None]:
    """A loop for the client of one kernel, closed with it; the client leaves its own open."""
    from jupyter_core.utils import ensure_event_loop

    loop = ensure_event_loop()
    try:
        yield
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.close()
        asyncio.set_event_loop(None)


def stop_all() -> None:
    """Kill every kernel that runs; their notebooks end as failed."""
    with _guard:
        kernels = list(_running)
    for kernel in kernels:
        _end(kernel)


def _fonts_folder(folder: Path, is_sealed: bool) -> Path:
    """Where matplotlib keeps its list of fonts, which takes seconds to make: kept between runs.

    A sealed kernel gets a copy of its own.
    """
    kept = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hfcore-matplotlib"
    own = folder / "matplotlib"
    own.mkdir(exist_ok=True)
    with contextlib.suppress(OSError):
        kept.mkdir(parents=True, exist_ok=True)
        if not is_sealed and os.access(kept, os.W_OK):
            return kept
        for fonts in kept.glob("fontlist-*.json"):
            shutil.copy(fonts, own)
    return own


def _end(kernel: Any) -> None:
    process = getattr(kernel.provisioner, "process", None)
    if process is not None and process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            _kill(process)


def _kill(process: subprocess.Popen) -> None:
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
