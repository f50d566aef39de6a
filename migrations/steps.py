"""Steps that a migration cannot take in its transaction, because others would wait for it."""

from alembic import op


def create_index(name: str, on: str) -> None:
    """An index on a table that is in use, built while others write; `on` is what follows ON.

    The only step of its migration: what stands before it would be committed without the rest. A build that was cut off
    leaves an index that nobody uses and every write keeps up, so whatever has the name goes first.
    """
    _take_its_time(
        f"DROP INDEX CONCURRENTLY IF EXISTS {name}", f"CREATE INDEX CONCURRENTLY {name} ON {on}"
    )


def drop_index(name: str) -> None:
    """The only step of its migration, too."""
    _take_its_time(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def _take_its_time(*statements: str) -> None:
    """They wait for every transaction that was there before, and nobody but another migration waits for them."""
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        op.execute("SET statement_timeout = 0")
        for statement in statements:
            op.execute(statement)
        op.execute("RESET lock_timeout")
        op.execute("RESET statement_timeout")
