"""The runbooks: one for each alert, and nothing in them that is not there at three in the morning."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from service.cli import app
from tests.unit.monitoring.asking import RUNBOOKS, alerts, faults

UsageError = typer.BadParameter.__base__
"""Typer has a click of its own, and shows only this child of it."""
SECTIONS = ["## First look", "## Likely causes, in order", "## Mend", "## Over when"]
BOOKS = {path.stem: path.read_text() for path in sorted(RUNBOOKS.glob("PazPazAi*.md"))}
THERE = {
    "/keys/signing": ".",
    "ID": "00000000-0000-4000-8000-000000000001",
    "FILE": "receipt.json",
    "ours.json": "ours.json",
}
"""What stands in commands for a path, and what is there in its place when they are tried."""


def blocks(text: str, kind: str) -> Iterator[str]:
    """The lines of a page's fenced blocks of a kind."""
    for found, fenced in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        if found == kind:
            yield from fenced.splitlines()


def commands(text: str) -> list[list[str]]:
    """Those of ours, by themselves, in a pod, or within a sentence."""
    lines = [*blocks(text, ""), *blocks(text, "sh"), *re.findall(r"`(pazpaz-agent [^`]+)`", text)]
    ours = (line.partition("pazpaz-agent ")[2] for line in lines if "pazpaz-agent " in line)
    return [shlex.split(line, comments=True) for line in ours]


def test_each_alert_has_its_runbook_and_each_runbook_its_alert():
    """Nobody is sent to a page that is not there, and no page is left behind."""
    assert set(BOOKS) == set(alerts())
    assert {path.name for path in RUNBOOKS.iterdir()} == {f"{one}.md" for one in BOOKS} | {
        "README.md"
    }


@pytest.mark.parametrize("name", BOOKS)
def test_a_runbook_says_what_is_needed_in_order(name):
    """What it means, for whom, what to look at, the causes, how to mend it, and when it is over; on one page."""
    text = BOOKS[name]
    assert text.startswith(f"# {name}\n\n")
    assert "\n**For:** " in text
    assert [line for line in text.splitlines() if line.startswith("## ")] == SECTIONS
    assert "\n1. " in text
    assert len(text.splitlines()) < 60


@pytest.mark.parametrize("name", [*BOOKS, "README", "../backup", "../operating"])
def test_its_commands_can_be_given(name, tmp_path: Path, monkeypatch):
    """The command line takes each as it is written, options and arguments included."""
    monkeypatch.chdir(tmp_path)
    for file in ("receipt.json", "ours.json"):
        Path(file).touch()
    for words in commands((RUNBOOKS / f"{name}.md").read_text()):
        given([THERE.get(word, word) for word in words])


def given(words: list[str]) -> None:
    """Parses a command without running it. Raises the UsageError that a person would read."""
    command, context = typer.main.get_command(app), None
    while isinstance(command, TyperGroup):
        context = typer.Context(command, parent=context)
        _, command, words = command.resolve_command(context, words)
    command.parse_args(typer.Context(command, parent=context), list(words))


@pytest.mark.parametrize(
    "words", ["audit verfiy", "keys show --fodler .", "dead-letters show", "spending --days many"]
)
def test_a_wrong_command_would_be_found_out(words):
    """The test above has teeth: a name, an option, a missing argument, a value."""
    with pytest.raises(UsageError):
        given(words.split())


@pytest.mark.parametrize("name", BOOKS)
def test_its_queries_ask_for_what_there_is(name):
    """Each metric and label that the page names exists."""
    queries = list(blocks(BOOKS[name], "promql"))
    assert [fault for query in queries for fault in faults(query)] == []
    prose = re.findall(r"`(ai_[a-z_]+(?:\{[^}]*\})?)`", BOOKS[name])
    told = [
        fault for one in prose for fault in faults(one) if "no such" in fault or "no label" in fault
    ]
    assert told == []


def test_other_runbooks_that_are_named_exist():
    """'See PazPazAi...' leads somewhere."""
    named = {one for text in BOOKS.values() for one in re.findall(r"\bPazPazAi\w+", text)}
    assert named == set(BOOKS)
