"""How a kernel is started, where it lives, and how all of them are stopped.

One process a kernel, with a short-lived folder of its own. A *sealed* kernel sees nothing but the
data folder that it is given (``hfcore.sealed``). Only ``hfcore.engine`` uses this module.
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
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hfcore.errors import UsageError

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
            root = self.data_root or os.environ.get("HFCORE_DATA")
        else:
            own |= {"HOME": str(self.folder), "TMPDIR": str(self.folder)}
            own |= {"HFCORE_SEALED": os.pathsep.join([str(self.sealed_root), str(self.folder)])}
            root = self.sealed_root
        own |= {"HFCORE_DATA": str(root)} if root else {}
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

    module = "ipykernel_launcher" if place.sealed_root is None else "hfcore.sealed"
    argv = [sys.executable, "-P", "-m", module, "-f", "{connection_file}"]

    class Manager(AsyncKernelManager):
        kernel_spec = KernelSpec(argv=argv, display_name="Python 3", language="python")

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
        process = getattr(kernel.provisioner, "process", None)
        if process is not None and process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                _kill(process)


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


def _kill(process: subprocess.Popen) -> None:
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
