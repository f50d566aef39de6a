"""How the evaluations print."""

from collections.abc import Iterable

import typer


def block(title: str | None, lines: Iterable[str]) -> None:
    """The lines, set in, under a title where they have one."""
    if title:
        typer.echo(f"\n{title}")
    for line in lines:
        typer.echo(f"  {line}")
