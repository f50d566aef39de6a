"""What PazPaz's Alembic migrations call for the outbox; `op` is Alembic's own.

    def upgrade():
        create_outbox(op)
        tell_deletes(op, "sessions", workspace_column="workspace_id")

    def downgrade():
        stop_telling(op, "sessions")
        drop_outbox(op)

A migration must do next year what it did when it was written: what a function here makes never changes. A later shape
gets a function of its own.
"""

from typing import Any, Literal

from sqlalchemy import Column, DateTime, Integer, String, Uuid, func, text

from pazpaz_ai_client.models import EntityName
from pazpaz_ai_client.outbox import Xid8

Change = Literal["INSERT", "UPDATE", "DELETE"]


def create_outbox(op: Any, name: str = "ai_outbox") -> None:
    """The table of `OutboxMixin` and its two indexes. PostgreSQL 13 or newer."""
    op.create_table(
        name,
        Column("id", Uuid(), primary_key=True),
        Column("txid", Xid8(), server_default=func.pg_current_xact_id(), nullable=False),
        Column("workspace_id", Uuid(), nullable=False),
        Column("entity", String(20), nullable=False),
        Column("entity_id", Uuid(), nullable=False),
        Column("kind", String(20), nullable=False),
        Column("occurred_at", DateTime(timezone=True), nullable=False),
        Column("attempts", Integer(), server_default="0", nullable=False),
        Column("refusals", Integer(), server_default="0", nullable=False),
        Column("not_before", DateTime(timezone=True)),
        Column("delivered_at", DateTime(timezone=True)),
        Column("given_up_at", DateTime(timezone=True)),
        Column("last_error", String(100)),
    )
    op.create_index(f"{name}_feed", name, ["txid", "id"])
    waiting = text("delivered_at IS NULL")
    op.create_index(f"{name}_waiting", name, ["occurred_at"], postgresql_where=waiting)


def drop_outbox(op: Any, name: str = "ai_outbox") -> None:
    """The table and what it holds."""
    op.drop_table(name)


def tell_deletes(
    op: Any,
    table: EntityName,
    *,
    workspace_column: str,
    outbox: str = "ai_outbox",
    on: tuple[Change, ...] = ("DELETE",),
) -> None:
    """A trigger that tells of rows which the database deletes by itself (`ON DELETE CASCADE`), unseen by the ORM.

    Where the ORM deletes them, both tell; the second event only says 'look again' once more. With
    `on=("INSERT", "UPDATE", "DELETE")` it also tells of what scripts and other programs write.
    """
    body = _TELL.format(table=table, outbox=outbox, workspace=workspace_column, kind=_kinds(table))
    op.execute(body)
    op.execute(
        f'CREATE TRIGGER "{outbox}_tells" AFTER {" OR ".join(on)} ON "{table}"'
        f' FOR EACH ROW EXECUTE FUNCTION "{outbox}_tell_{table}"()'
    )


def stop_telling(op: Any, table: EntityName, *, outbox: str = "ai_outbox") -> None:
    """The trigger and its function."""
    op.execute(f'DROP TRIGGER "{outbox}_tells" ON "{table}"')
    op.execute(f'DROP FUNCTION "{outbox}_tell_{table}"()')


def _kinds(table: EntityName) -> str:
    told = "status" if table in ("workspaces", "users") else "upserted"
    return f"CASE TG_OP WHEN 'DELETE' THEN 'purged' ELSE '{told}' END"


_TELL = """
CREATE FUNCTION "{outbox}_tell_{table}"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  told "{table}";
BEGIN
  IF TG_OP = 'UPDATE' AND OLD IS NOT DISTINCT FROM NEW THEN
    RETURN NULL;
  END IF;
  told := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
  INSERT INTO "{outbox}" (id, workspace_id, entity, entity_id, kind, occurred_at)
  VALUES (gen_random_uuid(), told."{workspace}", '{table}', told.id, {kind}, clock_timestamp());
  RETURN NULL;
END $$
"""
