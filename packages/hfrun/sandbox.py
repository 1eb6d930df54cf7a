"""A kernel that can reach one folder and nothing else: ``python -m hfrun.sandbox -f FILE``.

What a public page is made from is decided here, not by care in its cells. The process locks
itself down before it reads anything: by Landlock, a Linux facility that neither it nor any program
it starts can undo, and by an audit hook. Where the system has no Landlock the hook does not hold C
libraries (pyarrow, ctypes): there the kernel gets the programs too as copies, no path in its
surroundings leads to the data, and the run says so.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import site
import struct
import sys
import sysconfig
import tomllib
from collections.abc import Iterable
from datetime import date
from datetime import time as datetime_time
from pathlib import Path
from typing import Any

from hfcore.errors import HfcoreError
from hfcore.store import WAITING
from hfrun import package_folders

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_EXECUTE, _WRITE, _READ, _LIST = 1, 2, 4, 8
_FILE_RIGHTS = _EXECUTE | _WRITE | _READ | 1 << 14 | 1 << 15
_RIGHTS_BY_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_NO_NEW_PRIVILEGES = 38
_SYSTEM = ("/usr", "/lib", "/lib64", "/lib32", "/bin", "/sbin", "/opt/homebrew", "/nix/store")
_SYSTEM_FILES = (
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/fonts",
    "/etc/mime.types",
    "/dev/urandom",
    "/dev/random",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/filesystems",
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
)
PROGRAMS = "programs"
NOT_WATERTIGHT = (
    "This system has no Landlock, so a seal on the public notebooks holds within Python only. They "
    "are made from a working copy that holds protected results alone, and nothing in their "
    "surroundings leads to the rest."
)
_REFUSED = (
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "os.forkpty",
    "os.startfile",
    "pty.spawn",
    "socket.connect",
    "socket.sendto",
    "socket.sendmsg",
    "socket.bind",
    "socket.getaddrinfo",
    "socket.gethostbyname",
)
_READS = ("os.listdir", "os.scandir", "os.chdir")
_WRITES = (
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.truncate",
    "os.chmod",
    "os.chown",
    "os.utime",
)


def main() -> None:
    """Lock this process down to the folders in ``HFCORE_SEALED`` and become a kernel."""
    roots = [Path(each) for each in os.environ["HFCORE_SEALED"].split(os.pathsep)]
    if os.environ.get("PYTHONPATH") == str(roots[0] / PROGRAMS):
        _forget_other_places(roots[0])
    seal(roots)
    from ipykernel import kernelapp

    kernelapp.launch_new_instance()


def seal(roots: list[Path]) -> None:
    """Let this process, for good, read the installed programs and reach ``roots``, nothing else.

    ``roots`` are existing folders, which it may also write to. Raises HfcoreError where neither
    Landlock nor the audit hook can be set.
    """
    readable = readable_paths()
    if landlock_version() > 0:
        _lock(readable, [*roots, Path("/dev/null")])
    sys.addaudithook(_Fence(readable, roots))


def is_watertight() -> bool:
    """Whether this system can keep what is not Python's own (C libraries) from other files too."""
    return landlock_version() > 0


def _forget_other_places(root: Path) -> None:
    """Import from the Python installation and the working copy alone, not from a checkout."""
    known = [*_python_folders(), root]
    sys.path[:] = [each for each in sys.path if any(Path(each).is_relative_to(k) for k in known)]


def _python_folders() -> list[Path]:
    python = {sys.prefix, sys.base_prefix, *sysconfig.get_paths().values(), *site.getsitepackages()}
    return [Path(each) for each in sorted(python)]


def readable_paths() -> list[Path]:
    """What any Python program needs to read: its installation, our packages, system libraries."""
    own = [*_python_folders(), *package_folders()]
    system = [Path(each) for each in (*_SYSTEM, *_SYSTEM_FILES, "/proc/self")]
    return [path for path in own + system if path.exists()]


