"""The environment: locks, conda's copy, and what the set-up says where something is missing."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
import bootstrap  # noqa: E402


def pins(need):
    """Return the pins of a lock by name; a name pinned twice for two systems stands once."""
    return {pin["name"]: pin for pin in bootstrap.read_lock(ROOT / bootstrap.LOCKS[need])}


@pytest.fixture
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


# Locks


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_each_pin_has_hashes_and_none_names_a_source(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    found = bootstrap.read_lock(ROOT / name)
    assert len(found) == len(re.findall(r"(?m)^[^\s#]", text))
    assert all("--hash=sha256:" in pin["text"] for pin in found)
    assert "://" not in text
    assert not re.search(r"(?m)^\s*(-|#.*(--index|--find-links))", text.replace("--hash", "hash"))


def test_read_lock_by_hand(tmp_path):
    lock = tmp_path / "a.lock"
    lock.write_text(
        "# written by hand\n"
        "uv==0.1 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n    # via x\n"
        "tzdata==2026.1 ; sys_platform == 'win32' \\\n    --hash=sha256:cc\n"
    )
    assert bootstrap.read_lock(lock) == [
        {
            "name": "uv",
            "version": "0.1",
            "marker": "",
            "text": "uv==0.1 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb",
        },
        {
            "name": "tzdata",
            "version": "2026.1",
            "marker": "sys_platform == 'win32'",
            "text": "tzdata==2026.1 ; sys_platform == 'win32' \\\n    --hash=sha256:cc",
        },
    ]


def test_the_locks_hold_what_the_project_asks_for(project):
    extras = project["optional-dependencies"]
    asked = {
        "run": project["dependencies"] + extras["setup"],
        "test": project["dependencies"] + extras["setup"] + extras["test"],
    }
    for need, lines in asked.items():
        locked = pins(need)
        for line in lines:
            wanted = Requirement(line)
            version = locked[canonicalize_name(wanted.name)]["version"]
            assert wanted.specifier.contains(version), f"{need}: {line} is locked at {version}"


def test_the_run_lock_is_a_part_of_the_test_lock_and_has_no_tests_in_it(project):
    def texts(need):
        return {pin["text"] for pin in bootstrap.read_lock(ROOT / bootstrap.LOCKS[need])}

    assert texts("run") < texts("test")
    extras = project["optional-dependencies"]
    left_out = {Requirement(line).name for line in extras["test"] + extras["cluster"]}
    assert not left_out & set(pins("run"))
    assert not {"dask", "distributed"} & set(pins("test"))


def test_the_build_backend_is_in_the_lock():
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]
    for line in build["requires"]:
        wanted = Requirement(line)
        assert wanted.specifier.contains(pins("run")[canonicalize_name(wanted.name)]["version"])


# environment.yml


def test_conda_gets_the_pins_of_the_lock():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    *packages, through_pip = conda["dependencies"]
    *pinned, project = through_pip["pip"]
    assert project == "-e ."
    assert set(packages) == {"python=3.11", "pip"}

    found = {(r.name, str(r.specifier), str(r.marker or "")) for r in map(Requirement, pinned)}
    locked = {
        (r.name, str(r.specifier), str(r.marker or ""))
        for pin in bootstrap.read_lock(ROOT / "requirements-dev.lock")
        for r in [Requirement(pin["text"].split(" \\")[0])]
        if r.name not in ("uv", "hatchling")
    }
    assert found == locked


def test_make_lock_would_write_the_same_file():
    pins = bootstrap.read_lock(ROOT / "requirements-dev.lock")
    written = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert bootstrap.conda_environment(pins) == written


def test_condas_python_is_one_that_the_project_allows(project):
    assert Requirement(f"python{project['requires-python']}").specifier.contains("3.11")


# Environment: made once, kept while the lock is the same


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A project of two pins, where commands are noted and answered by `replies`, not run."""
    venv = tmp_path / ".venv"
    (tmp_path / "pyproject.toml").write_text("")
    for name in bootstrap.LOCKS.values():
        (tmp_path / name).write_text(
            "uv==0.1 \\\n    --hash=sha256:aa\npandas==3.1 \\\n    --hash=sha256:bb\n"
        )
    places = {"ROOT": tmp_path, "VENV": venv, "PYTHON": venv / "python", "UV": venv / "uv"}
    for name, place in places.items():
        monkeypatch.setattr(bootstrap, name, place)
    machine = Machine(places)
    monkeypatch.setattr(bootstrap, "run", machine.run)
    monkeypatch.setattr(bootstrap.shutil, "which", machine.which)
    monkeypatch.setattr(bootstrap.os, "geteuid", lambda: 1000)
    return machine


