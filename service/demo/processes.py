"""Child processes that never outlive us, not even after kill -9."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

PR_SET_PDEATHSIG = 1
STOP_SECONDS = 10


def die_with_parent(how: signal.Signals) -> Callable[[], None] | None:
    """A `preexec_fn` that asks Linux to signal the child when we end; None elsewhere.

    `subprocess` runs it after changing the user, which would otherwise clear the wish.
    """
    if sys.platform != "linux":
        return None
    libc, parent = ctypes.CDLL(None), os.getpid()

    def ask() -> None:
        libc.prctl(PR_SET_PDEATHSIG, how)
        if os.getppid() != parent:  # we ended between fork and prctl
            os._exit(1)

    return ask


@dataclass(frozen=True, slots=True)
class Child:
    """A running process with its log."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    how: signal.Signals
    env: Mapping[str, str] | None = field(default=None, repr=False)
    user: str | None = None

    def again(self) -> "Child":
        """The same command once more, after this one ended."""
        argv = [str(part) for part in _parts(self.process.args)]
        return spawn(self.name, argv, log=self.log, env=self.env, user=self.user, how=self.how)

    def stop(self) -> None:
        """Asks, waits, and insists."""
        with suppress(ProcessLookupError):
            self.process.send_signal(self.how)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    @property
    def last_words(self) -> str:
        """The end of its log: the log itself goes with its stage before anybody could open it."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "nothing")
        return last.removeprefix("pazpaz-agent: ")

    @property
    def cpu_seconds(self) -> float:
        """What all its threads used so far, to the nanosecond. Linux only; raises OSError once it ended."""
        clock = ctypes.c_int()
        if error := ctypes.CDLL(None).clock_getcpuclockid(self.process.pid, ctypes.byref(clock)):
            raise OSError(error, os.strerror(error))
        return time.clock_gettime(clock.value)


def spawn(
    name: str,
    argv: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    user: str | None = None,
    how: signal.Signals = signal.SIGTERM,
) -> Child:
    """Starts a child with its output in `log`; `how` stops it. Call from the main thread: Linux watches that one."""
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own commands
            [str(part) for part in argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(env) if env is not None else None,
            user=user,
            start_new_session=True,
            preexec_fn=die_with_parent(how),
        )
    return Child(name, process, log, how, env, user)


def _parts(argv: object) -> Sequence[object]:
    assert isinstance(argv, list)  # noqa: S101 - `spawn` gave it
    return argv


def free_port() -> int:
    """A loopback port nobody listens on at this moment."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
