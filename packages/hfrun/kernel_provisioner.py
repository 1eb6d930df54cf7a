"""Kernels forked from a warm process (``hfrun.fork_server``), where Jupyter expects started ones.

Where the system cannot fork, or the warm process does not start or answer, a kernel is started as
Jupyter does it. Only ``hfrun.kernels`` uses this module.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint
from typing import Any

from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

NAME = "hfcore-warm"
PATIENCE_SECONDS = 60
LONGEST_REPLY = 100
PROGRAM = ["-P", "-m", "hfrun.fork_server"]
# pyarrow brings an allocator that would start a thread, and a process with threads cannot fork.
ENVIRONMENT = {
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
}


def can_fork() -> bool:
    """Whether kernels can be forked here: on Linux, unless ``HFCORE_COLD`` forbids it."""
    return sys.platform.startswith("linux") and not os.environ.get("HFCORE_COLD")


class ForkedProcess:
    """A forked kernel, with what ``subprocess.Popen`` has to say of a started one."""

    stdin = stdout = stderr = None

    def __init__(self, line: socket.socket, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._line = line
        self._guard = threading.Lock()
        line.setblocking(False)

    def poll(self) -> int | None:
        """The exit code, or null while the kernel runs; a signal's number is negative."""
        with self._guard:
            if self.returncode is None:
                self.returncode = self._exit_code()
        return self.returncode

    def wait(self) -> int:
        """Wait for the end of the kernel, and free its number."""
        while (code := self.poll()) is None:
            time.sleep(0.05)
        self.close()
        return code

    def send_signal(self, signum: int) -> None:
        """Send a signal, if the kernel runs."""
        if self.poll() is None:
            os.kill(self.pid, signum)

    def kill(self) -> None:
        """Kill the kernel."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask the kernel to end."""
        self.send_signal(signal.SIGTERM)

    def close(self) -> None:
        """Let the warm process end the kernel, if it still runs, and free its number."""
        with self._guard:
            if self.returncode is None:
                self.returncode = -signal.SIGKILL
            self._line.close()

    def _exit_code(self) -> int | None:
        try:
            reply = self._line.recv(LONGEST_REPLY)
        except BlockingIOError:
            return None
        except OSError:
            reply = b""
        return json.loads(reply)["exit"] if reply else -signal.SIGKILL


class WarmProcess:
    """The process that kernels are forked from, from its start until ``close``."""

    def __init__(self, environment: Mapping[str, str], folder: str) -> None:
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, *PROGRAM],
                stdin=theirs,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**environment, **ENVIRONMENT},
                cwd=folder,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def fork(
        self, command: Sequence[str], environment: Mapping[str, str], folder: str
    ) -> ForkedProcess | None:
        """Fork a kernel that is like one started by ``command``; null where that cannot be."""
        line, theirs = socket.socketpair()
        line.settimeout(PATIENCE_SECONDS)
        request = {"command": [*command], "environment": {**environment}, "folder": folder}
        try:
            with theirs:
                socket.send_fds(self._control, [b"k"], [theirs.fileno()])
            line.sendall(json.dumps(request).encode() + b"\n")
            return ForkedProcess(line, _first_reply(line)["pid"])
        except TimeoutError:
            self.close()
        except (OSError, KeyError, ValueError):
            pass
        line.close()
        return None

    def close(self) -> None:
        """End the process and every kernel that it has forked."""
        self._control.close()
        try:
            self._process.wait(PATIENCE_SECONDS / 6)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class WarmProvisioner(LocalProvisioner):
    """Forks its kernel from the warm process that the kernel's manager names, if that can be."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> dict[str, Any]:
        """Fork or start a kernel."""
        process = self.parent.warm.fork(cmd, kwargs["env"], str(kwargs["cwd"]))
        if process is None:
            return await super().launch_kernel(cmd, **kwargs)
        self.process, self.pid, self.pgid = process, process.pid, process.pid
        self.cwd = kwargs["cwd"]
        return self.connection_info


def register() -> dict[str, Any]:
    """Tell Jupyter of the provisioner; return the part of a kernel's specification that asks it."""
    KernelProvisionerFactory.provisioners[NAME] = EntryPoint(
        NAME, f"{__name__}:{WarmProvisioner.__name__}", KernelProvisionerFactory.GROUP_NAME
    )
    return {"kernel_provisioner": {"provisioner_name": NAME, "config": {}}}


def _first_reply(line: socket.socket) -> dict[str, int]:
    """What comes back first: the number of the kernel, which no exit code can overtake."""
    reply = b""
    while not reply.endswith(b"\n"):
        byte = line.recv(1)
        if not byte:
            raise ConnectionResetError
        reply += byte
    return json.loads(reply)
