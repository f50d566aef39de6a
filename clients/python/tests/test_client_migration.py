"""The outbox's migration, run by Alembic on PostgreSQL as PazPaz runs it."""

import asyncio

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, inspect, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase

from pazpaz_ai_client.outbox import OutboxMixin

ENV = """
import asyncio
from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine

def run(connection):
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()

async def main():
    engine = create_async_engine(context.config.get_main_option("sqlalchemy.url"))
    async with engine.begin() as connection:
        await connection.run_sync(run)
    await engine.dispose()

if context.is_offline_mode():
    context.configure(dialect_name="postgresql")
    with context.begin_transaction():
        context.run_migrations()
else:
    asyncio.run(main())
"""
REVISION = """
from alembic import op
from pazpaz_ai_client.migration import create_outbox, drop_outbox, stop_telling, tell_deletes

revision, down_revision = "0001", None

def upgrade():
    op.execute("CREATE TABLE sessions (id uuid PRIMARY KEY, workspace_id uuid NOT NULL)")
    create_outbox(op)
    tell_deletes(op, "sessions", workspace_column="workspace_id")

def downgrade():
    stop_telling(op, "sessions")
    drop_outbox(op)
    op.execute("DROP TABLE sessions")
"""


class Base(DeclarativeBase):
    pass


class AiOutbox(OutboxMixin, Base):
    __tablename__ = "ai_outbox"


def a_config(folder, url):
    (folder / "versions").mkdir()
    (folder / "env.py").write_text(ENV)
    (folder / "versions" / "0001_outbox.py").write_text(REVISION)
    config = Config()
    config.set_main_option("script_location", str(folder))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


async def on(url, work):
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


def differences(connection):
    """What Alembic would generate to make the database like the models."""
    options = {
        "compare_type": True,
        "compare_server_default": True,
        "include_name": lambda name, kind, _: kind != "table" or name == "ai_outbox",
    }
    return compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata)


def described(connection, name):
    """The table as PostgreSQL itself describes it."""
    columns = """
        SELECT column_name, udt_name, is_nullable, column_default, character_maximum_length
        FROM information_schema.columns WHERE table_name = :name ORDER BY column_name"""
    indexes = "SELECT replace(indexdef, :name, 't') FROM pg_indexes WHERE tablename = :name"
    told = connection.execute(text(columns), {"name": name}).all()
    return told, sorted(connection.execute(text(indexes), {"name": name}).scalars())


async def test_the_migration_makes_the_models_table_and_takes_it_away(database_url, tmp_path):
    """Upgraded, Alembic finds nothing to change; downgraded, nothing of it is left."""
    config = a_config(tmp_path, database_url)

    await asyncio.to_thread(command.upgrade, config, "head")
    assert await on(database_url, differences) == []
    await asyncio.to_thread(command.downgrade, config, "base")

    left = await on(database_url, lambda connection: inspect(connection).get_table_names())
    assert left == ["alembic_version"]
    functions = text("SELECT count(*) FROM pg_proc WHERE proname LIKE 'ai_outbox%'")
    assert await on(database_url, lambda connection: connection.scalar(functions)) == 0


async def test_the_migration_s_table_is_the_model_s_to_the_last_default(database_url, tmp_path):
    """PostgreSQL describes both alike, the types and indexes that Alembic cannot compare included."""
    await asyncio.to_thread(command.upgrade, a_config(tmp_path, database_url), "head")
    made = await on(database_url, lambda connection: described(connection, "ai_outbox"))
    model = AiOutbox.__table__.to_metadata(MetaData(), name="by_model")
    for index in model.indexes:
        index.name = index.name.replace("ai_outbox", "by_model")

    await on(database_url, lambda connection: model.create(connection))

    assert made == await on(database_url, lambda connection: described(connection, "by_model"))
    assert len(made[0]) == len(model.columns)


def test_the_migration_can_be_written_as_sql(tmp_path, capsys):
    """A host whose database is changed by hand gets a script."""
    command.upgrade(a_config(tmp_path, "postgresql://nowhere"), "head", sql=True)

    assert "CREATE TABLE ai_outbox" in capsys.readouterr().out
