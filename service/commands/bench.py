"""pazpaz-agent bench: what a part costs, beside a baseline measured in the same run."""

import asyncio
from typing import Annotated

import typer

app = typer.Typer(help="Measures what a part costs.")


@app.callback()
def _top() -> None:
    """Keeps the name of the only bench on the command line."""


@app.command()
def audit(
    appenders: Annotated[int, typer.Option(min=1, max=50, help="Writing at once.")] = 8,
    seconds: Annotated[float, typer.Option(min=0.2, help="Of each of the rounds.")] = 2.0,
    rounds: Annotated[int, typer.Option(min=1, help="Of each of the three ways.")] = 5,
) -> None:
    """Audit rows on one chain, on a chain each, and without a chain. DATABASE_URL as for `demo`."""
    from service.demo.bench_audit import run_bench

    asyncio.run(run_bench(appenders=appenders, seconds=seconds, rounds=rounds))
