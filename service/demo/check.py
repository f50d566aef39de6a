"""`demo --check`: asks through the real proxy, prints what came back, and judges it."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from service.demo.notes import Row, read_rows
from service.demo.stage import Stage
from service.demo.therapist import Therapist, signed_in

SEARCHABLE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Expectation:
    """A line of `demo_check.jsonl`: who asks what, and what must come back."""

    name: str
    user_id: str
    query: str
    kind: str
    """`answer`, `not_found`, or `edit`: the note is changed first, and the answer must follow."""
    client_id: str | None = None
    session_id: str | None = None
    field: str | None = None
    contains: str | None = None
    replace: str | None = None
    """For `edit`: what of the note's field is replaced by `contains`."""


async def check_answers(stage: Stage, data: Path) -> int:
    """0 when every expectation of the folder holds, else 1; prints each answer with its citations."""
    expectations = [Expectation(**row) for row in read_rows(data / "demo_check.jsonl")]
    wrong = 0
    for expected in expectations:
        async with signed_in(stage.monolith_url, expected.user_id) as therapist:
            problem = await _check(expected, therapist)
        typer.echo(f"  {'ok' if not problem else 'WRONG: ' + problem}\n")
        wrong += bool(problem)
    typer.echo(f"{len(expectations) - wrong} of {len(expectations)} as expected.")
    return 1 if wrong else 0


async def _check(expected: Expectation, therapist: Therapist) -> str | None:
    """What is wrong, None when nothing is."""
    typer.echo(f"[{expected.name}] {expected.query}")
    if expected.kind == "edit":
        await _edit(expected, therapist)
        return await _eventually(expected, therapist)
    answer = await _ask(expected, therapist)
    _show(answer)
    return await _judge(expected, answer, therapist)


async def _edit(expected: Expectation, therapist: Therapist) -> None:
    session, field = expected.session_id or "", expected.field or ""
    text: str = (await therapist.note(session))[field]
    changed = text.replace(expected.replace or "", expected.contains or "")
    await therapist.edit(session, **{field: changed})
    typer.echo(f"  (the note now says: {expected.contains})")


async def _eventually(expected: Expectation, therapist: Therapist) -> str | None:
    """Asks until the edit has travelled: event, pull, index."""
    deadline = time.monotonic() + SEARCHABLE_SECONDS
    while True:
        answer = await _ask(expected, therapist)
        problem = await _judge(expected, answer, therapist)
        if problem is None or time.monotonic() > deadline:
            _show(answer)
            return problem
        await asyncio.sleep(0.3)


async def _ask(expected: Expectation, therapist: Therapist) -> Row:
    response = await therapist.ask(expected.query, client_id=expected.client_id)
    answer: Row = response.json()
    return {**answer, "http_status": response.status_code}


def _show(answer: Mapping[str, Any]) -> None:
    for line in str(answer.get("answer", answer.get("detail", ""))).splitlines():
        typer.echo(f"  > {line}")
    for citation in answer.get("citations", ()):
        day = (citation["session_date"] or "")[:10]
        place = f"{citation['client_name']}, {day} {citation['field_name']}"
        typer.echo(f"    [{citation['marker']}] {place} {citation['start']}-{citation['end']}")


async def _judge(
    expected: Expectation, answer: Mapping[str, Any], therapist: Therapist
) -> str | None:
    if answer["http_status"] != 200:
        return f"status {answer['http_status']}"
    if expected.kind == "not_found":
        # "partial" without a quote: nothing found, and notes in the other language were hardly searched.
        found = answer["answer_status"] not in {"abstained", "partial"} or answer["citations"]
        return "answered, though there is no answer" if found else None
    for citation in answer["citations"]:
        if not await _quotes_exactly(citation, therapist):
            return f"quote [{citation['marker']}] is not what the note says"
    return None if _is_cited(expected, answer["citations"]) else "the expected place is not cited"


async def _quotes_exactly(citation: Mapping[str, Any], therapist: Therapist) -> bool:
    if citation["type"] == "session":
        source = await therapist.note(citation["session_id"])
    else:
        source = (await therapist.call("GET", f"/api/v1/clients/{citation['client_id']}")).json()
    text: str = source[citation["field_name"]]
    quote: str = citation["quote"]
    return text[citation["start"] : citation["end"]] == quote


def _is_cited(expected: Expectation, citations: list[Mapping[str, Any]]) -> bool:
    return any(
        citation["session_id"] == expected.session_id
        and citation["field_name"] == expected.field
        and (expected.contains or "") in citation["quote"]
        for citation in citations
    )
