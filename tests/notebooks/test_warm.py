"""A forked kernel is like a started one, and none outlives its run."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import pytest
import test_engine
import test_sealed
from conftest import OPTIONAL
from small_study import write_notebook

from hfrun import engine, fork_server, kernel_provisioner, kernels, sandbox

LINUX = sys.platform.startswith("linux")
pytestmark = pytest.mark.skipif(
    not LINUX, reason=OPTIONAL + "kernels are forked on Linux only; elsewhere they are started"
)
notebook, places = test_engine.notebook, test_sealed.places
printed = test_engine.printed
FORKED = "import os\nwarm = 'hfrun.fork_server' in open(f'/proc/{os.getppid()}/cmdline').read()\n"
FOR_EVER = """
import os, pathlib, time
pathlib.Path({path!r}).write_text(f"{{os.getpid()}} {{os.getppid()}}")
time.sleep(300)
"""
FIGURES = """
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
frame = pd.DataFrame({"x": np.arange(50), "y": np.sin(np.arange(50) / 5)})
sns.lineplot(frame, x="x", y="y")
plt.show()
frame.describe()
"""


@pytest.fixture(scope="module")
def heat():
    """Keep one warm process for the tests of this file; return its number."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("HFCORE_COLD", raising=False)
        patch.setenv("HFCORE_KEY", "a-secret")
        with kernels.warm_kernels():
            yield kernels.warm_up().pid


def for_ever(path):
    """A cell that writes down its process and the process above it, and does not end."""
    return FOR_EVER.format(path=str(path))


def outputs(path):
    """The outputs of an executed notebook's cells."""
    return [cell.get("outputs") for cell in nbformat.read(path, as_version=4).cells]


def is_alive(pid):
    """Whether a process runs, and is not merely waiting to be counted."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def are_gone(pids, seconds=20):
    """Whether all these processes end in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and any(map(is_alive, pids)):
        time.sleep(0.1)
    return not any(map(is_alive, pids))


