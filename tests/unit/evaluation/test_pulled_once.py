"""A source that is asked for each row once."""

from uuid import uuid4

from service.evaluation.pulled_once import PulledOnce
from tests.fakes import CLIENT, WORKSPACE, InMemoryNoteSource, a_client, a_note


async def test_a_row_is_pulled_once_whether_it_is_there_or_not():
    """Asked for with others, only the new ones are pulled; what is missing stays missing."""
    source, one, other = InMemoryNoteSource(), a_note("One."), a_note("Two.")
    source.take(one, other, a_client())
    notes, missing, broken = PulledOnce(source), uuid4(), uuid4()
    source.unreadable[broken] = "malformed"

    asked = [one.ref.id, missing, broken]
    first = await notes.fetch(workspace=WORKSPACE, sessions=asked, clients=[CLIENT])
    again = await notes.fetch(workspace=WORKSPACE, sessions=asked, clients=[CLIENT])
    more = await notes.fetch(workspace=WORKSPACE, sessions=[*asked, other.ref.id])

    assert first == again
    assert (set(first.sessions), set(first.clients)) == ({one.ref.id}, {CLIENT})
    assert first.unreadable == {broken: "malformed"}
    assert set(more.sessions) == {one.ref.id, other.ref.id}
    assert [list(sessions) for sessions, _, _ in source.pulls] == [asked, [other.ref.id]]
