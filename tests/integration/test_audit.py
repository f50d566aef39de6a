"""The audit trail on real Postgres: who may touch it, what every tampering looks like, and what pruning leaves."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError

from service.adapters.audit_log import PgAuditLog, _values
from service.adapters.postgres.database import open_database
from service.adapters.postgres.tables import audit
from service.commands.audit_export import write
from service.commands.audit_verify import verify_chains
from service.container import Container, now
from service.demo.databases import Databases
from service.domain.audit import SERVICE_CHAIN, AuditEntry, AuditRow, months_before
from service.domain.identity import ClientId, UserId, WorkspaceId
from service.errors import ChatAlreadyClosed
from service.keeper import Keeper, keeper_of
from service.security.chain import GENESIS, Checkpoint, linked
from tests.integration.conftest import Owner

USER = UserId(UUID(int=7))
LENGTH, SIGNED_AT = 9, (3, 6)
APPEND_ONLY = "append-only"


def an_entry(number: int) -> AuditEntry:
    details = {"number": number, "notes": [{"id": str(uuid4()), "client": str(uuid4())}]}
    return AuditEntry("history.read", user=USER, chat=uuid4(), details=details)


async def a_chain(
    opened: Container, *, length: int = LENGTH, signed_at: Sequence[int] = SIGNED_AT
) -> WorkspaceId:
    """A new workspace's chain, written and signed as the service does it."""
    workspace = WorkspaceId(uuid4())
    for number in range(1, length + 1):
        await opened.audit.append(an_entry(number), workspace=workspace)
        if number in signed_at:
            head = await opened.audit.head(workspace=workspace)
            assert head is not None
            await keeper_of(opened).checkpoint(head)
    return workspace


@asynccontextmanager
async def triggers_off(owner: Owner) -> AsyncIterator[None]:
    """What an attacker with the owner's login can do to the tables."""
    async with owner.transaction():
        for table in ("audit", "audit_checkpoints"):
            await owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER append_only")
        yield
        for table in ("audit", "audit_checkpoints"):
            await owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER append_only")


@pytest.fixture
def verify(opened: Container, capsys: pytest.CaptureFixture[str]) -> Callable[[WorkspaceId], Any]:
    async def run(workspace: WorkspaceId) -> str | None:
        """The first bad link, as the command prints it without the workspace; None for a whole chain."""
        key = opened.signing_keys.at(now())
        capsys.readouterr()
        whole = await verify_chains(opened.audit, {key.keyid: key.key.public_key()}, only=workspace)
        named = f"workspace {workspace}: row "
        found = [
            line.removeprefix(named)
            for line in capsys.readouterr().out.splitlines()
            if line.startswith(named)
        ]
        assert whole == (not found)
        return found[0] if found else None

    return run


@pytest.mark.parametrize("login", ["api", "worker"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET action = 'refused'",
        "UPDATE audit_checkpoints SET seq = 1",
        "DELETE FROM audit",
        "DELETE FROM audit_checkpoints",
        "DELETE FROM audit_heads",
        "TRUNCATE audit",
        "TRUNCATE audit_checkpoints",
        "ALTER TABLE audit DISABLE TRIGGER append_only",
        "DROP TRIGGER append_only ON audit",
        "CREATE OR REPLACE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
        "SET session_replication_role = replica",
    ],
)
async def test_no_login_of_the_service_can_change_the_trail(
    opened: Container, databases_apart: Databases, login: str, statement: str
) -> None:
    """Rows can be added and read; nothing else, and no guard can be taken away."""
    workspace = await a_chain(opened, length=2, signed_at=[2])
    async with open_database(getattr(databases_apart, login), pool_size=1) as database:
        with pytest.raises(DBAPIError, match=r"permission denied|must be owner"):
            async with database.tenant_tx(workspace) as connection:
                await connection.execute(text(statement))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_heads SET forwarded = 0",
        "UPDATE audit_heads SET checkpointed = 0",
        "INSERT INTO audit_heads (workspace_id, seq, forwarded) VALUES (gen_random_uuid(), 1, 1)",
        "INSERT INTO audit_checkpoints SELECT * FROM audit_checkpoints",
    ],
)
async def test_the_api_login_signs_and_forwards_nothing(
    opened: Container, databases_apart: Databases, statement: str
) -> None:
    """How far PazPaz and signatures reach is the worker's to say."""
    workspace = await a_chain(opened, length=1, signed_at=[])
    async with open_database(databases_apart.api, pool_size=1) as database:
        with pytest.raises(DBAPIError, match="permission denied"):
            async with database.tenant_tx(workspace) as connection:
                await connection.execute(text(statement))
        assert await PgAuditLog(database).append(an_entry(2), workspace=workspace) == 2


