"""One notebook, one kernel: parameters, failures, and what the kernel sees."""

from __future__ import annotations

import threading
import time

import nbformat
import pytest
from small_study import write_notebook

from hfcore.errors import UsageError
from hfrun import engine

PARAMETERS = 'code = "1290"  # a code'


@pytest.fixture
def notebook(tmp_path):
    """Return a function that writes a notebook of cells and executes it."""

    def execute(*cells, code="0180", **options):
        path = write_notebook(tmp_path / "n.ipynb", *cells, parameters=PARAMETERS)
        output = tmp_path / "out" / "n.ipynb"
        return engine.execute(path, output, {"code": code}, **options), output

    return execute


def printed(output):
    """Return what the cells of an executed notebook printed."""
    cells = nbformat.read(output, as_version=4).cells
    outputs = [each for cell in cells for each in cell.get("outputs", [])]
    return "".join(each.get("text", "") for each in outputs)


def test_a_code_with_a_leading_zero_stays_text(notebook, tmp_path):
    done, output = notebook("print(repr(code))", data_root=tmp_path)
    assert (done.status, done.error) == ("done", "")
    assert printed(output) == "'0180'\n"
    assert done.seconds > 0


def test_the_kernel_has_its_own_surroundings_and_no_key(notebook, tmp_path, monkeypatch):
    monkeypatch.setenv("HFCORE_KEY", "a-secret")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    names = ["HFCORE_KEY", "HFCORE_DATA", "TZ", "OMP_NUM_THREADS", "PYTHONHASHSEED"]
    _, output = notebook(
        f"import os\nprint([os.environ.get(n) for n in {names}])",
        "import matplotlib\nprint(matplotlib.get_backend().rpartition('.')[2] != 'agg')",
        data_root=tmp_path,
    )
    assert printed(output) == f"[None, {str(tmp_path)!r}, 'UTC', '1', '0']\nTrue\n"


def test_a_failure_names_the_cell_and_the_kind_but_not_the_text(notebook):
    done, output = notebook("1 + 1", "raise ValueError('household 19121212-1212')", "2 + 2")
    assert done.status == "failed"
    assert done.error == "Cell 3 stopped with ValueError."
    assert not output.exists()
    assert output.with_suffix(".failed.ipynb").exists()


def test_success_removes_what_an_earlier_failure_left(notebook):
    _, output = notebook("1 / 0")
    notebook("1 + 1")
    assert [path.name for path in output.parent.iterdir()] == ["n.ipynb"]


def test_a_notebook_that_ends_itself_early_has_failed(notebook):
    done, output = notebook("# Text", "import sys\nsys.exit(0)", "print('never')")
    assert done.error == "Cell 4 was not executed."
    assert not output.exists()


def test_a_dead_kernel_is_a_failure(notebook):
    done, output = notebook("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    assert done.error == "The kernel died."
    assert not output.exists()


def test_a_cell_that_takes_too_long_is_stopped(notebook):
    done, _ = notebook("import time\ntime.sleep(60)", timeout=1)
    assert done.error == "A cell took longer than 1 seconds."


def test_stop_all_ends_what_runs(notebook):
    found = []
    thread = threading.Thread(
        target=lambda: found.append(notebook("import time\ntime.sleep(60)")[0])
    )
    start = time.monotonic()
    thread.start()
    while thread.is_alive() and time.monotonic() - start < 40:
        time.sleep(0.5)
        engine.stop_all()
    thread.join(timeout=20)
    assert found and found[0].status == "failed"


def test_unknown_and_unfit_parameters_are_told_together(tmp_path):
    path = write_notebook(tmp_path / "n.ipynb", parameters=PARAMETERS)
    with pytest.raises(UsageError) as caught:
        engine.execute(path, tmp_path / "o.ipynb", {"cod": "1290", "code": {"1290"}})
    assert str(caught.value) == (
        "- n.ipynb has no parameter cod; it has: code.\n"
        "- The parameter code must be text, a number, true, false, null, a list or a mapping."
    )


@pytest.mark.parametrize("value", ["a", 1, 1.5, True, None, ["a", 1], {"a": [None]}])
def test_values_of_json_types_are_taken(tmp_path, value):
    engine.check_parameters(
        write_notebook(tmp_path / "n.ipynb", parameters=PARAMETERS), {"code": value}
    )


@pytest.mark.parametrize("value", [("a",), {1: "a"}, [{"a"}], b"a", object()])
def test_values_of_other_types_are_refused(tmp_path, value):
    path = write_notebook(tmp_path / "n.ipynb", parameters=PARAMETERS)
    with pytest.raises(UsageError, match="The parameter code must be text"):
        engine.check_parameters(path, {"code": value})
