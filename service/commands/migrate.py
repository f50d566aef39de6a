"""pazpaz-agent migrate: the schema, brought to its newest state while pods of the version before work on it."""

from typing import TYPE_CHECKING, Annotated

import typer

from service.errors import SchemaBusy

if TYPE_CHECKING:
    from service.adapters.postgres.schema import Schema


def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit 1 if a migration is missing.")
    ] = False,
) -> None:
    """Brings the database named by MIGRATION_DATABASE_URL to the newest schema.

    Exit 0 if it has that, or a newer one; 1 if a table did not come free; 2 if it cannot.
    """
    from service.adapters.postgres import schema
    from service.settings import MigrationSettings, load

    settings = load(MigrationSettings)
    url = settings.migration_database_url.get_secret_value()
    if check:
        missing = _tell(schema.schema_of(url), "Missing")
        raise typer.Exit(1 if missing else 0)
    patience = schema.Patience(statement_seconds=settings.migration_statement_seconds)
    try:
        _tell(schema.migrate(url, patience=patience, on_wait=_wait), "Ran")
    except SchemaBusy as exc:
        typer.echo(f"pazpaz-agent: {exc.__doc__}", err=True)
        raise typer.Exit(1) from None


def _wait() -> None:
    typer.echo("Another migration of this database is under way; waiting for it.", err=True)


def _tell(found: "Schema", what: str) -> bool:
    """Whether anything was missing."""
    for name in found.missing:
        typer.echo(f"{what}: {name}")
    if found.newer:
        typer.echo(
            f"The database has the schema {found.newer}, newer than this version; left as it is."
        )
    elif what == "Ran" or not found.missing:
        typer.echo("The database has the newest schema.")
    return bool(found.missing)
