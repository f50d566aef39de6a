"""How SIGTERM and Ctrl-C end a command: in order, with everything closed."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

import typer


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set; call inside the running loop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def cancel_on_signals() -> None:
    """From now on they cancel the running task again, as `interruptible` has it, whatever was said in between."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - there is one inside a running loop
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)


def interruptible(work: Coroutine[Any, Any, Any]) -> Any:
    """Runs to the end, or until SIGINT or SIGTERM; then everything that was opened is closed in order."""

    async def supervised() -> Any:
        cancel_on_signals()
        return await work

    try:
        return asyncio.run(supervised())
    except asyncio.CancelledError:
        raise typer.Abort from None
