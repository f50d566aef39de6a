"""`python -m demo_monolith`: serve on the loopback address until SIGTERM."""

import ctypes
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

import uvicorn

from demo_monolith.app import create_app
from demo_monolith.settings import Settings, SettingsError

PR_SET_PDEATHSIG = 1
GRACE_SECONDS = 5  # A stream that is still open does not hold up the exit for longer.


def main() -> int:
    """Serve; the exit code is 0 after SIGTERM and 2 for settings that cannot work."""
    try:
        settings = Settings.from_environment(os.environ)
    except SettingsError as exc:
        sys.stderr.write(f"demo_monolith: {exc}\n")
        return 2
    if settings.die_with_parent:
        _die_with_parent()
    _exit_cleanly_on(signal.SIGTERM, signal.SIGINT)
    config = uvicorn.Config(
        create_app(settings),
        host="127.0.0.1",
        port=settings.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = uvicorn.Server(config)
    server.run()
    return 0 if server.started else 1


def _die_with_parent() -> None:
    """Ask Linux for SIGTERM when the parent ends, however it ends."""
    parent = os.getppid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM) != 0:
        sys.stderr.write("demo_monolith: this system cannot tell us when our parent ends\n")
    if os.getppid() != parent:
        raise SystemExit(0)  # It ended between the two lines.


def _exit_cleanly_on(*signals: signal.Signals) -> None:
    """Exit 0, also before uvicorn listens for signals and when it raises them again at its end."""
    for number in signals:
        signal.signal(number, _exit)


def _exit(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main())
