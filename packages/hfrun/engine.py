"""How a notebook is executed: by papermill, in a kernel of its own, whole or not at all.

A public notebook gets a sealed kernel, which sees nothing but the folder it is given. The rest of
the project knows ``execute``, ``warm_kernels`` and ``stop_all``.
"""

from __future__ import annotations

import logging
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hfcore import errors
from hfcore.errors import UsageError, as_list
from hfrun.kernels import (
    Place,
    event_loop,
    kernel_manager,
    quiet_log,
    stop_all,
    warm_kernels,
    warm_up,
)

__all__ = ["Execution", "check_parameters", "execute", "stop_all", "warm_kernels"]

JSON_TYPES = (str, int, float, bool, type(None))


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
    warm_up()  # it imports while papermill is imported here
    check_parameters(notebook, parameters)
    start = time.monotonic()
    output.parent.mkdir(parents=True, exist_ok=True)
    failed = output.with_suffix(".failed.ipynb")
    failed.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="hf-", ignore_cleanup_errors=True) as folder:
        part = Path(folder) / "executed.ipynb"
        error = _run(
            notebook, part, parameters, Place(Path(folder), sealed_root, data_root, timeout)
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


def _run(notebook: Path, part: Path, parameters: Mapping[str, Any], place: Place) -> str:
    """Execute into ``part``; return an empty text, or the sentence that says what failed."""
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill import PapermillExecutionError, execute_notebook

    _register_engine()
    place.make_folders()
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
        return f"Cell {number} stopped with {_known_error(error.ename)}"
    except CellTimeoutError:
        return f"A cell took longer than {place.timeout:.0f} seconds."
    except DeadKernelError:
        return "The kernel died."
    except RuntimeError as error:
        return f"The kernel did not start or answer ({type(error).__name__})."
    return _unexecuted(executed)


def _known_error(name: str) -> str:
    """An error by its class; what that means where it is the project's own, never its text.

    >>> _known_error("TableAbsentError")
    'TableAbsentError: The study has no such table, so what needs it cannot be said.'
    >>> _known_error("ValueError")
    'ValueError.'
    """
    kind = getattr(errors, name, None)
    is_own = isinstance(kind, type) and issubclass(kind, errors.HfcoreError)
    return f"{name}: {kind.__doc__.splitlines()[0]}" if is_own else f"{name}."


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
            with event_loop(), kernel_manager(place) as kernel:
                client = PapermillNotebookClient(
                    nb_man,
                    km=kernel,
                    timeout=execution_timeout,
                    startup_timeout=120,
                    shutdown_kernel="immediate",
                    ipython_hist_file=":memory:",
                    log=quiet_log,
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