class Machine:
    """A machine that answers as told: what it lacks, and what fails."""

    def __init__(self, places):
        self.places, self.programs, self.fails = places, {"apt-get"}, {}
        self.commands, self.seen = [], ""

    def which(self, name):
        return name if name in self.programs else None

    def run(self, command):
        words = " ".join(map(str, command))
        self.commands.append(words)
        for part, answer in self.fails.items():
            if re.search(part, words):
                return 1, answer
        if "-m venv" in words:
            self.places["VENV"].mkdir(exist_ok=True)
            self.places["PYTHON"].touch()
        if "pip install -q --require-hashes --no-deps" in words:
            self.places["UV"].touch()
        if "requirements-part.txt" in words:
            self.seen = (self.places["VENV"] / "requirements-part.txt").read_text()
        return 0, "uv 0.1"

    def said(self, pattern):
        return [words for words in self.commands if re.search(pattern, words)]


def test_an_unchanged_environment_runs_no_command(bare):
    assert bootstrap.main(["run"]) == 0
    assert bare.said(r"uv pip install .*requirements\.lock --only-binary :all:$")
    assert bare.said(r"uv pip install .*--no-deps --no-build-isolation -e ")
    bare.commands.clear()
    assert bootstrap.main([]) == 0
    assert bare.commands == []


def test_what_the_tests_need_is_enough_for_a_run_and_not_the_reverse(bare):
    bootstrap.main(["test"])
    bare.commands.clear()
    bootstrap.main(["run"])
    assert bare.commands == []
    (bare.places["VENV"] / ".hfcore-test").unlink()
    bootstrap.main(["run"])
    bare.commands.clear()
    bootstrap.main(["test"])
    assert bare.said(r"requirements-dev\.lock")


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_a_changed_lock_or_project_is_installed_anew_into_the_same_folder(bare, name):
    bootstrap.main(["run"])
    bare.commands.clear()
    with (bare.places["ROOT"] / name).open("a") as file:
        file.write("# changed\n")
    bootstrap.main(["run"])
    assert bare.said("requirements.lock")
    assert not bare.said("-m venv")


def test_a_moved_folder_is_set_up_again(bare, monkeypatch, tmp_path_factory):
    bootstrap.main(["run"])
    assert bootstrap.is_ready("run")
    before = bootstrap.fingerprint("run")
    moved = tmp_path_factory.mktemp("moved") / "clone"
    shutil.copytree(bare.places["ROOT"], moved)
    monkeypatch.setattr(bootstrap, "ROOT", moved)
    assert bootstrap.fingerprint("run") != before


def test_a_failed_or_interrupted_setup_is_not_taken_for_a_finished_one(bare, capsys):
    bare.fails = {r"uv pip install .*requirements\.lock": "error: connection refused"}
    assert bootstrap.main(["run"]) == 1
    assert not bootstrap.is_ready("run")
    bare.fails = {}
    assert bootstrap.main(["run"]) == 0
    assert bootstrap.is_ready("run")


def test_without_uv_pip_installs_the_same_lock(bare, capsys):
    bare.fails = {"hash.*--no-deps --only-binary": "no matching distribution"}
    assert bootstrap.main(["run"]) == 0
    assert bare.said(r"python -m pip install --no-deps -q --require-hashes -r .*part\.txt")
    assert bare.seen == "pandas==3.1 \\\n    --hash=sha256:bb\n"
    assert "uv does not run on this machine" in capsys.readouterr().err


def test_uv_is_installed_by_its_hash_alone(bare):
    bootstrap.main(["run"])
    assert bare.seen == "uv==0.1 \\\n    --hash=sha256:aa\n"


# What is missing is said in a sentence with the command that mends it


def sentence(capsys):
    """Return the last line of what was said, after checking that there is no traceback."""
    words = capsys.readouterr().err.strip()
    assert "Traceback" not in words
    return words.splitlines()[-1]


def test_no_venv(bare, monkeypatch, capsys):
    monkeypatch.setattr(bootstrap.importlib.util, "find_spec", lambda name: None)
    assert bootstrap.main(["run"]) == 1
    said = sentence(capsys)
    assert said == (
        "This Python cannot create environments (venv is missing): "
        "sudo apt-get install -y python3-venv"
    )


@pytest.mark.parametrize(
    ("programs", "command"),
    [
        ({"apt-get"}, "sudo apt-get install -y python3 python3-venv"),
        ({"dnf"}, "sudo dnf install -y python3.12"),
        ({"brew"}, "brew install python@3.13"),
        (set(), "install Python 3.13 from python.org"),
    ],
)
def test_too_old_a_python_names_the_command_of_this_machine(bare, programs, command):
    bare.programs = programs
    with pytest.raises(bootstrap.MissingError) as missing:
        bootstrap.check_python([], version=(3, 10, 13))
    assert str(missing.value) == f"Python 3.11 or newer is needed and this is 3.10: {command}"


def test_the_oldest_python_that_will_do_is_not_refused(bare):
    bootstrap.check_python([], version=(3, 11, 0))
    assert bare.commands == []


def test_a_newer_python_of_the_machine_is_taken_instead(bare, monkeypatch):
    bare.programs |= {"python3.12", "python3.11"}
    taken = []
    monkeypatch.setattr(bootstrap.os, "execv", lambda path, words: taken.append(words))
    bootstrap.check_python(["test"], version=(3, 9))
    assert taken == [["python3.12", str(bare.places["ROOT"] / "bootstrap.py"), "test"]]


