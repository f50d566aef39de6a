"""Two commands that need a stage: `demo` and `load`."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import typer

from service.commands.progress import progress
from service.container import open_container
from service.demo.check import check_answers
from service.demo.notes import DemoAdmin, read_practice, until_searchable
from service.demo.stage import Stage, models_chosen, open_stage, passing_folder, stage_home
from service.errors import BadSettings

WATCH_SECONDS = 1.0


async def run_demo(data: Path, *, port: int, check: bool) -> int:
    """Serves the chat page until it is cancelled; with `check`, asks, compares and returns 0 or 1."""
    async with passing_folder() as folder:
        name = f"pazpaz_demo_{os.getpid()}"
        chosen: dict[str, Any] = models_chosen(os.environ)
        if chosen:
            typer.echo(f"From the environment: {', '.join(chosen)}")
        typer.echo(f"Logs, while it runs: {folder}")
        async with open_stage(folder, name=name, monolith_port=port, **chosen) as stage:
            await _fill(stage, data)
            if check:
                return await check_answers(stage, data)
            typer.echo(f"\nOpen http://127.0.0.1:{port} and sign in. Ctrl-C ends everything.")
            await watch(stage)
    return 0


async def run_load(data: Path) -> None:
    """Loads a folder into the kept stage; run again, it goes on where it was."""
    async with kept_stage() as stage:
        await _fill(stage, data)
        async with open_container(stage.settings()) as container:
            depth = await container.queue.depth()
    typer.echo(f"Loaded. Dead letters: {depth.parked}.")


@asynccontextmanager
async def kept_stage() -> AsyncIterator[Stage]:
    """What `load` fills and `eval` asks."""
    async with open_stage(stage_home() / "load", name="pazpaz_load", keep=True) as stage:
        yield stage


async def _fill(stage: Stage, data: Path) -> None:
    """Starts all parts and brings the notes of a folder through the whole journey."""
    practice = read_practice(data)
    stage.start("monolith", "api", "worker")
    await stage.until_up(stage.monolith_url, stage.service_url)
    async with demo_admin(stage) as admin, open_container(stage.settings()) as container:
        with progress("loading notes", practice.size) as tick:
            await admin.put(practice, tick)
        with progress("making them searchable", practice.size) as tick:
            await until_searchable(admin, container, practice.size, tick)


@asynccontextmanager
async def demo_admin(stage: Stage) -> AsyncIterator[DemoAdmin]:
    async with httpx.AsyncClient(base_url=stage.monolith_url, trust_env=False, timeout=30) as http:
        yield DemoAdmin(http, stage.keys.admin_token)


async def watch(stage: Stage) -> None:
    """Until Ctrl-C; a part that ends by itself ends the demo, which repeats its last words."""
    while True:
        for child in stage.children.values():
            if child.ended:
                raise BadSettings(f"{child.name} ended by itself, and said: {child.last_words}")
        try:
            await asyncio.sleep(WATCH_SECONDS)
        except asyncio.CancelledError:
            return  # the way a demo is meant to end
