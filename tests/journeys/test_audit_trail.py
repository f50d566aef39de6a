"""The trail of a real question: told to PazPaz once and in order, verified and exported at the command line."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest

from service.container import Container
from service.demo.stage import Stage
from service.domain.audit import AuditEntry
from service.domain.identity import UserId, WorkspaceId
from tests.journeys.practice import Practice, eventually

NOTE = "התחילה לרוץ שוב ביום שלישי, שני קילומטרים."
QUESTION = "מתי התחילה לרוץ שוב?"


def audit(stage: Stage, *words: str) -> tuple[int, str]:
    """Runs the command as an operator in the API's surroundings would."""
    done = subprocess.run(
        [sys.executable, "-m", "service.cli", "audit", *words],
        env={"PATH": os.environ["PATH"], **stage.environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, done.stdout


@pytest.fixture
async def pazpaz(running: Stage) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """PazPaz's own database."""
    connection = await asyncpg.connect(running.databases.monolith.replace("+asyncpg", ""))
    yield connection
    await connection.close()


@pytest.fixture
async def owner(running: Stage) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(running.databases.owner.replace("+asyncpg", ""))
    yield connection
    await connection.close()


async def _copies(
    pazpaz: "asyncpg.Connection[asyncpg.Record]", practice: Practice
) -> list[tuple[int, str]]:
    """The numbers and hashes PazPaz holds of a practice's chain, in the order in which they came."""
    rows = await pazpaz.fetch(
        "SELECT told->>'seq' AS seq, told->>'hash' AS hash"
        " FROM audit_events, LATERAL (SELECT event_metadata->'metadata' AS told) _"
        " WHERE workspace_id = $1 AND resource_type = 'AIAgent' AND told ? 'seq' ORDER BY created_at",
        UUID(practice.workspace),
    )
    return [(int(row["seq"]), row["hash"]) for row in rows]


async def test_pazpaz_holds_every_row_once_and_in_order(
    practice: Practice,
    running: Stage,
    container: Container,
    pazpaz: "asyncpg.Connection[asyncpg.Record]",
    owner: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    """Also when a keeper is killed, rows are written meanwhile, and all of them are sent again."""
    workspace = WorkspaceId(UUID(practice.workspace))
    client = await practice.client()
    await practice.note(client, subjective=NOTE)
    await practice.settled()
    await practice.ask(QUESTION, client_id=client)

    worker = running.children.pop("worker")
    worker.process.send_signal(signal.SIGKILL)
    worker.process.wait()
    look = AuditEntry("history.read", user=UserId(UUID(practice.user)))
    for _ in range(5):
        await container.audit.append(look, workspace=workspace)
    await owner.execute("UPDATE audit_heads SET forwarded = 0 WHERE workspace_id = $1", workspace)
    running.start("worker")

    async def all_there() -> bool:
        return (await container.audit.depth()).waiting == 0

    await eventually(all_there)
    rows = await container.audit.rows(workspace=workspace)
    assert {"chat.opened", "chat.closed", "history.read"} <= {row.entry.action for row in rows}
    assert await _copies(pazpaz, practice) == [(row.seq, row.hash.hex()) for row in rows]


async def test_the_trail_is_verified_and_exported_at_the_command_line(
    practice: Practice, running: Stage, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """An export tells who read a client's note and which version, and is told itself; a changed row ends with 1."""
    client = await practice.client()
    session = await practice.note(client, subjective=NOTE)
    await practice.settled()
    await practice.ask(QUESTION, client_id=client)
    assert audit(running, "verify", "--workspace", practice.workspace)[0] == 0

    code, out = audit(running, "export", "--workspace", practice.workspace, "--client", client)
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [line["action"] for line in lines] == ["chat.opened", "chat.closed"]
    assert {line["user"] for line in lines} == {practice.user}
    assert [(note["id"], note["use"]) for note in lines[1]["notes"]] == [(session, "cited")]
    assert NOTE not in out
    assert QUESTION not in out
    exports = await owner.fetch(
        "SELECT details->>'client' FROM audit WHERE workspace_id = $1 AND action = 'audit.exported'",
        UUID(practice.workspace),
    )
    assert [row[0] for row in exports] == [client]

    number = await _tamper(owner, practice)
    code, out = audit(running, "verify", "--workspace", practice.workspace)
    assert code == 1
    assert f"workspace {practice.workspace}: row {number}: altered\n" in out


async def _tamper(owner: "asyncpg.Connection[asyncpg.Record]", practice: Practice) -> int:
    """Somebody else read it, says the row now."""
    async with owner.transaction():
        await owner.execute("ALTER TABLE audit DISABLE TRIGGER append_only")
        number = await owner.fetchval(
            "UPDATE audit SET user_id = $2 WHERE workspace_id = $1 AND action = 'chat.closed' RETURNING seq",
            UUID(practice.workspace),
            uuid4(),
        )
        await owner.execute("ALTER TABLE audit ENABLE TRIGGER append_only")
    return int(number)