def wait_for(path, seconds=60):
    """What a file says, once it says something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not (path.exists() and path.read_text()):
        time.sleep(0.1)
    return path.read_text()


def test_a_kernel_is_forked_and_is_on_its_own(heat, notebook, tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    names = ["HFCORE_KEY", "HFCORE_DATA", "TZ", "OMP_NUM_THREADS", "PYTHONHASHSEED", "MPLBACKEND"]
    done, output = notebook(
        f"{FORKED}print(warm, [os.environ.get(n) for n in {names}])",
        "import time\nprint(time.tzname[0], hash('a') == hash('a'), os.getsid(0) == os.getpid())",
        "print(set(os.environ) & {'JE_ARROW_MALLOC_CONF', 'HFCORE_SEALED', 'HFCORE_COLD'})",
        "print(pathlib.Path.cwd() == pathlib.Path(os.environ['IPYTHONDIR']).parent)".replace(
            "print", "import pathlib\nprint", 1
        ),
        data_root=tmp_path,
    )
    assert done.error == ""
    inline = "module://matplotlib_inline.backend_inline"
    assert printed(output) == (
        f"True [None, {str(tmp_path)!r}, 'UTC', '1', '0', {inline!r}]\nUTC True True\nset()\nTrue\n"
    )


def test_the_warm_process_has_one_thread_and_no_secret(heat, notebook):
    notebook("1 + 1")
    surroundings = Path(f"/proc/{heat}/environ").read_bytes()
    assert b"a-secret" not in surroundings and b"HFCORE_KEY" not in surroundings
    assert b"PYTHONHASHSEED=0" in surroundings
    assert len(os.listdir(f"/proc/{heat}/task")) == 1


def open_files(pid):
    """What a process has open, by name or number of the thing itself."""
    folder = Path(f"/proc/{pid}/fd")
    return {os.readlink(each) for each in folder.iterdir() if each.is_symlink()}


def test_a_kernel_inherits_no_open_file(heat, notebook, tmp_path):
    path, done = tmp_path / "numbers", []
    thread = threading.Thread(target=lambda: done.append(notebook(for_ever(path))))
    thread.start()
    kernel, parent = map(int, wait_for(path).split())
    shared, has_socket = open_files(kernel) & open_files(heat), open_files(heat) - {"/dev/null"}
    engine.stop_all()
    thread.join(timeout=30)
    assert parent == heat and has_socket
    assert shared == {"/dev/null"}


def test_two_kernels_share_no_names_no_modules_and_no_random_numbers(heat, notebook):
    cell = FORKED + (
        "import random, sys\nimport numpy as np\n"
        "print('seen' in globals(), hasattr(np, 'seen'), random.random(), np.random.random())\n"
        "seen = np.seen = sys.modules['seen'] = 1"
    )
    texts = [printed(notebook(cell)[1]).split() for _ in range(2)]
    assert [text[:2] for text in texts] == [["False", "False"]] * 2
    assert texts[0][2] != texts[1][2] and texts[0][3] != texts[1][3]


def test_outputs_are_the_same_bytes_as_in_a_started_kernel(heat, notebook, monkeypatch):
    done, output = notebook(FIGURES, "hash('a'), sorted({'b', 'a'}), frame")
    forked = outputs(output)
    monkeypatch.setattr(kernels, "_warmth", None)
    started_done, output = notebook(FIGURES, "hash('a'), sorted({'b', 'a'}), frame")
    assert (done.error, started_done.error) == ("", "")
    assert outputs(output) == forked
    assert any("image/png" in each.get("data", {}) for cell in forked for each in cell or [])


def test_failures_are_told_as_of_a_started_kernel(heat, notebook):
    assert notebook("raise ValueError('x')")[0].error == "Cell 2 stopped with ValueError."
    killed = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
    assert notebook(killed)[0].error == "The kernel died."
    slow = notebook("import time\ntime.sleep(60)", timeout=1)[0]
    assert slow.error == "A cell took longer than 1 seconds."
    assert notebook("import sys\nsys.exit(0)", "1")[0].error == "Cell 3 was not executed."


def test_a_kernel_ends_with_its_notebook(heat, notebook, tmp_path):
    path = tmp_path / "numbers"
    child = "import subprocess\nchild = subprocess.Popen(['sleep', '300'])\n"
    numbers = f"open({str(path)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}')"
    notebook(FORKED + child + numbers)
    assert are_gone(map(int, path.read_text().split()))


def test_stop_all_ends_what_runs(heat, notebook, tmp_path):
    path, found = tmp_path / "numbers", []
    cell = for_ever(path)
    thread = threading.Thread(target=lambda: found.append(notebook(cell)[0]))
    thread.start()
    kernel = int(wait_for(path).split()[0])
    engine.stop_all()
    thread.join(timeout=30)
    assert found and found[0].error == "The kernel died."
    assert are_gone([kernel])


def test_sealed_kernels_are_forked_and_as_tight(heat, tmp_path, places):
    reached = test_sealed.REACHED.replace("if LANDLOCK", f"if {sandbox.landlock_version() > 0}")
    alone = "print('hfrun.fork_server' in sys.modules, sorted(k for k in os.environ if 'KEY' in k))"
    cells = (test_sealed.TRY, reached, test_sealed.NORMAL, alone)
    done, output = test_sealed.run(tmp_path, places, *cells)
    assert done.error == ""
    text = "".join(each.get("text", "") for cell in outputs(output) for each in cell or [])
    assert text == f"reached []\n{test_sealed.CODES!r} 1 own\nFalse []\n"
    pictures = [each for cell in outputs(output) for each in cell or [] if "data" in each]
    assert any("image/png" in each["data"] for each in pictures)


def test_a_sealed_kernel_forks_nothing_and_sees_no_other_process(heat, tmp_path, places):
    for cell in ("os.fork()", 'open(f"/proc/{os.getppid()}/environ", "rb")'):
        done, _ = test_sealed.run(tmp_path, places, "import os", cell)
        assert done.error == "Cell 3 stopped with PermissionError."


def run_apart(tmp_path, code):
    """Begin a program of its own that executes a notebook; return it with kernel and parent."""
    path = tmp_path / "numbers"
    write_notebook(tmp_path / "n.ipynb", for_ever(path), parameters="code = ''")
    program = f"""
