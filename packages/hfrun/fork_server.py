"""A process that has imported what notebooks import and forks their kernels.

``python -m hfrun.fork_server`` reads no data, holds no key and starts no thread. Its standard
input is a socket, on which ``hfrun.kernel_provisioner`` hands it one further socket, a *line*,
for each kernel. On the line come the command, the environment and the folder; back go the kernel's
number and, at the end, its exit code. A kernel is killed when its line is closed, and all are when
the socket is, so that none outlives the run that wanted it.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import random
import select
import signal
import socket
import sys
import tempfile
import time
from typing import Any

from hfrun import sandbox

# matplotlib_inline.backend_inline is left to the kernel: it looks for its shell when imported.
IMPORTED = (
    "numpy",
    "pandas",
    "pyarrow.parquet",
    "pyarrow.dataset",
    "scipy.linalg",
    "scipy.optimize",
    "scipy.sparse.csgraph",
    "scipy.special",
    "scipy.stats",
    "sklearn.linear_model",
    "matplotlib.backends.backend_agg",
    "matplotlib.pyplot",
    "PIL.PngImagePlugin",
    "seaborn",
    "babel.dates",
    "babel.numbers",
    "IPython.core.pylabtools",
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "hfclaims",
    "hfcore.cohort",
    "hfcore.metrics.comparison_group",
    "hfcore.metrics.maryland_scale",
    "hfcore.figures",
    "hfcore.metrics.index_months",
    "hfcore.metrics.planning",
    "hfcore.metrics.pooled_support",
    "hfclaims.recomputation",
    "hfcore.metrics.data_quality",
    "hfcore.robustness.sensitivity",
    "hfcore.metrics.support_spells",
    "hfcore.store",
    "hfcore.metrics.subgroups",
    "hfcore.metrics.support",
    "hfcore.figures.result_table",
    "hfcore.metrics.time_to_closure",
    "hfcore.robustness.method_validation",
    "hfpublish.report_sentences",
)
LANGUAGES = ("sv", "en")
_THREADS = "/proc/self/task"
_DIE_WITH_PARENT = 1
_PATIENCE_SECONDS = 10


def main() -> None:
    """Import, then fork a kernel for each line until the socket is closed."""
    control = socket.socket(fileno=os.dup(0))
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import_all()
    gc.collect()
    gc.freeze()
    request = serve(control)
    if request is not None:
        become_kernel(request)


def import_all() -> None:
    """Import what notebooks use, and read the locales of the two languages."""
    for name in IMPORTED:
        importlib.import_module(name)
    from babel import Locale

    for language in LANGUAGES:
        Locale.parse(language).number_symbols  # noqa: B018 - the locale is read when asked


def serve(control: socket.socket) -> dict[str, Any] | None:
    """Fork a kernel for each line; return what is asked of it in a kernel, null at the end."""
    woken, waker = socket.socketpair()
    waker.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    kernels: dict[socket.socket, int] = {}
    told: set[int] = set()
    while True:
        for ready in select.select([control, woken, *kernels], [], [])[0]:
            if ready is woken:
                woken.recv(4096)
                _tell_ends(kernels, told)
            elif ready is not control:
                told.discard(kernels[ready])
                _end(ready, kernels.pop(ready))
            elif (line := _next_line(control)) is None:
                for each, pid in kernels.items():
                    _end(each, pid)
                return None
            else:
                request = _fork(line, kernels)
                if request is not None:
                    for each in (control, woken, waker, line, *kernels):
                        each.close()
                    return request


def become_kernel(request: dict[str, Any]) -> None:
    """Make this process what a new one would be after the same command, and run the kernel."""
    command = request["command"]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    parent = str(os.getppid())
    os.environ.clear()
    os.environ.update(request["environment"] | {"JPY_PARENT_PID": parent})
    os.chdir(request["folder"])
    _forget()
    # The kernel app read the number of its parent when it was imported.
    sys.argv = [*command[command.index("-m") + 1 :], f"--IPKernelApp.parent_handle={parent}"]
    if "hfrun.sandbox" in command:
        sandbox.main()
    else:
        from ipykernel import kernelapp

        kernelapp.launch_new_instance()


def _forget() -> None:
    """Drop what Python took over from the environment, and the random numbers to come."""
    import numpy as np

    time.tzset()
    tempfile.tempdir = None
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    random.seed()
    np.random.seed()  # noqa: NPY002 - the global one is what a notebook might use


def _next_line(control: socket.socket) -> socket.socket | None:
    """The line for one more kernel, or null when there will be none."""
    try:
        byte, handles, _, _ = socket.recv_fds(control, 1, 1)
    except OSError:
        return None
    return socket.socket(fileno=handles[0]) if byte and handles else None


def _fork(line: socket.socket, kernels: dict[socket.socket, int]) -> dict[str, Any] | None:
    """Fork; return the request in the kernel, null in this process. Never forks with threads."""
    try:
        line.settimeout(_PATIENCE_SECONDS)
        with line.makefile("rb") as lines:
            request = json.loads(lines.readline())
        parent = os.getpid()
        pid = os.fork() if len(os.listdir(_THREADS)) == 1 else None
    except (OSError, ValueError):
        pid = None
    if pid is None:
        line.close()
    elif pid:
        kernels[line] = pid
    else:
        signal.set_wakeup_fd(-1)
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
        os.setsid()
        line.sendall(b'{"pid": %d}\n' % os.getpid())
        return request
    return None


def _tell_ends(kernels: dict[socket.socket, int], told: set[int]) -> None:
    """Send the exit code of each kernel that has ended; its number stays taken until it is read."""
    for line, pid in kernels.items():
        if pid in told:
            continue
        end = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if end is not None:
            told.add(pid)
            code = end.si_status if end.si_code == os.CLD_EXITED else -end.si_status
            with contextlib.suppress(OSError):
                line.sendall(b'{"exit": %d}\n' % code)


def _end(line: socket.socket, pid: int) -> None:
    """Kill a kernel with all that it started, and free its number."""
    line.close()
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
