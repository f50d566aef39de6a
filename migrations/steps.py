"""Steps that a migration cannot take in its transaction, because others would wait for it."""

from alembic import op


def create_index(name: str, on: str) -> None:
    """An index on a table that is in use, built while others write; `on` is what follows ON.

    The only step of its migration: what stands before it would be committed without the rest. A build that was cut off
    leaves an index that nobody uses and every write keeps up, so whatever has the name goes first.
    """
    with op.get_context().autocommit_block():
        # It waits for every transaction that was there before it, and nobody but another migration waits for it.
        op.execute("SET lock_timeout = 0")
        op.execute("SET statement_timeout = 0")
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {on}")
        op.execute("RESET lock_timeout")
        op.execute("RESET statement_timeout")


def drop_index(name: str) -> None:
    """The only step of its migration, too."""
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        op.execute("SET statement_timeout = 0")
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        op.execute("RESET lock_timeout")
        op.execute("RESET statement_timeout")