@pytest.mark.parametrize("table", ["audit", "audit_checkpoints"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET seq = seq", "DELETE FROM {}", "TRUNCATE {}"])
async def test_the_owner_is_stopped_by_the_trigger(
    opened: Container, owner: Owner, table: str, statement: str
) -> None:
    """A slip of an operator's hand with the strongest login changes nothing."""
    await a_chain(opened, length=2, signed_at=[2])
    with pytest.raises(Exception, match=APPEND_ONLY):
        await owner.execute(statement.format(table))


async def test_an_untouched_chain_is_whole(opened: Container, verify: Any) -> None:
    """What the service writes, the command finds whole; a workspace that nobody knows is not."""
    assert await verify(await a_chain(opened)) is None
    nobody = WorkspaceId(uuid4())
    key = opened.signing_keys.at(now())
    assert not await verify_chains(opened.audit, {key.keyid: key.key.public_key()}, only=nobody)


CUT = "DELETE FROM audit WHERE workspace_id = $1 AND seq > {}"
HEAD = "UPDATE audit_heads SET {} WHERE workspace_id = $1"
ROW = "UPDATE audit SET {} WHERE workspace_id = $1 AND seq = 5"
POINT = "UPDATE audit_checkpoints SET {} WHERE workspace_id = $1 AND seq = 3"
TAMPERINGS: Mapping[str, tuple[Sequence[str], str | None]] = {
    "a row deleted": (["DELETE FROM audit WHERE workspace_id = $1 AND seq = 5"], "5: missing"),
    "the first row deleted": (
        ["DELETE FROM audit WHERE workspace_id = $1 AND seq = 1"],
        "1: missing",
    ),
    "at": ([ROW.format("at = at + interval '1 microsecond'")], "5: altered"),
    "action": ([ROW.format("action = 'refused'")], "5: altered"),
    "user": ([ROW.format("user_id = gen_random_uuid()")], "5: altered"),
    "no user": ([ROW.format("user_id = NULL")], "5: altered"),
    "chat": ([ROW.format("chat_id = NULL")], "5: altered"),
    "details": ([ROW.format("details = details || '{\"number\": 6}'")], "5: altered"),
    "a note left out": ([ROW.format("details = jsonb_set(details, '{notes}', '[]')")], "5: altered"),
    "details of another kind": ([ROW.format("details = '[]'")], "5: altered"),
    "hash": ([ROW.format("hash = decode(repeat('00', 32), 'hex')")], "5: altered"),
    "previous": ([ROW.format("previous = decode(repeat('00', 32), 'hex')")], "5: unlinked"),
    "seq": ([ROW.format("seq = 50")], "5: missing"),
    "workspace": ([ROW.format("workspace_id = gen_random_uuid()")], "5: missing"),
    "two rows swapped": (
        [
            "UPDATE audit SET seq = 1000 + seq WHERE workspace_id = $1 AND seq IN (4, 5)",
            "UPDATE audit SET seq = 1009 - seq WHERE workspace_id = $1 AND seq > 1000",
        ],
        "4: unlinked",
    ),
    "the tail cut": ([CUT.format(7)], "8: truncated"),
    "the tail cut, the head rewritten, PazPaz has it": (
        [HEAD.format("forwarded = 9"), CUT.format(7), HEAD.format("seq = 7")],
        "8: truncated",
    ),
    "the tail cut below a checkpoint, the head rewritten": (
        [CUT.format(4), HEAD.format("seq = 4, checkpointed = 3")],
        "5: truncated",
    ),
    "the tail cut, checkpoint and all but the head's counter": (
        [
            CUT.format(4),
            HEAD.format("seq = 4"),
            "DELETE FROM audit_checkpoints WHERE workspace_id = $1 AND seq > 4",
        ],
        "6: checkpoint",
    ),
    "all rows deleted": ([CUT.format(0)], "1: truncated"),
    "the head deleted": (["DELETE FROM audit_heads WHERE workspace_id = $1"], "1: unlinked"),
    "the head counted down": ([HEAD.format("seq = 8")], "9: unlinked"),
    "the head counted up": ([HEAD.format("seq = 10")], "10: truncated"),
    "a false signature": ([POINT.format("signature = decode(repeat('00', 64), 'hex')")], "3: checkpoint"),
    "a key nobody knows": ([POINT.format("keyid = 'ai-2020-01-a'")], "3: checkpoint"),
    "a checkpoint's hash": ([POINT.format("hash = decode(repeat('00', 32), 'hex')")], "3: checkpoint"),
    "a checkpoint's time": ([POINT.format("at = at - interval '3 years'")], "3: checkpoint"),
    "checkpoints deleted": (
        ["DELETE FROM audit_checkpoints WHERE workspace_id = $1"],
        "6: checkpoint",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERINGS)
async def test_each_tampering_is_named(
    opened: Container, owner: Owner, verify: Any, name: str
) -> None:
    """With the owner's login and no triggers: the command names the first row where it shows, and what is wrong."""
    statements, found = TAMPERINGS[name]
    workspace = await a_chain(opened)
    async with triggers_off(owner):
        for statement in statements:
            await owner.execute(statement, workspace)
    assert await verify(workspace) == found


async def test_rows_moved_to_another_workspace_are_missed_and_do_not_fit(
    opened: Container, owner: Owner, verify: Any
) -> None:
    """Where they were the tail is cut, where they are nothing links to them; so too if that head is counted up."""
    here, there = await a_chain(opened), await a_chain(opened, length=7)
    async with triggers_off(owner):
        await owner.execute(
            "UPDATE audit SET workspace_id = $2 WHERE workspace_id = $1 AND seq > 7", here, there
        )
    assert await verify(here) == "8: truncated"
    assert await verify(there) == "8: unlinked"
    await owner.execute(HEAD.format("seq = 9"), there)
    assert await verify(there) == "8: unlinked"


async def test_a_tail_rewritten_with_new_hashes_is_caught_by_the_signature(
    opened: Container, owner: Owner, verify: Any
) -> None:
    """Whoever can compute hashes cannot sign. Rows behind the last signature that PazPaz lacks can be rewritten."""
    workspace = await a_chain(opened)
    await _rewrite(opened, owner, workspace, at=5)
    assert await verify(workspace) == "6: checkpoint"

    unsigned = await a_chain(opened)
    await _rewrite(opened, owner, unsigned, at=7)
    assert await verify(unsigned) is None


async def _rewrite(opened: Container, owner: Owner, workspace: WorkspaceId, *, at: int) -> None:
    """Another entry in one row, and every hash from there on made anew."""
    rows = list(await opened.audit.rows(workspace=workspace))
    rows[at - 1] = replace(rows[at - 1], entry=an_entry(99))
    async with triggers_off(owner):
        for place in range(at - 1, len(rows)):
            old, previous = rows[place], rows[place - 1].hash
            rows[place] = row = linked(
                old.entry, workspace=workspace, seq=old.seq, at=old.at, previous=previous
            )
            await owner.execute(
                "UPDATE audit SET details = $3, chat_id = $4, previous = $5, hash = $6"
                " WHERE workspace_id = $1 AND seq = $2",
                workspace,
                row.seq,
                json.dumps(row.entry.details),
                row.entry.chat,
                row.previous,
                row.hash,
            )


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    length=st.integers(1, 8),
    place=st.integers(0, 7),
    statement=st.sampled_from(
        [
            "DELETE FROM audit WHERE {}",
            "UPDATE audit SET at = at - interval '1 day' WHERE {}",
            "UPDATE audit SET details = '{{}}' WHERE {}",
            "UPDATE audit SET user_id = NULL WHERE {}",
            "UPDATE audit SET hash = previous WHERE {}",
            "UPDATE audit SET previous = hash WHERE {}",
            "UPDATE audit SET seq = seq + 100 WHERE {}",
        ]
    ),
)
async def test_one_tampering_of_a_random_chain_is_found_where_it_is(
    opened: Container, owner: Owner, verify: Any, length: int, place: int, statement: str
) -> None:
    """Chains of any length, one change of any row: that row is named."""
    seq = place % length + 1
    workspace = await a_chain(opened, length=length, signed_at=[])
    assert await verify(workspace) is None
    async with triggers_off(owner):
        await owner.execute(statement.format("workspace_id = $1 AND seq = $2"), workspace, seq)
    found = await verify(workspace)
    assert found is not None
    assert found.startswith(f"{seq}: ")


async def test_a_broken_chain_is_not_signed_and_still_grows(
    opened: Container, owner: Owner, verify: Any
) -> None:
    """The service goes on recording; the tampering stays named, and no new signature covers it."""
    workspace = await a_chain(opened, signed_at=[3])
    async with triggers_off(owner):
        await owner.execute(ROW.format("details = '{}'"), workspace)
    await opened.audit.append(an_entry(10), workspace=workspace)
    head = await opened.audit.head(workspace=workspace)
    assert head is not None
    await keeper_of(opened).checkpoint(head)

    assert [point.seq for point in await opened.audit.checkpoints(workspace=workspace)] == [3]
    assert await verify(workspace) == "5: altered"


# Pruning


async def an_old_chain(opened: Container, owner: Owner) -> WorkspaceId:
    """Two rows of four years ago, signed then, one of three, signed, and one of today."""
    workspace = WorkspaceId(uuid4())
    young, rows = now(), []
    for place, moment in enumerate(
        [months_before(young, 48), months_before(young, 48), months_before(young, 36), young]
    ):
        previous = rows[-1].hash if rows else GENESIS
        rows.append(
            linked(
                an_entry(place), workspace=workspace, seq=place + 1, at=moment, previous=previous
            )
        )
    async with opened.database.tenant_tx(workspace) as connection:
        await connection.execute(audit.insert(), [_values(row) for row in rows])
    await owner.execute(
        "INSERT INTO audit_heads (workspace_id, seq) VALUES ($1, $2)", workspace, len(rows)
    )
    for row in (rows[1], rows[2]):
        await opened.audit.keep_checkpoint(_signed(opened, row, at=row.at + timedelta(minutes=1)))
    return workspace


def _signed(opened: Container, row: AuditRow, *, at: datetime) -> Checkpoint:
    key = opened.signing_keys.at(now())
    return Checkpoint(row.workspace, row.seq, row.hash, at, key.keyid).signed_by(key.key)


@asynccontextmanager
async def plain_owner(databases_apart: Databases, owner: Owner) -> AsyncIterator[PgAuditLog]:
    """A log with an owner's login that is no superuser, which row-level security holds back too."""
    role = f"pazpaz_owner_{uuid4().hex[:8]}"
    url = make_url(databases_apart.owner).set(username=role, password=role)
    tables = ("audit", "audit_checkpoints", "audit_heads", "open_chats")
    (superuser,) = [row[0] for row in await owner.fetch("SELECT current_user")]
    await owner.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{role}'")
    try:
        await owner.execute(f"GRANT EXECUTE ON FUNCTION app_workspace() TO {role}")
        for table in tables:
            await owner.execute(f"ALTER TABLE {table} OWNER TO {role}")
        async with open_database(url.render_as_string(hide_password=False)) as database:
            yield PgAuditLog(database)
    finally:
        for table in tables:
            await owner.execute(f'ALTER TABLE {table} OWNER TO "{superuser}"')
        await owner.execute(f"DROP OWNED BY {role}")
        await owner.execute(f"DROP ROLE {role}")


async def test_pruning_takes_what_is_old_and_leaves_a_whole_chain(
    opened: Container, owner: Owner, databases_apart: Databases, verify: Any
) -> None:
    """Rows up to the last old signature go, and the pruning is told; what is left still verifies, and grows on."""
    workspace = await an_old_chain(opened, owner)
    async with plain_owner(databases_apart, owner) as log:
        assert await log.prune(workspace=workspace, before=months_before(now(), 42)) == 2
        assert await log.prune(workspace=workspace, before=months_before(now(), 42)) == 0

    rows = await opened.audit.rows(workspace=workspace)
    assert [row.seq for row in rows] == [3, 4, 5]
    assert (rows[-1].entry.action, rows[-1].entry.details) == (
        "audit.pruned",
        {"through": 2, "rows": 2},
    )
    assert [point.seq for point in await opened.audit.checkpoints(workspace=workspace)] == [2, 3]
    assert await verify(workspace) is None


async def test_a_chain_that_was_pruned_to_its_end_goes_on(
    opened: Container, owner: Owner, databases_apart: Databases, verify: Any
) -> None:
    """When every row is old, the next one follows on the signature that stayed."""
    workspace = await an_old_chain(opened, owner)
    async with triggers_off(owner):
        await owner.execute("DELETE FROM audit WHERE workspace_id = $1 AND seq = 4", workspace)
        await owner.execute(HEAD.format("seq = 3"), workspace)
    async with plain_owner(databases_apart, owner) as log:
        assert await log.prune(workspace=workspace, before=months_before(now())) == 3
    await opened.audit.append(an_entry(5), workspace=workspace)

    assert [row.seq for row in await opened.audit.rows(workspace=workspace)] == [4, 5]
    assert await verify(workspace) is None


async def test_young_rows_are_not_pruned(
    opened: Container, owner: Owner, databases_apart: Databases, verify: Any
) -> None:
    """Not even by the owner who asks for it: the trigger knows the law's two years."""
    workspace = await a_chain(opened)
    async with open_database(databases_apart.owner) as database:
        with pytest.raises(DBAPIError, match=APPEND_ONLY):
            await PgAuditLog(database).prune(workspace=workspace, before=now() + timedelta(days=1))
    assert await verify(workspace) is None


# Exporting


async def test_an_export_tells_who_read_a_clients_notes(
    opened: Container,
) -> None:
    """A question about the client with its end, and another's question that touched a note of theirs; of the notes
    only the client's own."""
    workspace, client = WorkspaceId(uuid4()), ClientId(uuid4())
    note, other = (
        {"entity": "sessions", "id": str(uuid4()), "client": str(one), "version": 3, "use": "cited"}
        for one in (client, uuid4())
    )
    scoped, wide, elsewhere = uuid4(), uuid4(), uuid4()
    for action, chat, details in (
        ("chat.opened", scoped, {"client": str(client)}),
        ("chat.closed", scoped, {"outcome": "abstained", "notes": []}),
        ("chat.opened", wide, {"client": None}),
        ("chat.closed", wide, {"outcome": "answered", "notes": [note, other]}),
        ("chat.opened", elsewhere, {"client": str(uuid4())}),
        ("chat.closed", elsewhere, {"outcome": "answered", "notes": [other]}),
    ):
        entry = AuditEntry(action, user=USER, chat=chat, details=details)  # type: ignore[arg-type]
        await opened.audit.append(entry, workspace=workspace)

    rows = await opened.audit.about(workspace=workspace, client=client)
    assert [(row.seq, row.entry.chat) for row in rows] == [
        (1, scoped), (2, scoped), (3, wide), (4, wide),
    ]  # fmt: skip
    out = io.StringIO()
    write(rows, out, format="csv", client=client)
    header, *lines = out.getvalue().splitlines()
    assert header.startswith("seq,at,user,action,chat,outcome,client,entity,note,version,use")
    assert len(lines) == 4
    assert lines[3].endswith(f",answered,{client},sessions,{note['id']},3,cited")


async def test_an_export_is_narrowed_by_user_and_time(opened: Container) -> None:
    """Another user's rows and other days' are left out."""
    workspace = await a_chain(opened, length=3, signed_at=[])
    today = datetime.now(UTC)
    find = opened.audit.about

    assert len(await find(workspace=workspace, user=USER, since=today - timedelta(days=1))) == 3
    assert await find(workspace=workspace, user=UserId(uuid4())) == []
    assert await find(workspace=workspace, until=today - timedelta(days=1)) == []
    assert await find(workspace=workspace, since=today + timedelta(days=1)) == []
    assert await find(workspace=workspace, client=ClientId(uuid4())) == []


async def test_many_at_once_make_one_unbroken_chain(opened: Container, verify: Any) -> None:
    """Questions of one practice at the same moment wait for each other, and nobody's number is lost."""
    here = WorkspaceId(uuid4())
    entry = AuditEntry("history.read", user=USER)
    appending = (opened.audit.append(entry, workspace=here) for _ in range(60))
    assert sorted(await asyncio.gather(*appending)) == list(range(1, 61))
    assert await verify(here) is None


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


async def test_other_keys_are_told_once_by_whichever_worker(opened: Container) -> None:
    """What we sign with and whom we accept: a row when it differs from what the trail knows, else none."""
    await keeper_of(opened).tell_keys()
    told = await opened.audit.last("keys.changed", workspace=SERVICE_CHAIN)
    assert told is not None
    signing, accepted = opened.signing_keys.state(now())
    assert told.entry.details == {"signing": signing, "accepted": list(accepted)}

    await keeper_of(opened).tell_keys()
    assert await opened.audit.last("keys.changed", workspace=SERVICE_CHAIN) == told
