"""How a notebook is executed: the only module that knows how a kernel is started.

One kernel a notebook, driven by papermill. A public notebook gets a *sealed* kernel, which sees
nothing but the folder it is given (``hfcore.sealed``). The rest of the project knows ``execute``.
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
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hfcore.errors import UsageError, as_list

JSON_TYPES = (str, int, float, bool, type(None))
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

_log = logging.getLogger("hfcore.kernel")
_log.addHandler(logging.NullHandler())
_log.propagate = False
_running: set[Any] = set()
_guard = threading.Lock()


@dataclass(frozen=True)
class Execution:
    """How one notebook went: ``status`` done or failed, wall time, and a sentence where it failed.

    The sentence holds the cell's number and the kind of error, never its text, which may quote
    data.
    """

    status: str
    seconds: float
    error: str = ""


def execute(
    notebook: Path,
    output: Path,
    parameters: Mapping[str, Any],
    sealed_root: Path | None = None,
    data_root: Path | None = None,
    timeout: float = 1800,
) -> Execution:
    """Execute a notebook with parameters in a kernel of its own.

    ``output`` is written when every cell has run, and not before; what a failed notebook got to
    lies beside it as ``<name>.failed.ipynb``. ``data_root`` is the data folder that the notebook
    sees; with ``sealed_root`` it sees that folder and nothing else, not even through other
    programs. ``timeout`` is seconds a cell.

    Raises UsageError for a parameter that the notebook does not declare or that is not of a JSON
    type.
    """
    check_parameters(notebook, parameters)
    start = time.monotonic()
    output.parent.mkdir(parents=True, exist_ok=True)
    failed = output.with_suffix(".failed.ipynb")
    failed.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="hf-", ignore_cleanup_errors=True) as folder:
        part = Path(folder) / "executed.ipynb"
        error = _run(
            notebook, part, parameters, _Place(Path(folder), sealed_root, data_root, timeout)
        )
        if part.exists():
            _move(part, failed if error else output)
    return Execution("failed" if error else "done", round(time.monotonic() - start, 2), error)


def check_parameters(notebook: Path, parameters: Mapping[str, Any]) -> None:
    """Raise UsageError for parameters that a notebook would ignore or take for something else."""
    from papermill import inspect_notebook

    declared = inspect_notebook(str(notebook))
    mistakes = [
        f"{notebook.name} has no parameter {name}; it has: {', '.join(declared) or 'none'}."
        for name in sorted(set(parameters) - set(declared))
    ]
    mistakes += [
        f"The parameter {name} must be text, a number, true, false, null, a list or a mapping."
        for name in sorted(parameters)
        if not _is_json(parameters[name])
    ]
    if mistakes:
        raise UsageError(as_list(mistakes))


def stop_all() -> None:
    """Kill every kernel that runs; their notebooks end as failed."""
    with _guard:
        kernels = list(_running)
    for kernel in kernels:
        process = getattr(kernel.provisioner, "process", None)
        if process is not None and process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                _kill(process)


@dataclass(frozen=True)
class _Place:
    """Where a kernel lives: its own short-lived folder, the data it sees, seconds a cell."""

    folder: Path
    sealed_root: Path | None
    data_root: Path | None
    timeout: float

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


def _run(notebook: Path, part: Path, parameters: Mapping[str, Any], place: _Place) -> str:
    """Execute into ``part``; return an empty text, or the sentence that says what failed."""
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill import PapermillExecutionError, execute_notebook

    _register_engine()
    for name in OWN_FOLDERS:
        (place.folder / name.lower()).mkdir(exist_ok=True)
    try:
        executed = execute_notebook(
            str(notebook),
            str(part),
            dict(parameters),
            engine_name="hfcore",
            progress_bar=False,
            request_save_on_cell_execute=False,
            place=place,
            execution_timeout=place.timeout,
        )
    except PapermillExecutionError as error:
        number = error.cell_index + 1 - bool(parameters)  # papermill adds a cell of its own
        return f"Cell {number} stopped with {error.ename}."
    except CellTimeoutError:
        return f"A cell took longer than {place.timeout:.0f} seconds."
    except DeadKernelError:
        return "The kernel died."
    except RuntimeError as error:
        return f"The kernel did not start or answer ({type(error).__name__})."
    return _unexecuted(executed)


def _unexecuted(executed: Any) -> str:
    """Say which cell did not run: papermill calls every cell completed after an early exit."""
    cells = [
        (cell, "injected-parameters" in cell.metadata.get("tags", ())) for cell in executed.cells
    ]
    number = count = 0
    for cell, is_added in cells:
        number += not is_added
        if cell.cell_type == "code" and cell.source.strip():
            count += 1
            if cell.execution_count != count:
                return f"Cell {number} was not executed."
    return ""


def _register_engine() -> None:
    """Tell papermill of the engine that starts kernels our way."""
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import Engine, papermill_engines

    class HfcoreEngine(Engine):
        @classmethod
        def execute_managed_notebook(cls, nb_man, kernel_name, place, execution_timeout, **_):
            with _event_loop(), _kernel(place) as kernel:
                client = PapermillNotebookClient(
                    nb_man,
                    km=kernel,
                    timeout=execution_timeout,
                    startup_timeout=120,
                    shutdown_kernel="immediate",
                    ipython_hist_file=":memory:",
                    log=_log,
                )
                client.execute(
                    env=place.environment(),
                    cwd=str(place.sealed_root or place.folder),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cleanup_kc=True,
                )

    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    papermill_engines.register("hfcore", HfcoreEngine)


@contextlib.contextmanager
def _kernel(place: _Place) -> Iterator[Any]:
    """A kernel manager for one notebook, known to ``stop_all`` while it is in use."""
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    module = "ipykernel_launcher" if place.sealed_root is None else "hfcore.sealed"
    argv = [sys.executable, "-P", "-m", module, "-f", "{connection_file}"]

    class Manager(AsyncKernelManager):
        kernel_spec = KernelSpec(argv=argv, display_name="Python 3", language="python")

    runtime = place.folder / "jupyter_runtime_dir"
    kernel = Manager(connection_file=str(runtime / "kernel.json"), log=_log)
    if os.name == "posix" and len(str(runtime)) < LONGEST_SOCKET_PATH:
        kernel.transport, kernel.ip = "ipc", str(runtime / "k")
    elif place.sealed_root is not None:
        raise UsageError("The folder for temporary files has too long a name: set TMPDIR=/tmp.")
    with _guard:
        _running.add(kernel)
    try:
        yield kernel
    finally:
        with _guard:
            _running.discard(kernel)


@contextlib.contextmanager
def _event_loop() -> Iterator[None]:
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


def _kill(process: subprocess.Popen) -> None:
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


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


def _is_json(value: Any) -> bool:
    if type(value) is list:
        return all(map(_is_json, value))
    if type(value) is dict:
        return all(type(key) is str and _is_json(each) for key, each in value.items())
    return type(value) in JSON_TYPES


def _move(part: Path, output: Path) -> None:
    """Put a whole file where it belongs in one step, whatever file systems lie between."""
    near = output.with_name(f".{output.name}.part")
    shutil.copyfile(part, near)
    near.replace(output)