from pathlib import Path
from hfrun import engine
folder = Path({str(tmp_path)!r})
with engine.warm_kernels():
    {code}
    print(engine.execute(folder / "n.ipynb", folder / "o.ipynb", {{}}).error)
"""
    begun = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={k: v for k, v in os.environ.items() if k != "HFCORE_COLD"},
    )
    return begun, [int(each) for each in wait_for(path).split()]


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGINT])
def test_nothing_outlives_a_run_that_is_killed(tmp_path, signum):
    begun, numbers = run_apart(tmp_path, "")
    assert all(map(is_alive, numbers))
    begun.send_signal(signum)
    begun.communicate(timeout=30)
    assert are_gone(numbers)


def test_kernels_die_with_the_warm_process(tmp_path):
    begun, (kernel, parent) = run_apart(tmp_path, "")
    assert begun.pid != parent
    os.kill(parent, signal.SIGKILL)
    text, _ = begun.communicate(timeout=60)
    assert text == "The kernel died.\n"
    assert are_gone([kernel, parent])


def test_cold_is_what_it_is_told_to_be(notebook, monkeypatch):
    monkeypatch.setattr(kernels, "_warmth", None)
    monkeypatch.setenv("HFCORE_COLD", "1")
    with kernels.warm_kernels():
        assert kernels.warm_up() is None
        assert printed(notebook(FORKED + "print(warm)")[1]) == "False\n"


@pytest.mark.parametrize("program", ["import sys; sys.exit(1)", "import time; time.sleep(60)"])
def test_without_an_answer_kernels_are_started(notebook, monkeypatch, program):
    monkeypatch.delenv("HFCORE_COLD", raising=False)
    monkeypatch.setattr(kernels, "_warmth", None)
    monkeypatch.setattr(kernel_provisioner, "PATIENCE_SECONDS", 1)
    monkeypatch.setattr(kernel_provisioner, "PROGRAM", ["-c", program])
    with kernels.warm_kernels():
        for _ in range(2):
            done, output = notebook(FORKED + "print(warm)")
            assert (done.error, printed(output)) == ("", "False\n")


def test_threads_forbid_forking():
    """A line that comes when the process has a second thread is closed without a kernel."""
    program = """
import json, os, socket, threading
from hfrun import fork_server
threading.Thread(target=threading.Event().wait, daemon=True).start()
ours, theirs = socket.socketpair()
ours.sendall(b"{}\\n")
kernels = {}
print(fork_server._fork(theirs, kernels), kernels, ours.recv(10))
os._exit(0)
"""
    done = subprocess.run(
        [sys.executable, "-u", "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "None {} b''\n"


def test_every_module_imported_ahead_exists():
    assert [name for name in fork_server.IMPORTED if importlib.util.find_spec(name) is None] == []


def test_importing_ahead_opens_no_data_and_leaves_the_backend_alone(tmp_path):
    program = """
import json, sys
opened = []
sys.addaudithook(lambda event, given: opened.append(str(given[0])) if event == "open" else None)
from hfrun import fork_server
fork_server.import_all()
late = [name for name in ("matplotlib_inline.backend_inline", "papermill") if name in sys.modules]
print(json.dumps([late, [path for path in opened if path.startswith(sys.argv[1])]]))
"""
    (tmp_path / "raw").mkdir()
    environment = os.environ | kernel_provisioner.ENVIRONMENT | {"HFCORE_DATA": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert json.loads(done.stdout) == [[], []]
