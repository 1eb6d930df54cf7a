"""Create the project's environment in .venv from a lock file, with the standard library alone.

    python bootstrap.py         what a run needs     (requirements.lock)
    python bootstrap.py test    what the tests need  (requirements-dev.lock)
    python bootstrap.py lock    resolve anew: the locks and environment.yml (`lock --upgrade`)

An environment that is already right costs milliseconds: its stamp holds a hash of the lock.
What is missing on the machine is said in one sentence, with the command that mends it.
This file must at least compile on old Pythons, whose users it tells what they need.
"""

import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
LOCKS = {"run": "requirements.lock", "test": "requirements-dev.lock"}
OLDEST = (3, 11)
SETUP_TOOLS = ("hatchling", "uv")
SCRIPTS = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = SCRIPTS / ("python.exe" if os.name == "nt" else "python")
UV = SCRIPTS / ("uv.exe" if os.name == "nt" else "uv")

# What would lead an installer to another place than .venv.
STRAY_SETTINGS = ("PYTHONHOME", "PYTHONPATH", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "VIRTUAL_ENV")

MANAGERS = {"apt-get": "apt-get install -y", "dnf": "dnf install -y", "brew": "brew install"}
PACKAGES = {
    "python": {"apt-get": "python3 python3-venv", "dnf": "python3.12", "brew": "python@3.13"},
    "venv": {"apt-get": "python3-venv", "dnf": "python3", "brew": "python@3.13"},
    "compiler": {"apt-get": "build-essential", "dnf": "gcc gcc-c++", "brew": "gcc"},
}
ELSEWHERE = {
    "python": "install Python 3.13 from python.org",
    "venv": "install Python 3.13 from python.org, which brings venv",
    "compiler": "install a C and C++ compiler",
}

CONDA_HEAD = """\
# The same environment for conda: conda env create -f environment.yml
# Written by `make lock` from requirements-dev.lock; a test holds the two together.
name: hfcore
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python=3.11
  - pip
  - pip:
"""


class MissingError(Exception):
    """Something the machine lacks, as a sentence with the command that mends it."""


def main(arguments):
    """Do what the first argument names; return the exit code."""
    task = arguments[0] if arguments else "run"
    try:
        check_python(arguments)
        if task == "lock":
            lock(arguments[1:])
        elif task in LOCKS:
            ensure(task)
        else:
            raise MissingError(f"There is no task {task}: say run, test or lock.")
    except MissingError as missing:
        print(missing, file=sys.stderr)
        return 1
    return 0


def how_to_get(what):
    """Return the command that installs `what` with the machine's own package manager."""
    for manager, verb in MANAGERS.items():
        names = PACKAGES[what].get(manager)
        if names and shutil.which(manager):
            is_user = manager != "brew" and hasattr(os, "geteuid") and os.geteuid() != 0
            return f"{'sudo ' if is_user else ''}{verb} {names}"
    return ELSEWHERE[what]


def check_python(arguments, version=sys.version_info):
    """Go on under a newer Python of this machine where the present one is too old."""
    if tuple(version[:2]) >= OLDEST:
        return
    newer = newer_python()
    if newer is None:
        needed = f"Python 3.11 or newer is needed and this is {version[0]}.{version[1]}"
        raise MissingError(f"{needed}: {how_to_get('python')}")
    os.execv(newer, [newer, str(ROOT / "bootstrap.py"), *arguments])


def newer_python():
    """Return the path of the newest tried Python that starts here, or None."""
    for name in ("python3.13", "python3.12", "python3.11"):
        path = shutil.which(name)
        if path and run([path, "-c", ""])[0] == 0:
            return path
    return None


def ensure(need):
    """Make .venv hold what `need` (run or test) asks for; nothing is done where it does."""
    with one_at_a_time():
        if is_ready(need):
            return
        start = time.monotonic()
        say(f"Setting up .venv from {LOCKS[need]} ...")
        create_venv()
        install(need)
        stamp(need).write_text(fingerprint(need), encoding="ascii")
        say(f"The environment is ready ({time.monotonic() - start:.0f} s).")


def is_ready(need):
    """Return whether a finished environment of the present lock holds what `need` asks for."""
    enough = ("test",) if need == "test" else ("run", "test")
    return PYTHON.exists() and any(
        stamp(kind).is_file() and stamp(kind).read_text(encoding="ascii") == fingerprint(kind)
        for kind in enough
    )


def stamp(need):
    """Return the file that is written when an environment is finished."""
    return VENV / f".hfcore-{need}"


def fingerprint(need):
    """Return a hash of what the environment is made from, and of where it stands."""
    parts = [(ROOT / name).read_bytes() for name in (LOCKS[need], "pyproject.toml")]
    return hashlib.sha256(b"\0".join([*parts, os.fsencode(str(ROOT))])).hexdigest()


