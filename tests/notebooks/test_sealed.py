"""A public notebook reaches its folder and nothing else, whatever it tries."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
from conftest import OPTIONAL
from small_study import CODES, DEFINITION, NAME, write_data, write_notebook

from hfcore.errors import HfcoreError
from hfcore.study_file import read_study
from hfrun import engine, sandbox

NO_LANDLOCK = OPTIONAL + "this system has no Landlock; the audit hook holds alone"
CHECKOUT = str(Path(sandbox.__file__).parents[2])
PARAMETERS = 'root = ""  # the real data folder'
TRY = """
import contextlib, ctypes, os, pathlib, shutil, socket, subprocess, sys, urllib.request
import pandas as pd
exact = f"{root}/processed/liten-studie/results/municipality=1290/x.parquet"
raw = f"{root}/raw/liten-studie/study.toml"
libc = ctypes.CDLL(None, use_errno=True)
def link():
    os.symlink(exact, "link.parquet")
    return pathlib.Path("link.parquet").read_bytes()
def dive():
    return pathlib.Path("/proc/self/root" + raw).read_bytes()
def must(outcome):
    if outcome < 0 or outcome > 255:
        raise PermissionError
    return outcome
WAYS = {
    "open": lambda: open(exact, "rb").read(),
    "pandas": lambda: pd.read_parquet(exact),
    "raw": lambda: open(raw).read(),
    "os.open": lambda: os.open(exact, os.O_RDONLY),
    "dir_fd": lambda: os.open("x.parquet", os.O_RDONLY, dir_fd=os.open(os.path.dirname(exact), 0)),
    "listdir": lambda: os.listdir(root),
    "scandir": lambda: list(os.scandir(os.path.dirname(exact))),
    "symlink": link,
    "planted link": lambda: open("planted", "rb").read(),
    "hard link": lambda: os.link(exact, "hard"),
    "copy": lambda: shutil.copy(exact, "copy"),
    "move": lambda: os.rename(exact, "moved"),
    "proc": dive,
    "parent": lambda: open(f"/proc/{os.getppid()}/environ", "rb").read(),
    "chdir": lambda: os.chdir(root),
    "subprocess": lambda: subprocess.run(["cat", exact], check=True),
    "system": lambda: must(-os.system(f"cat {exact} > /dev/null 2>&1")),
    "fork": lambda: os.fork(),
    "spawn": lambda: os.posix_spawn("/bin/cat", ["cat", exact], {}),
    "write": lambda: open(f"{root}/new", "w"),
    "home": lambda: open(os.path.expanduser("~root/.bashrc")).read(),
    "web": lambda: urllib.request.urlopen("http://127.0.0.1:9", timeout=2),
    "socket": lambda: socket.socket().connect(("127.0.0.1", 9)),
    "datagram": lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9)),
}
LANDLOCKED = {
    "libc open": lambda: must(libc.open(exact.encode(), 0)),
    "libc system": lambda: must(-libc.system(f"cat {exact} > /dev/null 2>&1".encode())),
    "libc kill": lambda: must(libc.kill(os.getppid(), 0)),
}
"""
REACHED = """
reached = []
for name, way in ({} | WAYS | (LANDLOCKED if LANDLOCK else {})).items():
    with contextlib.suppress(Exception):
        way()
        reached.append(name)