def test_a_newer_python_that_does_not_start_is_passed_over(bare):
    bare.programs |= {"python3.12", "python3.11"}
    bare.fails = {"python3.12": "version not installed"}
    assert bootstrap.newer_python() == "python3.11"


def test_no_compiler_is_said_only_where_something_must_be_built(bare, capsys):
    bare.fails = {":all:$": "pandas==3.1 has no usable wheels"}
    assert bootstrap.main(["run"]) == 1
    said = sentence(capsys)
    assert said.startswith("A package has no ready-made file for Python 3.")
    assert said.endswith("use Python 3.13, or sudo apt-get install -y build-essential")

    bare.programs |= {"gcc"}
    assert bootstrap.main(["run"]) == 0


@pytest.mark.parametrize("step", [r"requirements-part\.txt", r"requirements\.lock"])
def test_no_network_is_said_at_the_first_step_that_meets_it(bare, capsys, step):
    bare.fails = {step: "connection broken by X\nERROR: No matching distribution found for uv"}
    assert bootstrap.main(["run"]) == 1
    assert sentence(capsys) == (
        "The packages could not be fetched: see to the network and its proxy settings "
        "(HTTPS_PROXY), then run the same command again"
    )
    assert len(bare.said(step)) == 1


def test_any_other_failure_passes_on_what_the_installer_says(bare, capsys):
    bare.fails = {r"requirements\.lock": "many words\nHash mismatch for pandas"}
    assert bootstrap.main(["run"]) == 1
    assert sentence(capsys) == (
        "Packages could not be installed; the installer says: Hash mismatch for pandas"
    )


def test_an_unknown_task(capsys):
    assert bootstrap.main(["fly"]) == 1
    assert sentence(capsys) == "There is no task fly: say run, test or lock."


def test_no_setting_of_the_user_leads_the_installer_elsewhere(monkeypatch):
    monkeypatch.setenv("PIP_TARGET", "elsewhere")
    monkeypatch.setenv("PIP_TIMEOUT", "9")
    show = "import os; print(os.environ.get('PIP_TARGET'), os.environ.get('PIP_TIMEOUT'))"
    assert bootstrap.run([sys.executable, "-c", show]) == (0, "None 9")


# make


def make(*arguments, **settings):
    if shutil.which("make") is None:
        pytest.skip("no make on this machine; get it with `sudo apt-get install make`")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")} | settings
    command = ["make", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stdout + done.stderr


def test_without_any_python_make_says_what_to_install():
    code, words = make("report", "PYTHON=no-such-python")
    assert code != 0
    assert "Python 3.11 or newer is needed: sudo apt-get install python3" in words


@pytest.mark.parametrize(
    ("target", "steps"),
    [
        ("report", ["bootstrap.py run", "hfcore ingest", "hfcore run", "site/index.html"]),
        ("test", ["bootstrap.py test", "hfcore run", "ruff check", "-m pytest"]),
        ("quick", ["bootstrap.py test", "-m pytest", "tests/unit", "not slow"]),
        ("types", ["bootstrap.py test", "-m mypy"]),
        ("docs", ["bootstrap.py test", "-m sphinx -W"]),
        ("wheel", ["bootstrap.py test", "tests/packaging -m packaging"]),
        ("lowest", ["bootstrap.py test", "--resolution lowest-direct", "tests/unit"]),
        ("lab", ["bootstrap.py run", "hfcore ingest", "jupyter lab"]),
        ("bench", ["bootstrap.py run", "benchmarks/"]),
        ("compare", ["bootstrap.py run", "compare_results.py"]),
        ("notebooks", ["bootstrap.py run", "notebooks/*.ipynb"]),
        ("lock", ["bootstrap.py lock"]),
    ],
)
def test_each_target_does_its_steps_in_order(target, steps):
    code, words = make("-n", target)
    assert code == 0
    places = [words.find(step) for step in steps]
    assert -1 not in places
    assert places == sorted(places)


# A check that is left out is named last, and is a failure where nothing may be


@pytest.mark.parametrize(
    ("settings", "code", "end"),
    [
        ({}, 0, "Left out 2 checks: no browser on this machine; get one with `sudo apt-get"),
        ({"HFCORE_REQUIRE_ALL": "1"}, 1, "Left out, and here nothing may be: no browser"),
        ({"CI": "true"}, 1, "Left out, and here nothing may be: no browser"),
    ],
)
def test_checks_without_a_browser(tmp_path, settings, code, end):
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_page.py").write_text(
        "import pytest\n"
        "def test_a(browser_path): pass\n"
        "def test_b(browser_path): pass\n"
        "def test_c(): pytest.skip('optional: more figures')\n"
        "@pytest.mark.xfail\n"
        "def test_d(): assert False\n"
    )
    (tmp_path / "empty").mkdir()
    kept = {k: v for k, v in os.environ.items() if k not in ("CI", "HFCORE_REQUIRE_ALL")}
    alone = {"PATH": str(tmp_path / "empty"), "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path), **settings}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        env=kept | {"CHROMIUM": ""} | alone,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert end in done.stdout
    assert "more figures" not in done.stdout
