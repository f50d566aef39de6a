"""`eval trust`: from a folder to tables and an exit code."""

from dataclasses import dataclass
from pathlib import Path

import typer

from service.commands.progress import progress
from service.demo.printing import block
from service.demo.trust.bars import missed
from service.demo.trust.extractive import read_extractive
from service.demo.trust.material import Half, half_of, read_material
from service.demo.trust.measure import tried
from service.demo.trust.mutate import kinds, mutants
from service.demo.trust.tables import fate_lines, how_lines, speed_line, wrong_lines


@dataclass(frozen=True, slots=True)
class What:
    """The choices of a run."""

    held_out: bool = False
    """The kinds that are kept back for the closing run, in place of the others."""
    extractive: bool = False
    """The folder holds sessions, whose own sentences are tried."""
    listed: bool = False
    """Each sentence that was judged wrongly is printed: for notes of our own only."""
    seed: int = 1
    half: Half | None = None
    """Of the clients; both where none is named."""
    confirmed: bool = False
    """A model confirms whatever the rules ask it."""


async def run_trust(data: Path, what: What) -> int:
    """Prints what the gate did; 1 where it missed a bar, else 0. Raises BadSettings."""
    read = read_extractive if what.extractive else read_material
    shelf, statements = read(data)
    if what.half:
        statements = half_of(statements, what.half)
    false = mutants(statements, shelf, kinds(held_out=what.held_out), seed=what.seed)
    with progress("judging", len(statements) + len(false)) as tick:
        outcomes = await tried(statements, false, shelf, tick, confirmed=what.confirmed)
    block("sentences before the gate, and mutants of them", fate_lines(outcomes))
    block("true sentences that were lost", how_lines(outcomes))
    if what.listed:
        block("judged wrongly", wrong_lines(outcomes, shelf))
    bars = missed(outcomes, enough=not (what.extractive or what.half))
    block("missed", [f"{one.bar}: {one.told}" for one in bars] or ["nothing"])
    typer.echo(f"\n{speed_line(outcomes)}")
    return 1 if bars else 0
