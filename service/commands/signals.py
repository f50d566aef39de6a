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


def interruptible(work: Coroutine[Any, Any, Any]) -> Any:
    """Runs to the end, or until SIGINT or SIGTERM; then everything that was opened is closed in order."""

    async def supervised() -> Any:
        task = asyncio.ensure_future(work)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        return await task

    try:
        return asyncio.run(supervised())
    except asyncio.CancelledError:
        raise typer.Abort from None
