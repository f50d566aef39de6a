"""The audit trail on real Postgres: nobody can change it quietly, neither our logins nor the owner of the tables."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError

from service import cli
from service.adapters.audit_log import PgAuditLog, _values
from service.adapters.database import audit, audit_heads, open_database
from service.container import Container, now, our_public_keys
from service.demo.databases import Databases
from service.demo.stage import Stage
from service.domain.audit import SERVICE_CHAIN, AuditEntry
from service.domain.identity import UserId, WorkspaceId
from service.errors import ChatAlreadyClosed
from service.keeper import Keeper, keeper_of
from service.security.chain import GENESIS, Checkpoint, linked
from service.settings import Settings
from tests.integration.conftest import Owner

USER, CLIENT = UserId(UUID(int=21)), UUID(int=11)
ROWS = 6


@pytest.fixture
def trail(opened: Container) -> PgAuditLog:
    return opened.audit


@pytest.fixture
async def workspace(trail: PgAuditLog) -> WorkspaceId:
    """A practice with a few rows."""
    here = WorkspaceId(uuid4())
    for n in range(ROWS):
        await trail.append(AuditEntry("history.read", user=USER, details={"n": n}), workspace=here)
    return here


@pytest.mark.parametrize("login", ["api", "worker"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET action = 'refused'",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "UPDATE audit_checkpoints SET seq = 0",
        "DELETE FROM audit_checkpoints",
        "TRUNCATE audit_checkpoints",
        "DELETE FROM audit_heads",
        "ALTER TABLE audit DISABLE TRIGGER append_only",
    ],
)
async def test_our_logins_have_no_right_to_change_it(
    databases_apart: Databases, workspace: WorkspaceId, login: str, statement: str
) -> None:
    """API and worker may add and read, and nothing else."""
    async with open_database(getattr(databases_apart, login), pool_size=1) as database:
        with pytest.raises(DBAPIError, match=r"permission denied|must be owner"):
            async with database.tenant_tx(workspace) as connection:
                await connection.execute(text(statement))


@pytest.mark.parametrize("table", ["audit", "audit_checkpoints"])
@pytest.mark.parametrize("change", ["UPDATE {} SET hash = hash", "DELETE FROM {}", "TRUNCATE {}"])
async def test_the_owner_is_stopped_by_the_trigger(
    databases_apart: Databases, opened: Container, workspace: WorkspaceId, table: str, change: str
) -> None:
    """Who owns the tables must first switch a trigger off, which is no accident."""
    await _checkpoint(opened, workspace)
    async with open_database(databases_apart.owner, pool_size=1) as database:
        with pytest.raises(DBAPIError, match="append-only"):
            async with database.tenant_tx(workspace) as connection:
                await connection.execute(text(change.format(table)))


async def _checkpoint(opened: Container, workspace: WorkspaceId) -> None:
    head = next(head for head in await opened.audit.heads() if head.workspace == workspace)
    await keeper_of(opened).checkpoint(head)


@pytest.fixture
def tamper(owner: Owner, workspace: WorkspaceId) -> Callable[..., Awaitable[None]]:
    """Runs statements as an owner who switched the trigger off."""

    async def run(*statements: str) -> None:
        async with owner.transaction():
            await owner.execute("SELECT set_config('app.workspace_id', $1, true)", str(workspace))
            for table in ("audit", "audit_checkpoints"):
                await owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER append_only")
            for statement in statements:
                await owner.execute(statement.replace(":w", f"'{workspace}'"))
            for table in ("audit", "audit_checkpoints"):
                await owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER append_only")

    return run


async def verify(
    opened: Container, capsys: pytest.CaptureFixture[str], tmp_path: Path, *words: str
) -> tuple[int, str]:
    """The command as an operator runs it: its exit code, and what it said last."""
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": our_public_keys(opened.settings)}))
    capsys.readouterr()
    code = await asyncio.to_thread(_run, opened, ["audit", *words, "--keys", str(keys)])
    return code, capsys.readouterr().out.strip().splitlines()[-1]


def _run(opened: Container, words: list[str]) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["pazpaz-agent", *words])
        patch.setattr(
            "service.settings.load", lambda kind: opened.settings if kind is Settings else kind()
        )
        with pytest.raises(SystemExit) as ended:
            cli.main()
    return int(ended.value.code or 0)


TAMPERINGS = {
    "nothing": ([], None),
    "a row taken out": (["DELETE FROM audit WHERE workspace_id = :w AND seq = 3"], "3: missing"),
    "the first row taken out": (
        ["DELETE FROM audit WHERE workspace_id = :w AND seq = 1"],
        "1: missing",
    ),
    "the tail cut off": (["DELETE FROM audit WHERE workspace_id = :w AND seq > 4"], "5: truncated"),
    "the tail and the head": (
        [
            "DELETE FROM audit WHERE workspace_id = :w AND seq > 4",
            "UPDATE audit_heads SET seq = 4 WHERE workspace_id = :w",
        ],
        "5: truncated",
    ),
    "all of it": (["DELETE FROM audit WHERE workspace_id = :w"], "1: truncated"),
    "another user": (["UPDATE audit SET user_id = gen_random_uuid() WHERE seq = 2"], "2: altered"),
    "another action": (["UPDATE audit SET action = 'refused' WHERE seq = 2"], "2: altered"),
    "another chat": (["UPDATE audit SET chat_id = gen_random_uuid() WHERE seq = 2"], "2: altered"),
    "other details": (["""UPDATE audit SET details = '{"n": 9}' WHERE seq = 5"""], "5: altered"),
    "another time": (["UPDATE audit SET at = at + interval '1 us' WHERE seq = 5"], "5: altered"),
    "another link": (["UPDATE audit SET previous = sha256('x') WHERE seq = 4"], "4: unlinked"),
    "another hash": (["UPDATE audit SET hash = sha256('x') WHERE seq = 4"], "4: altered"),
    "two rows changed places": (
        [
            "UPDATE audit SET seq = 99 WHERE seq = 2",
            "UPDATE audit SET seq = 2 WHERE seq = 3",
            "UPDATE audit SET seq = 3 WHERE seq = 99",
        ],
        "2: unlinked",
    ),
    "a checkpoint moved": (
        ["UPDATE audit_checkpoints SET at = at - interval '3 years'"],
        "6: checkpoint",
    ),
    "a checkpoint of other rows": (
        ["UPDATE audit_checkpoints SET hash = sha256('x')"],
        "6: checkpoint",
    ),
}


@pytest.mark.parametrize("case", TAMPERINGS)
async def test_every_tampering_is_named(
    opened: Container,
    workspace: WorkspaceId,
    tamper: Callable[..., Awaitable[None]],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    case: str,
) -> None:
    """Deleted, altered, reordered, cut: `audit verify` names the row and ends with 1; a whole chain with 0."""
    statements, said = TAMPERINGS[case]
    await _checkpoint(opened, workspace)
    await tamper(*statements)
    code, last = await verify(opened, capsys, tmp_path, "verify", "--workspace", str(workspace))
    if said is None:
        assert (code, last) == (0, f"1 chains, {ROWS} rows, 0 broken")
    else:
        assert (code, last) == (1, f"workspace {workspace}: row {said}")
    await tamper(
        "DELETE FROM audit WHERE workspace_id = :w",
        "DELETE FROM audit_heads WHERE workspace_id = :w",
    )
    await tamper("DELETE FROM audit_checkpoints WHERE workspace_id = :w")


async def test_rewriting_history_is_caught_by_the_signed_head(
    opened: Container,
    workspace: WorkspaceId,
    owner: Owner,
    tamper: Callable[..., Awaitable[None]],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """Somebody who makes every hash anew still has no key to sign what they made."""
    await _checkpoint(opened, workspace)
    rows = list(await opened.audit.rows(workspace=workspace))
    forged, previous = [], rows[0].previous
    for row in rows:
        made = linked(
            AuditEntry("history.read", details={"n": 0}),
            workspace=workspace,
            seq=row.seq,
            at=row.at,
            previous=previous,
        )
        previous = made.hash
        forged.append(
            f"UPDATE audit SET user_id = NULL, details = '{{\"n\": 0}}', previous = '\\x{made.previous.hex()}',"
            f" hash = '\\x{made.hash.hex()}' WHERE workspace_id = :w AND seq = {made.seq}"
        )
    await tamper(*forged)
    code, last = await verify(opened, capsys, tmp_path, "verify", "--workspace", str(workspace))
    assert (code, last) == (1, f"workspace {workspace}: row {ROWS}: checkpoint")


async def test_a_chat_is_closed_once(trail: PgAuditLog, workspace: WorkspaceId) -> None:
    """A second closing is refused and leaves no gap in the chain."""
    chat = uuid4()
    await trail.append(AuditEntry("chat.opened", user=USER, chat=chat), workspace=workspace)
    closing = AuditEntry("chat.closed", user=USER, chat=chat, details={"outcome": "answered"})
    assert await trail.append(closing, workspace=workspace) == ROWS + 2
    with pytest.raises(ChatAlreadyClosed):
        await trail.append(closing, workspace=workspace)
    assert await trail.append(AuditEntry("history.read"), workspace=workspace) == ROWS + 3


async def test_many_at_once_make_one_unbroken_chain(
    opened: Container, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Questions of one practice at the same moment wait for each other, and nobody's number is lost."""
    here = WorkspaceId(uuid4())
    entry = AuditEntry("history.read", user=USER)
    numbers = await asyncio.gather(*(opened.audit.append(entry, workspace=here) for _ in range(60)))
    assert sorted(numbers) == list(range(1, 61))
    assert await verify(opened, capsys, tmp_path, "verify", "--workspace", str(here)) == (
        0,
        "1 chains, 60 rows, 0 broken",
    )