def fill(root: Path, data_root: Path, study_name: str, protected: Iterable[Path]) -> None:
    """Lay out the folder of a public notebook: the study's definition and protected results.

    The definition goes without its sources, which tell of the raw files. Where the seal cannot hold
    C libraries, the programs go along too, so that nothing in the kernel leads back to the data.
    """
    if not is_watertight():
        for folder in package_folders():
            shutil.copytree(
                folder, root / PROGRAMS / folder.name, ignore=shutil.ignore_patterns("__pycache__")
            )
    definition = Path("raw") / study_name / "study.toml"
    raw = tomllib.loads((data_root / definition).read_text(encoding="utf-8"))
    raw.pop("sources", None)
    (root / definition).parent.mkdir(parents=True)
    lines = [f"{json.dumps(key)} = {_toml(value)}\n" for key, value in raw.items()]
    (root / definition).write_text("".join(lines), encoding="utf-8")
    for path in protected:
        parts = path.relative_to(data_root).parts
        copy = root.joinpath(*("protected" if each == WAITING else each for each in parts))
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def _toml(value: Any) -> str:
    """A value as TOML on one line; it came from TOML, so there are no other types."""
    if isinstance(value, dict):
        pairs = (f"{json.dumps(key)} = {_toml(each)}" for key, each in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, date | datetime_time):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def check_apart(secret: Path) -> None:
    """Raise HfcoreError where the data lie inside what every program may read."""
    target = secret.resolve()
    for path in readable_paths():
        if target.is_relative_to(path.resolve()):
            raise HfcoreError(
                "The data folder lies inside the Python installation, where public notebooks can "
                "read it: move the data, or name another folder with --data."
            )


def landlock_version() -> int:
    """The version of Landlock that this system offers; 0 where there is none."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(0, _syscall(_CREATE, None, 0, 1))


def _syscall(*arguments: Any) -> int:
    function = ctypes.CDLL(None, use_errno=True).syscall
    function.restype = ctypes.c_long
    return function(*(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments))


def _lock(readable: list[Path], writable: list[Path]) -> None:
    """Restrict this process and its children to two lists of paths, and refuse them TCP."""
    version = landlock_version()
    rights = _RIGHTS_BY_ABI[max(abi for abi in _RIGHTS_BY_ABI if abi <= version)]
    network, scope = 0b11 if version >= 4 else 0, 0b11 if version >= 6 else 0
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    attributes = struct.pack("=QQQ", rights, network, scope)[:size]
    rules = _syscall(_CREATE, ctypes.c_char_p(attributes), size, 0)
    _require(rules)
    for path in readable:
        _allow(rules, path, (_EXECUTE | _READ | _LIST) & rights)
    for path in writable:
        _allow(rules, path, rights & ~_EXECUTE)
    _require(ctypes.CDLL(None, use_errno=True).prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    _require(_syscall(_RESTRICT, rules, 0))
    os.close(rules)


def _allow(rules: int, path: Path, rights: int) -> None:
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    rights = rights if path.is_dir() else rights & _FILE_RIGHTS
    rule = ctypes.c_char_p(struct.pack("=Qi", rights, handle))
    _require(_syscall(_ADD, rules, 1, rule, 0))
    os.close(handle)


def _require(outcome: int) -> None:
    if outcome < 0:
        raise HfcoreError(
            f"The public notebook could not be sealed off (system error {ctypes.get_errno()})."
        )


class _Fence:
    """Refuses, within Python, what lies outside the readable paths and the roots."""

    def __init__(self, readable: list[Path], roots: list[Path]) -> None:
        self.writable = tuple(os.path.realpath(root) for root in roots)
        self.readable = (*self.writable, *(os.path.realpath(path) for path in readable))
        self.realpath = os.path.realpath

    def __call__(self, event: str, arguments: tuple) -> None:
        if event in _REFUSED:
            self.refuse()
        if event == "open" and isinstance(arguments[0], str | bytes):
            self.check_open(*arguments[:3])
        elif event in _READS and arguments and isinstance(arguments[0], str | bytes):
            self.check(arguments[0], self.readable)
        elif event in _WRITES:
            for each in arguments:
                if isinstance(each, str | bytes):
                    self.check(each, self.writable)

    def check_open(self, path: str | bytes, mode: str | None, flags: int) -> None:
        writes = bool(set(mode or "") & set("wax+")) or bool(flags & (os.O_WRONLY | os.O_RDWR))
        if os.fsdecode(path) != os.devnull:
            self.check(path, self.writable if writes else self.readable)

    def check(self, path: str | bytes, allowed: tuple[str, ...]) -> None:
        real = self.realpath(os.fsdecode(path))
        if not any(real == each or real.startswith(each + os.sep) for each in allowed):
            self.refuse()

    def refuse(self) -> None:
        raise PermissionError("A public notebook reaches nothing but protected results.")


if __name__ == "__main__":
    main()
