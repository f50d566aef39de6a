"""An operator changes the embedding model of running practices: started, compared, switched, rolled back, finished."""

import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from service.container import Container
from service.demo.notes import DemoAdmin, Row, read_practice, read_rows
from service.demo.notes import Practice as Rows
from service.demo.run import demo_admin
from service.demo.stage import Stage
from service.domain.identity import WorkspaceId
from service.ports.index import IndexModels
from tests.conftest import DATA
from tests.journeys.command_line import sql
from tests.journeys.practice import Practice, eventually

FIRST, SECOND = "local-hash-1", "local-hash-2"
NOTE = "התחילה לרוץ שוב ביום שלישי, שני קילומטרים."
QUESTION = "מתי התחילה לרוץ שוב?"
NOTES = int(os.environ.get("NOTES", "30"))
"""1000 for a measurement: `NOTES=1000 pytest tests/journeys/test_reindex.py -s`."""


@dataclass(frozen=True, slots=True)
class Operator:
    """Who runs commands in the worker's surroundings."""

    stage: Stage

    def run(self, *words: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "service.cli", "reindex", *words],
            env={"PATH": os.environ["PATH"], **self.stage.worker_environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stderr

    async def rows_of_chunks(self, workspace: str) -> str | None:
        """Which transaction wrote each chunk of a practice, and where it lies; None if there is none."""
        rows = "SELECT string_agg(xmin::text || ctid::text, ' ' ORDER BY ctid) FROM session_vectors"
        where = " WHERE workspace_id = $1"
        return await sql(self.stage.databases.owner, rows + where, UUID(workspace))

    async def a_minute_passes(self) -> None:
        """Until nobody's question can be of before the switch."""
        await sql(
            self.stage.databases.owner,
            "UPDATE index_models SET changed_at = changed_at - interval '61 s'",
        )


@pytest.fixture
def operator(running: Stage) -> Operator:
    return Operator(running)


async def _complete(container: Container, workspace: str) -> bool:
    progress = await container.reindexer.progress(workspace=WorkspaceId(UUID(workspace)))
    return progress is not None and progress.complete


async def _models(container: Container, practice: Practice) -> IndexModels | None:
    return await container.store.models(workspace=WorkspaceId(UUID(practice.workspace)))


async def test_a_practice_is_answered_through_a_change_of_models(
    practice: Practice, container: Container, operator: Operator
) -> None:
    """Before, beside, after the switch, after the rollback and at the end, with a note that is written on the way."""
    client = await practice.client()
    session = await practice.note(client, subjective=NOTE)
    await practice.settled()
    of = ("--workspace", practice.workspace)

    async def answered() -> bool:
        answer = await practice.ask(QUESTION, client_id=client)
        return session in {one["session_id"] for one in answer["citations"]}

    assert operator.run("switch", *of).startswith("workspaces: 1 without a second model")
    said = operator.run("start", "--model", SECOND, *of)
    assert re.fullmatch(r"workspaces: 1 begun; \d looks asked for\n", said)
    await eventually(lambda: _complete(container, practice.workspace))
    assert f"{FIRST}, beside {SECOND}: 2 of 2 notes in both" in operator.run("status", *of)
    assert operator.run("start", "--model", SECOND, *of).endswith("1 begun; 0 looks asked for\n")

    assert operator.run("switch", *of).startswith("workspaces: 1 switched; ")
    assert await _models(container, practice) == IndexModels(SECOND, FIRST)
    assert await answered()
    await practice.note(client, subjective="ישנה טוב.")
    await practice.settled()
    assert f"{SECOND}, switched from {FIRST}: 3 of 3 notes in both" in operator.run("status", *of)
    assert operator.run("rollback", *of).startswith("workspaces: 1 switched; ")
    assert await _models(container, practice) == IndexModels(FIRST, SECOND)
    assert await answered()

    operator.run("switch", *of)
    await operator.a_minute_passes()
    assert operator.run("finish", *of) == "workspaces: 1 finished; 2 vectors dropped\n"
    assert operator.run("finish", *of).endswith("1 without a second model; 0 vectors dropped\n")
    assert await _models(container, practice) == IndexModels(SECOND)
    assert await answered()


async def test_what_cannot_be_done_is_one_line(
    practice: Practice, operator: Operator, tmp_path: Path
) -> None:
    """Exit code 2, without a traceback and without a word of a question."""
    await practice.client()
    await practice.settled()
    of = ("--workspace", practice.workspace)
    asked = tmp_path / "questions.jsonl"
    asked.write_text('{"query": "secret words"}\n')
    wrong = {
        ("start", "--model", "embed-9", *of): "cannot run that model; it can local-hash-1, local",
        ("status", "--workspace", str(uuid4())): "has no index",
        ("compare", "--questions", str(asked)): "line 1 is no question",
        ("compare", "--questions", str(tmp_path / "none")): "cannot be read",
        ("compare", "--questions", os.devnull, *of): "no question is of a workspace with a second",
    }
    for words, line in wrong.items():
        said = operator.run(*words, code=2)
        assert line in said
        assert "secret" not in said
        assert len([one for one in said.splitlines() if one.startswith("pazpaz-agent: ")]) == 1
        assert "Traceback" not in said
    operator.run("start", "--model", SECOND, *of)
    assert "1 workspaces not switched yet" in operator.run("finish", *of, code=2)
    assert "1 with it as their model" in operator.run("start", "--model", FIRST, *of)
    operator.run("finish", "--abandon", *of)


@pytest.fixture
async def admin(running: Stage) -> AsyncIterator[DemoAdmin]:
    async with demo_admin(running) as opened:
        yield opened


async def test_two_models_are_compared_on_our_questions(
    admin: DemoAdmin, container: Container, operator: Operator
) -> None:
    """The invented practices in both models: a row a language and model, with what `eval` judges by."""
    practice = read_practice(DATA)
    await admin.put(practice, lambda done: None)
    workspaces = [str(row["id"]) for row in practice.workspaces]
    await _until_indexed(admin, container)
    for workspace in workspaces:
        operator.run("start", "--model", SECOND, "--workspace", workspace)
    for workspace in workspaces:
        await eventually(lambda workspace=workspace: _complete(container, workspace), patience=90)

    said = operator.run("compare", "--questions", str(DATA / "questions.jsonl"))
    print("\n" + said)  # noqa: T201 - the README's numbers
    rows = [line.split() for line in said.splitlines()[1:]]
    assert [(row[0], row[1]) for row in rows] == [
        (language, model) for language in ("en", "he") for model in (FIRST, SECOND)
    ]
    questions = read_rows(DATA / "questions.jsonl")
    assert sum(int(row[2]) for row in rows) == 2 * len(questions)
    for row in rows:
        assert 0.4 < float(row[4]) < 1.0
        assert 0.75 < float(row[5]) < 1.0
    for workspace in workspaces:
        operator.run("finish", "--abandon", "--workspace", workspace)


async def test_switch_and_rollback_write_no_chunk(
    practice: Practice, container: Container, operator: Operator
) -> None:
    """Whatever the size of the index, so that either takes seconds: every chunk's row stays the very one it was."""
    client = await practice.client()
    made = Rows([], [], [], _sessions(practice, client))
    await practice.admin.put(made, lambda done: None)
    await _until_indexed(practice.admin, container)
    of = ("--workspace", practice.workspace)
    began = time.monotonic()
    operator.run("start", "--model", SECOND, *of)
    await eventually(lambda: _complete(container, practice.workspace), patience=NOTES)
    print(f"\n{NOTES} notes, second model complete: {time.monotonic() - began:.0f} s")  # noqa: T201
    rows = await operator.rows_of_chunks(practice.workspace)
    assert rows
    for step in ("switch", "rollback"):
        began = time.monotonic()
        said = operator.run(step, *of)
        print(f"{step}: {said.strip()}, {time.monotonic() - began:.1f} s with its process")  # noqa: T201
        assert said.startswith("workspaces: 1 switched; ")
        assert await operator.rows_of_chunks(practice.workspace) == rows


def _sessions(practice: Practice, client: str) -> list[Row]:
    """Notes of our invented practices, again and again."""
    rows = read_rows(DATA / "sessions.jsonl")
    return [
        {
            **rows[number % len(rows)],
            "workspace_id": practice.workspace,
            "client_id": client,
            "session_id": str(uuid4()),
        }
        for number in range(NOTES)
    ]


async def _until_indexed(admin: DemoAdmin, container: Container) -> None:
    async def settled() -> bool:
        if await admin.pending():
            return False
        return not (await container.queue.depth()).waiting

    await eventually(settled, patience=max(60, NOTES))