print("reached", reached)
"""
NORMAL = """
import matplotlib.pyplot as plt
import hfcore as hf
axes = plt.plot([1, 2])
plt.show()
pd.DataFrame({"a": [1]}).to_parquet("mine.parquet")
print(hf.load_study("liten-studie").codes, len(pd.read_parquet("mine.parquet")), open("own").read())
"""


@pytest.fixture
def places(tmp_path):
    """Return a data folder with an exact result, and a sealed root with a link to it."""
    data = write_data(tmp_path / "data")
    exact = data / "processed" / NAME / "results" / "municipality=1290" / "x.parquet"
    exact.parent.mkdir(parents=True)
    exact.write_bytes(b"an exact result")
    root = tmp_path / "root"
    root.mkdir()
    sandbox.fill(root, data, NAME, [])
    (root / "own").write_text("own")
    (root / "planted").symlink_to(exact)
    return data, root


def run(tmp_path, places, *cells):
    data, root = places
    path = write_notebook(tmp_path / "n.ipynb", *cells, parameters=PARAMETERS)
    output = tmp_path / "out.ipynb"
    done = engine.execute(path, output, {"root": str(data)}, sealed_root=root)
    return done, output


def test_no_way_out_and_the_normal_way_works(tmp_path, places):
    reached = REACHED.replace("if LANDLOCK", f"if {sandbox.landlock_version() > 0}")
    done, output = run(tmp_path, places, TRY, reached, NORMAL)
    assert done.error == ""
    outputs = [o for c in nbformat.read(output, as_version=4).cells for o in c.get("outputs", [])]
    text = "".join(each.get("text", "") for each in outputs)
    assert text == f"reached []\n{CODES!r} 1 own\n"
    assert any("image/png" in each.get("data", {}) for each in outputs)


def test_without_landlock_nothing_around_the_kernel_leads_to_the_data(
    tmp_path, places, monkeypatch
):
    monkeypatch.setattr(sandbox, "landlock_version", lambda: 0)
    data, _ = places
    root = tmp_path / "apart"
    root.mkdir()
    sandbox.fill(root, data, NAME, [])
    look = (
        "import os, sys, hfcore, hfpublish\nimport pandas as pd\n"
        "told = [*os.environ.values(), *sys.path, *sys.argv, hfcore.__file__, hfpublish.__file__]\n"
        "print(hfcore.__file__.split(os.sep)[-3])\n"
        f"print([each for each in told if {str(data)!r} in each])\n"
        f"print([each for each in told if {CHECKOUT!r} in each and '.venv' not in each])"
    )
    path = write_notebook(tmp_path / "n.ipynb", look, NORMAL.replace(', open("own").read()', ""))
    output = tmp_path / "out.ipynb"
    done = engine.execute(path, output, {}, sealed_root=root)
    assert done.error == ""
    outputs = [o for c in nbformat.read(output, as_version=4).cells for o in c.get("outputs", [])]
    lines = "".join(each.get("text", "") for each in outputs).splitlines()
    assert lines[0].split()[0] == sandbox.PROGRAMS
    assert lines[1:3] == ["[]", "[]"]


def test_a_report_that_tries_fails(tmp_path, places):
    done, output = run(tmp_path, places, TRY, 'WAYS["raw"]()')
    assert done.error == "Cell 3 stopped with PermissionError."
    assert not output.exists()


def test_the_attempts_can_succeed_elsewhere(tmp_path, places):
    """The ways that the sealed kernel is denied do lead somewhere in an open one."""
    data, _ = places
    path = write_notebook(
        tmp_path / "n.ipynb",
        TRY,
        'print([len(WAYS["open"]()), WAYS["subprocess"]().returncode, len(WAYS["proc"]()) > 0])',
        parameters=PARAMETERS,
    )
    done = engine.execute(path, tmp_path / "o.ipynb", {"root": str(data)})
    assert done.error == ""


@pytest.mark.skipif(not sandbox.landlock_version(), reason=NO_LANDLOCK)
def test_landlock_holds_without_the_audit_hook(places):
    assert _outside(places, "sys.addaudithook = lambda hook: None") == "denied"


def test_the_audit_hook_holds_without_landlock(places):
    assert _outside(places, "sandbox.landlock_version = lambda: 0") == "denied"


def test_without_both_nothing_holds(places):
    both = "sandbox.landlock_version = lambda: 0; sys.addaudithook = lambda hook: None"
    assert _outside(places, both) == "read"


def _outside(places, weaken):
    """Seal a process of its own, weakened, and say whether it can read the raw definition."""
    data, root = places
    code = f"""
import sys
from pathlib import Path
from hfrun import sandbox
{weaken}
sandbox.seal([Path({str(root)!r})])
try:
    open({str(data / "raw" / NAME / "study.toml")!r}).read()
    print("read")
except PermissionError:
    print("denied")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_definition_goes_without_its_sources(places):
    _, root = places
    text = (root / "raw" / NAME / "study.toml").read_text(encoding="utf-8")
    assert "SECRETNAME" not in text and "sources" not in text
    whole = tomllib.loads(DEFINITION)
    del whole["sources"]
    assert tomllib.loads(text) == whole
    assert read_study(root / "raw" / NAME / "study.toml").codes == CODES


def test_hostile_texts_survive_the_definition(tmp_path):
    name = 'a"b\\c\n\x7f\t\u2028é☃'
    data, root = tmp_path / "data", tmp_path / "root"
    (data / "raw" / "x").mkdir(parents=True)
    written = (
        '[title]\nsv = "a\\"b\\\\c\\n\\u007f\\t\u2028é☃"\n"odd key" = 1979-05-27\nt = 07:32:00'
    )
    (data / "raw" / "x" / "study.toml").write_text(written, encoding="utf-8")
    root.mkdir()
    sandbox.fill(root, data, "x", [])
    back = tomllib.loads((root / "raw" / "x" / "study.toml").read_text(encoding="utf-8"))
    assert back["title"]["sv"] == name
    assert back == tomllib.loads(written)


def test_data_inside_the_installation_are_refused(tmp_path):
    sandbox.check_apart(tmp_path)
    with pytest.raises(HfcoreError, match="move the data, or name another folder with --data"):
        sandbox.check_apart(sandbox.readable_paths()[0] / "data")


def test_the_secret_folder_is_not_among_the_readable_ones():
    home = os.path.expanduser("~")
    assert home not in map(str, sandbox.readable_paths())
    assert "/" not in map(str, sandbox.readable_paths())
