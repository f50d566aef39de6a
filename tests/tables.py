"""Empty tables for a test, the audit trail's included, which nobody but the owner of a test database can empty."""

import asyncpg

from service.adapters.postgres.tables import metadata

NEVER_EMPTIED = ("audit", "audit_checkpoints")


async def empty_tables(owner: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Switches off the triggers that forbid it, for one transaction."""
    async with owner.transaction():
        for table in NEVER_EMPTIED:
            await owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER never_emptied")
        await owner.execute(f"TRUNCATE {', '.join(metadata.tables)}")
        for table in NEVER_EMPTIED:
            await owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER never_emptied")