async def test_an_orphan_is_closed_once_by_whoever_sweeps(opened: Container) -> None:
    """Two keepers at the same moment write one row; the answer that comes later is refused."""
    here, chat = WorkspaceId(uuid4()), uuid4()
    await opened.audit.append(AuditEntry("chat.opened", user=USER, chat=chat), workspace=here)

    def keeper() -> Keeper:
        made = keeper_of(opened)
        made.clock = lambda: now() + timedelta(hours=1)
        return made

    assert sum(await asyncio.gather(*(keeper().close_orphans() for _ in range(2)))) == 1
    rows = await opened.audit.rows(workspace=here)
    assert [row.entry.action for row in rows] == ["chat.opened", "chat.closed"]
    assert rows[1].entry.details["outcome"] == "unknown"
    late = AuditEntry("chat.closed", user=USER, chat=chat, details={"outcome": "answered"})
    with pytest.raises(ChatAlreadyClosed):
        await opened.audit.append(late, workspace=here)


async def test_export_tells_who_read_a_clients_notes(
    opened: Container, capsys: pytest.CaptureFixture[str]
) -> None:
    """Questions about the client and answers that touched their notes, others not; and the export is told."""
    here, about, elsewhere = WorkspaceId(uuid4()), uuid4(), uuid4()
    note = {
        "entity": "sessions",
        "id": str(uuid4()),
        "client": str(CLIENT),
        "version": 3,
        "use": "cited",
    }
    for chat, client, notes in ((about, None, [note]), (elsewhere, str(uuid4()), [])):
        opening = AuditEntry("chat.opened", user=USER, chat=chat, details={"client": client})
        closing = AuditEntry(
            "chat.closed", user=USER, chat=chat, details={"outcome": "answered", "notes": notes}
        )
        for entry in (opening, closing):
            await opened.audit.append(entry, workspace=here)
    capsys.readouterr()
    asked = ["audit", "export", "--workspace", str(here), "--client", str(CLIENT)]
    assert await asyncio.to_thread(_run, opened, asked) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["action"] for line in lines] == ["chat.opened", "chat.closed", "audit.exported"]
    assert {line["chat"] for line in lines[:2]} == {str(about)}
    assert lines[1]["user"] == str(USER)
    assert lines[1]["details"]["notes"] == [note]

    assert await asyncio.to_thread(_run, opened, [*asked, "--format", "csv"]) == 0
    header, _, line, *_ = capsys.readouterr().out.splitlines()
    assert header.startswith("at,seq,user,action,chat,outcome,entity,id,client,version,use")
    assert line.endswith(f"answered,sessions,{note['id']},{CLIENT},3,cited")


