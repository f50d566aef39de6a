"""The database's schema, brought to its newest state by Alembic."""

import asyncio
from importlib.resources import files

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy.exc import DBAPIError

from service.errors import BadSettings


def migrate(url: str) -> None:
    """Runs what is missing; `url` logs in as the owner. Raises BadSettings when the server refuses.

    Not inside a running loop: Alembic's environment starts its own.
    """
    config = Config()
    config.set_main_option("script_location", str(files("migrations")))
    config.attributes["url"] = url
    try:
        command.upgrade(config, "head")
    except (OSError, DBAPIError, asyncpg.PostgresError) as exc:
        # The server's own message may carry the address.
        raise BadSettings(f"the migrations could not run ({type(exc).__name__})") from None


async def migrate_async(url: str) -> None:
    """The same from a running loop."""
    await asyncio.to_thread(migrate, url)