@contextlib.contextmanager
def one_at_a_time():
    """Wait for another set-up of the same folder to end (where the system has such locks)."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    folder = os.open(str(ROOT), os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def create_venv():
    """Create .venv with pip, unless one that works is there."""
    if PYTHON.exists() and run([PYTHON, "-m", "pip", "--version"])[0] == 0:
        return
    if importlib.util.find_spec("ensurepip") is None:
        raise MissingError(
            f"This Python cannot create environments (venv is missing): {how_to_get('venv')}"
        )
    code, words = run([sys.executable, "-m", "venv", "--clear", VENV])
    if code:
        raise MissingError(f"The folder .venv could not be created; Python says: {last(words)}")


def install(need):
    """Install the lock and the project itself into .venv, with uv or else with pip."""
    pins = read_lock(ROOT / LOCKS[need])
    if has_uv(pins):
        installer, requirements = [UV, "pip", "install", "--python", PYTHON], ROOT / LOCKS[need]
    else:
        say("uv does not run on this machine; pip does the same in about a minute.")
        installer = [PYTHON, "-m", "pip", "install", "--no-deps"]
        requirements = write_part(pins, lambda name: name != "uv")
    install_lock(installer, requirements)
    code, words = run([*installer, "-q", "--no-deps", "--no-build-isolation", "-e", ROOT])
    if code:
        raise MissingError(f"The project could not be installed into .venv: {last(words)}")


def install_lock(installer, requirements):
    """Install ready-made packages; build those that have none where there is a compiler."""
    command = [*installer, "-q", "--require-hashes", "-r", requirements]
    code, words = run([*command, "--only-binary", ":all:"])
    check_network(code, words)
    if code and re.search(r"wheel|no matching distribution", words, re.IGNORECASE):
        check_compiler()
        code, words = run(command)
        check_network(code, words)
    if code:
        raise MissingError(f"Packages could not be installed; the installer says: {last(words)}")


def check_network(code, words):
    """Say so where an installer failed because it reached nothing."""
    if code and re.search(r"connect|network|name resolution|timed out", words, re.IGNORECASE):
        raise MissingError(
            "The packages could not be fetched: see to the network and its proxy settings "
            "(HTTPS_PROXY), then run the same command again"
        )


def check_compiler():
    """Say so where a package must be built and nothing can build it."""
    if not any(map(shutil.which, ("cc", "gcc", "clang"))):
        version = ".".join(map(str, sys.version_info[:2]))
        raise MissingError(
            f"A package has no ready-made file for Python {version} on this machine and there is "
            f"no compiler to build it: use Python 3.13, or {how_to_get('compiler')}"
        )


def has_uv(pins):
    """Return whether the pinned uv runs, after installing its ready-made file by its hash."""
    wanted = next(pin for pin in pins if pin["name"] == "uv")
    if not (UV.exists() and wanted["version"] in run([UV, "--version"])[1].split()):
        part = write_part(pins, lambda name: name == "uv")
        by_hash = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "-r", part]
        check_network(*run([PYTHON, "-m", "pip", "install", "-q", *by_hash]))
    return UV.exists() and run([UV, "--version"])[0] == 0


def read_lock(path):
    """Return the pins of a lock: name, version, marker (or ""), and the text with the hashes."""
    text = re.sub(r"(?m)^ *#.*\n", "", path.read_text(encoding="utf-8"))
    pin = re.compile(r"(?m)^([\w.-]+)==([^\s;]+)(?: *; *(.+?))?(?: \\\n +--hash=\S+)*$")
    return [
        {"name": m[1], "version": m[2], "marker": m[3] or "", "text": m[0]}
        for m in pin.finditer(text)
    ]


def write_part(pins, is_wanted):
    """Write the wanted pins with their hashes to a file in .venv and return its path."""
    path = VENV / "requirements-part.txt"
    wanted = [pin["text"] + "\n" for pin in pins if is_wanted(pin["name"])]
    path.write_text("".join(wanted), encoding="utf-8")
    return path


def lock(options):
    """Resolve pyproject.toml into both locks (the second keeps the first) and environment.yml."""
    ensure("test")
    compile_lock("run", ["--extra", "setup", *options])
    extras = [
        part for name in ("setup", "validation", "test", "docs") for part in ("--extra", name)
    ]
    compile_lock("test", [*extras, "-c", LOCKS["run"], *options])
    conda = conda_environment(read_lock(ROOT / LOCKS["test"]))
    (ROOT / "environment.yml").write_text(conda, encoding="utf-8")


def compile_lock(need, options):
    """Resolve pyproject.toml for every system and Python at once, with hashes."""
    command = [UV, "pip", "compile", "-q", "pyproject.toml", "-o", LOCKS[need], *options]
    command += ["--universal", "--fork-strategy", "fewest", "--python-version", "3.11"]
    command += ["--generate-hashes", "--custom-compile-command", "make lock"]
    # Packages come poisoned now and then, for hours.
    command += ["--exclude-newer", "7 days"]
    code, words = run(command)
    if code:
        raise MissingError(f"The packages cannot be resolved together: {words}")


def conda_environment(pins):
    """Return the text of environment.yml: the oldest Python, and the lock's pins through pip."""
    lines = [
        f"      - {pin['name']}=={pin['version']}"
        + (f" ; {pin['marker']}" if pin["marker"] else "")
        for pin in pins
        if pin["name"] not in SETUP_TOOLS
    ]
    return "\n".join([CONDA_HEAD.rstrip(), *lines, "      - -e .", ""])


def run(command):
    """Run a command in the project's folder; return its exit code and all that it said."""
    settings = {name: value for name, value in os.environ.items() if name not in STRAY_SETTINGS}
    together = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    text = {"encoding": "utf-8", "errors": "replace"}
    words = [str(part) for part in command]
    done = subprocess.run(words, cwd=str(ROOT), env=settings, check=False, **together, **text)
    return done.returncode, done.stdout.strip()


def last(words):
    """Return the last line of what a command said."""
    return words.splitlines()[-1].strip() if words else "nothing"


def say(sentence):
    """Tell the user how it goes, beside the results of what follows."""
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