async def test_pruning_leaves_what_the_law_asks_for_and_a_chain_that_verifies(
    opened: Container,
    databases_apart: Databases,
    workspace: WorkspaceId,
    owner: Owner,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """Old rows go up to an old checkpoint, young ones stay, and the trail tells it."""
    three_years_ago = now() - timedelta(days=3 * 365)
    aged = WorkspaceId(uuid4())
    await _an_old_chain(opened, owner, aged, three_years_ago)
    before = now() - timedelta(days=2 * 366)
    async with open_database(databases_apart.owner, pool_size=1) as database:
        trail = PgAuditLog(database)
        assert await trail.prune(workspace=aged, before=before) == 3
        assert await trail.prune(workspace=workspace, before=before) == 0
    left = await opened.audit.rows(workspace=aged)
    assert [row.entry.action for row in left] == ["history.read", "audit.pruned"]
    for chain in (aged, workspace):
        code, last = await verify(opened, capsys, tmp_path, "verify", "--workspace", str(chain))
        assert code == 0, last


async def _an_old_chain(
    opened: Container, owner: Owner, workspace: WorkspaceId, at: datetime
) -> None:
    """Three old rows with their checkpoint, and a young one, as if time had passed."""
    previous, entry = GENESIS, AuditEntry("history.read", user=USER)
    async with opened.database.tenant_tx(workspace) as connection:
        await connection.execute(insert(audit_heads).values(workspace_id=workspace, seq=3))
        for seq in (1, 2, 3):
            row = linked(entry, workspace=workspace, seq=seq, at=at, previous=previous)
            previous = row.hash
            await connection.execute(insert(audit).values(_values(row)))
    key = opened.signing_keys.at(now())
    point = Checkpoint(workspace, 3, previous, at, key.keyid).signed_by(key.key)
    await opened.audit.keep_checkpoint(point)
    await opened.audit.append(entry, workspace=workspace)


@pytest.mark.parametrize(
    "words",
    [
        ["audit", "verify", "--workspace", "no-uuid"],
        ["audit", "verify", "--keys", "/nowhere.json"],
        ["audit", "export"],
        ["audit", "export", "--workspace", str(UUID(int=1)), "--from", "yesterday"],
        ["audit", "prune", "--months", "23"],
    ],
)
def test_a_wrong_word_is_one_line_and_2(
    stage: Stage, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """No traceback, and nothing is read or written."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["pazpaz-agent", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    said = capsys.readouterr()
    assert (ended.value.code, len(said.err.strip().splitlines()), said.out) == (2, 1, "")


async def test_other_keys_are_told_once_by_whichever_worker(opened: Container) -> None:
    """What we sign with and whom we accept: a row when it differs from what the trail knows, else none."""
    await keeper_of(opened).tell_keys()
    told = await opened.audit.last("keys.changed", workspace=SERVICE_CHAIN)
    assert told is not None
    signing, accepted = opened.signing_keys.state(now())
    assert told.entry.details == {"signing": signing, "accepted": list(accepted)}

    await keeper_of(opened).tell_keys()
    assert await opened.audit.last("keys.changed", workspace=SERVICE_CHAIN) == told
