"""A note indexed before the index knew of danger is pulled and read for it, until somebody looks at it again."""

from uuid import uuid4

from service.container import Container
from service.domain.identity import ClientId, WorkspaceId
from service.domain.risk import RiskNote
from tests.fakes import a_client, a_note
from tests.integration.conftest import Owner, _indexed, _lease


async def test_what_nobody_looked_at_since_is_not_taken_for_harmless(
    opened: Container, owner: Owner
) -> None:
    """After an upgrade, and before all notes were looked at: neither its session nor its profile is left out."""
    workspace, client = WorkspaceId(uuid4()), ClientId(uuid4())
    named = a_client(client, workspace=workspace, notes="quiet")
    lease = await _lease(opened, named.profile.ref, kind="upserted")
    profile = await _indexed(named.profile, opened)
    assert await opened.store.put_client(named, profile, lease=lease)
    old, looked_at = (a_note("Slept.", workspace=workspace, client=client) for _ in range(2))
    for note in (old, looked_at):
        lease = await _lease(opened, note.ref, kind="upserted")
        assert await opened.store.replace(await _indexed(note, opened), lease=lease)
    assert await opened.store.risks(workspace=workspace, clients={client}) == []

    await owner.execute(
        "UPDATE note_catalogue SET sealed = NULL, key_epoch = NULL WHERE entity_id = ANY($1)",
        [old.ref.id, client],
    )
    assert await opened.store.risks(workspace=workspace, clients={client}) == [
        RiskNote(old.ref, client, old.day, ()),
        RiskNote(named.profile.ref, client, None, ()),
    ]
