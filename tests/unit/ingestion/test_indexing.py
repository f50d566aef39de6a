"""The index follows the source: embedded, kept, forgotten, reported."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from service.domain.erasure import Subject
from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import Client, NoteRef
from service.domain.risk import RiskSpan
from service.domain.usage import Meter, Usage
from service.errors import ModelUnavailable, SourceUnavailable
from service.ingestion.erasure import Erasure
from service.ingestion.indexing import FAN_OUT_PAGE, Indexer
from service.ports.calls import CallContexts
from service.ports.index import IndexModels
from tests.fakes import (
    CLIENT,
    NOW,
    OTHER_WORKSPACE,
    WORKSPACE,
    InMemoryKeyStore,
    InMemoryNoteSource,
    a_client,
    a_note,
    embedders_of,
)
from tests.unit.doubles import (
    Elsewhere,
    RecordedQuestions,
    RecordingEmbedder,
    RecordingEraser,
    RecordingQueue,
    RecordingStore,
    SwitchedStandings,
    a_lease,
)

OTHER_CLIENT = ClientId(UUID(int=12))
PROFILE = NoteRef(WORKSPACE, "clients", CLIENT)
WHOLE = Subject(WORKSPACE, "workspaces", WORKSPACE)


class Practice:
    """An indexer and what stands around it."""

    def __init__(self, *, drafts: bool = False, require_consent: bool = False) -> None:
        self.standings = SwitchedStandings(require_consent=require_consent)
        self.source = InMemoryNoteSource()
        self.store = RecordingStore()
        self.queue = RecordingQueue()
        self.embedder, self.second = RecordingEmbedder(), RecordingEmbedder("recording-2")
        self.eraser, self.elsewhere = RecordingEraser(), Elsewhere()
        self.questions = RecordedQuestions()
        self.indexer = Indexer(
            notes=self.source,
            store=self.store,
            queue=self.queue,
            contexts=CallContexts(InMemoryKeyStore(), self.standings),
            erasure=Erasure(
                notes=self.source,
                eraser=self.eraser,
                allowances=self.elsewhere,
                query_vectors=self.questions,
                receipts=self.elsewhere,
                on_erased=self.elsewhere.drop,
            ),
            embedders=embedders_of(self.embedder, self.second),
            standings=self.standings,
            drafts=drafts,
            on_embedded=self.embedded,
        )
        self.told: list[tuple[WorkspaceId, dict[str, Usage]]] = []
        self.source.take(a_client())

    async def embedded(self, meter: Meter, *, workspace: WorkspaceId) -> None:
        self.told.append((workspace, meter.by_model))

    async def look(self, *keys: UUID, kind: str = "sessions") -> list[str]:
        """What became of each, in the order of the keys."""
        leases = [a_lease(key, kind) for key in keys]
        outcomes = {lease.key: said for lease, said in await self.indexer.look_again(leases)}
        assert len(outcomes) == len(leases)
        return [outcomes[key] for key in keys]

    async def indexed(self, *notes) -> list[str]:
        """Takes the notes into the source and looks at them."""
        self.source.take(*notes)
        return await self.look(*(note.ref.id for note in notes))


async def test_a_note_is_indexed_whole():
    """Chunks with a vector each, a bag, and a digest of every field stand for the note."""
    practice = Practice()
    note = a_note("Slept well.", plan="Rest at home.")
    assert await practice.indexed(note) == ["indexed"]

    kept = practice.store.space(note.ref)
    assert [(chunk.field, chunk.text) for chunk in kept.chunks] == [
        ("subjective", "Slept well."),
        ("plan", "Rest at home."),
    ]
    assert len(kept.vectors) == len(kept.chunks)
    assert set(kept.digests) == {"subjective", "plan"}
    assert (kept.model, kept.kept) == ("recording-1", frozenset())
    bag = practice.store.indexed[note.ref].bag
    assert list(bag.features) == sorted(set(bag.features)) != []


async def test_what_embedding_cost_is_told_once_a_batch():
    """Of two notes together, and of a batch whose second model was away after the first was paid for."""
    practice = Practice()
    practice.store.held = IndexModels("recording-1", beside="recording-2")
    for embedder in (practice.embedder, practice.second):
        embedder.usage = Usage(input_tokens=7)
    assert await practice.indexed(a_note("One."), a_note("Two.")) == ["indexed", "indexed"]
    both = {"recording-1": Usage(7), "recording-2": Usage(7)}
    assert practice.told == [(WORKSPACE, both)]

    practice.second.away = True
    with pytest.raises(ModelUnavailable):
        await practice.indexed(a_note("Three."))
    assert practice.told[1:] == [(WORKSPACE, {"recording-1": Usage(7)})]


async def test_only_the_edited_field_is_embedded_again():
    """What did not change costs nothing, and the digests say so next time."""
    practice = Practice()
    note = a_note("Slept well.", plan="Rest.", assessment="Better.")
    await practice.indexed(note)
    practice.embedder.calls.clear()

    edited = replace(note, fields={**note.fields, "plan": "Walk."})
    assert await practice.indexed(edited) == ["indexed"]
    assert practice.embedder.texts == ["Walk."]
    assert practice.embedder.heads[-1] == f"{NOW.date()} plan"
    kept = practice.store.space(note.ref)
    assert kept.kept == {"subjective", "assessment"}
    assert [chunk.field for chunk in kept.chunks] == ["plan"]

    practice.embedder.calls.clear()
    assert await practice.indexed(edited) == ["indexed"]
    assert practice.embedder.calls == []


async def test_a_text_moved_to_another_field_is_embedded_again():
    """A digest is of the field with its text, so equal text elsewhere is not taken for unchanged."""
    practice = Practice()
    note = a_note("Slept well.")
    await practice.indexed(note)
    moved = replace(note, fields={"plan": "Slept well."})
    await practice.indexed(moved)
    kept = practice.store.space(note.ref)
    assert (kept.kept, [chunk.field for chunk in kept.chunks]) == (frozenset(), ["plan"])


async def test_equal_texts_of_two_fields_have_two_digests():
    """What stands at rest does not show that two fields say the same."""
    practice = Practice()
    note = a_note("Same.", plan="Same.")
    await practice.indexed(note)
    [space] = practice.store.indexed[note.ref].spaces
    assert len(set(space.digests.values())) == 2


async def test_a_text_is_the_same_until_its_words_change():
    """Another day makes other chunks, and leaves what was cited where it stood; an edit moves its own field only."""
    practice = Practice()
    note = a_note("Slept well.", plan="Rest.")
    await practice.indexed(note)
    before = practice.store.indexed[note.ref]

    await practice.indexed(replace(note, session_date=NOW + timedelta(days=1)))
    assert practice.store.indexed[note.ref].texts == before.texts
    assert practice.store.indexed[note.ref].digests != before.digests
    await practice.indexed(replace(note, fields={**note.fields, "plan": "Walk."}))
    after = practice.store.indexed[note.ref].texts
    assert [name for name in after if after[name] != before.texts[name]] == ["plan"]


async def test_where_a_note_speaks_of_danger_is_written_with_it(monkeypatch):
    """By the rules' word on the text as it was pulled: a session's, and a client's profile."""
    monkeypatch.setattr("service.ingestion.indexing.risk_spans", _all_of_it)
    practice = Practice()
    note, client = a_note("Slept badly."), a_client(notes="Was hit at home.")
    await practice.indexed(note)
    practice.source.take(client)
    await practice.look(CLIENT, kind="clients")

    held = practice.store.indexed
    assert held[note.ref].risk == _all_of_it(note.fields) != ()
    assert held[PROFILE].risk == _all_of_it(client.profile.fields) != ()


def _all_of_it(fields: Mapping[str, str]) -> tuple[RiskSpan, ...]:
    return tuple(RiskSpan("abuse", "past", name, 0, len(text)) for name, text in fields.items())


async def test_a_look_writes_in_both_models():
    """A note is embedded once in each model of its workspace, several notes in one call a model."""
    practice = Practice()
    practice.store.held = IndexModels("recording-1", "recording-2")
    notes = [a_note(f"Note {number}.", plan="Rest.") for number in range(3)]
    assert await practice.indexed(*notes) == ["indexed"] * 3

    texts = ["Note 0.", "Rest.", "Note 1.", "Rest.", "Note 2.", "Rest."]
    assert (practice.embedder.calls, practice.second.calls) == ([texts], [texts])
    kept = practice.store.indexed[notes[0].ref]
    assert kept.models == ("recording-1", "recording-2")
    assert all(len(space.vectors) == len(space.chunks) == 2 for space in kept.spaces)


async def test_a_model_beside_embeds_only_what_it_lacks():
    """A model that was begun later embeds the whole note, the active one nothing; an edit costs both one field."""
    practice = Practice()
    note = a_note("Slept well.", plan="Rest.")
    await practice.indexed(note)
    practice.embedder.calls.clear()
    practice.store.held = IndexModels("recording-1", "recording-2")
    await practice.indexed(note)
    assert (practice.embedder.texts, practice.second.texts) == ([], ["Slept well.", "Rest."])

    practice.second.calls.clear()
    await practice.indexed(replace(note, fields={**note.fields, "plan": "Walk."}))
    assert practice.embedder.texts == practice.second.texts == ["Walk."]


async def test_the_settings_model_does_not_change_an_index_that_stands():
    """What a workspace was indexed with stays its model, whatever a new workspace would get."""
    practice = Practice()
    practice.store.held = IndexModels("recording-2")
    await practice.indexed(a_note("Slept well."))
    assert (practice.embedder.texts, practice.second.texts) == ([], ["Slept well."])


async def test_a_model_that_cannot_run_here_stops_the_look():
    """Nothing is written in one space only, and the note is not to blame."""
    practice = Practice()
    practice.store.held = IndexModels("recording-1", "elsewhere-1")
    with pytest.raises(ModelUnavailable):
        await practice.indexed(a_note("Slept well."))
    assert practice.store.indexed == {}


async def test_an_emptied_field_leaves_the_index():
    """A field without text has no chunk, no digest and nothing kept."""
    practice = Practice()
    note = a_note("Slept well.", plan="Rest.")
    await practice.indexed(note)
    await practice.indexed(replace(note, fields={"plan": "Rest."}))
    kept = practice.store.space(note.ref)
    assert (kept.kept, set(kept.digests), list(kept.chunks)) == ({"plan"}, {"plan"}, [])


async def test_several_notes_share_one_embed_call():
    """A batch is one pull, one call and one write a note."""
    practice = Practice()
    notes = [a_note(f"Note {number}.") for number in range(5)]
    assert await practice.indexed(*notes) == ["indexed"] * 5
    assert practice.embedder.calls == [[f"Note {number}." for number in range(5)]]
    assert [practice.store.space(note.ref).chunks[0].text for note in notes] == (
        practice.embedder.texts
    )


GONE = {
    "deleted": lambda: a_note("x.", state="deleted"),
    "of an archived client": lambda: a_note("x.", client=OTHER_CLIENT),
    "a draft of an archived client": lambda: a_note("x.", client=OTHER_CLIENT, state="draft"),
    "of an unknown client": lambda: a_note("x.", client=ClientId(uuid4())),
    "in another practice": lambda: a_note("x.", workspace=OTHER_WORKSPACE),
    "missing": lambda: None,
}


@pytest.mark.parametrize("gone", GONE.values(), ids=GONE)
async def test_what_may_not_be_found_is_forgotten(gone):
    """Its text is not embedded and its index goes, while the note beside it is indexed."""
    practice = Practice()
    practice.source.take(a_client(OTHER_CLIENT, is_active=False))
    note, beside = gone(), a_note("Slept well.")
    key = note.ref.id if note else uuid4()
    practice.source.take(beside, *([note] if note else []))

    assert await practice.look(key, beside.ref.id) == ["forgotten", "indexed"]
    assert practice.store.forgotten == [NoteRef(WORKSPACE, "sessions", key)]
    assert practice.embedder.texts == ["Slept well."]


async def test_drafts_are_indexed_where_the_practice_wants_them():
    """The setting decides, and the note stays marked as a draft."""
    practice = Practice(drafts=True)
    note = a_note("Slept well.", state="draft")
    assert await practice.indexed(note) == ["indexed"]
    assert practice.store.indexed[note.ref].note.is_draft


async def test_a_draft_is_counted_where_drafts_are_not_indexed():
    """That it is there, whose and of which day, is written; its text goes to no model, and nothing of it is kept."""
    practice = Practice()
    note, beside = a_note("Slept badly.", state="draft"), a_note("Slept well.")
    assert await practice.indexed(note, beside) == ["counted", "indexed"]

    counted = practice.store.indexed[note.ref]
    assert (counted.note.client, counted.note.day, counted.is_searched) == (
        CLIENT,
        NOW.date(),
        False,
    )
    assert (counted.spaces, counted.texts, counted.risk) == ((), {}, ())
    assert not counted.bag.features
    assert practice.embedder.texts == ["Slept well."]
    assert practice.told == [(WORKSPACE, {})]

    assert await practice.indexed(replace(note, state="active")) == ["indexed"]
    assert practice.store.indexed[note.ref].is_searched
    assert await practice.indexed(note) == ["counted"]
    assert not practice.store.indexed[note.ref].is_searched
    practice.store.lost.add(note.ref.id)
    assert await practice.indexed(note) == ["fenced"]


async def test_a_draft_of_a_client_without_consent_is_not_counted():
    """Where consent is required, nothing at all is known of whoever did not give it."""
    practice = Practice(require_consent=True)
    practice.source.take(replace(a_client(), has_consent=False))
    assert await practice.indexed(a_note("x.", state="draft")) == ["forgotten"]


async def test_consent_is_asked_for_only_where_it_is_required():
    """Without consent nothing is indexed or sent to a provider, if the practice says so."""
    note = a_note("Slept well.")
    for required, outcome in ((True, "forgotten"), (False, "indexed")):
        practice = Practice(require_consent=required)
        practice.source.take(replace(a_client(), has_consent=False))
        assert await practice.indexed(note) == [outcome]
        assert bool(practice.embedder.texts) != required
    practice = Practice(require_consent=True)
    assert await practice.indexed(note) == ["indexed"]


async def test_a_switch_for_consent_holds_for_the_next_note():
    """No restart: what operators switch is asked about at each look."""
    practice, note = Practice(), a_note("Slept well.")
    practice.source.take(replace(a_client(), has_consent=False))
    assert await practice.indexed(note) == ["indexed"]
    practice.standings.standing = replace(practice.standings.standing, require_consent=True)
    assert await practice.indexed(note) == ["forgotten"]


async def test_a_purged_note_is_erased_and_not_only_forgotten():
    """Gone for good also takes what conversations quoted from it, and leaves a receipt."""
    practice = Practice()
    purged, deleted = uuid4(), uuid4()
    practice.queue.gone = {purged}
    assert await practice.look(purged, deleted) == ["erased", "forgotten"]
    assert [ref.id for ref in practice.store.forgotten] == [deleted]
    assert practice.eraser.erased == [Subject(WORKSPACE, "sessions", purged)]
    assert len(practice.elsewhere.files) == 1
    assert practice.elsewhere.dropped == [WORKSPACE]


async def test_what_was_erased_stays_out_whatever_pazpaz_says():
    """A note with a tombstone, or of a client with one, is not indexed though PazPaz still has it."""
    practice = Practice()
    erased, of_erased, other = a_note("a."), a_note("b.", client=OTHER_CLIENT), a_note("c.")
    practice.source.take(a_client(OTHER_CLIENT))
    practice.queue.gone = {erased.ref.id, OTHER_CLIENT}
    assert await practice.indexed(erased, of_erased, other) == ["erased", "forgotten", "indexed"]
    assert set(practice.store.indexed) == {other.ref}

    assert await practice.look(OTHER_CLIENT, kind="clients") == ["erased"]
    assert practice.store.clients == {}


async def test_a_clients_drafts_and_dead_letters_are_erased_with_them():
    """Sessions that only PazPaz knows to be theirs are named to the eraser; with PazPaz away it goes without."""
    practice = Practice()
    draft = a_note("so far", state="draft")
    practice.source.take(draft)
    practice.queue.gone = {CLIENT}
    assert await practice.look(CLIENT, kind="clients") == ["erased"]

    async def away(**_):
        raise SourceUnavailable
        yield

    practice.source.manifest = away
    assert await practice.look(CLIENT, kind="clients") == ["erased"]
    assert practice.eraser.known_sessions == [{draft.ref.id}, ()]


async def test_a_receipt_that_cannot_be_written_stops_no_erasure():
    """The folder is full or away: the erasure stands, and the schedule writes the file later."""
    practice, gone = Practice(), uuid4()
    practice.elsewhere.full = True
    practice.queue.gone = {gone}
    assert await practice.look(gone) == ["erased"]


async def test_an_erasure_whose_lease_was_lost_is_told():
    """The worker that has the lease now erases; this one drops nothing elsewhere."""
    practice, gone = Practice(), uuid4()
    practice.queue.gone, practice.eraser.lost = {gone}, {gone}
    assert await practice.look(gone) == ["fenced"]
    assert practice.elsewhere.dropped == []


async def test_an_unreadable_note_is_reported_while_the_rest_goes_on():
    """A note PazPaz cannot decrypt is neither indexed nor forgotten; its neighbours are indexed."""
    practice = Practice()
    bad, good = a_note("x."), a_note("Slept well.")
    practice.source.unreadable[bad.ref.id] = "decrypt_failed"
    practice.source.take(good)
    assert await practice.look(bad.ref.id, good.ref.id) == ["unreadable", "indexed"]
    assert practice.store.forgotten == []


async def test_a_note_of_an_unreadable_client_waits():
    """A client who cannot be read at the moment is no reason to forget their notes."""
    practice = Practice()
    del practice.source.clients[CLIENT]
    practice.source.unreadable[CLIENT] = "decrypt_failed"
    practice.source.take(a_client(OTHER_CLIENT))
    theirs, beside = a_note("x."), a_note("Slept well.", client=OTHER_CLIENT)
    assert await practice.indexed(theirs, beside) == ["unreadable", "indexed"]
    assert practice.store.forgotten == []
    assert practice.embedder.texts == ["Slept well."]


async def test_a_lost_lease_is_told_and_writes_nothing():
    """Somebody else has the note by now: this worker's result is dropped."""
    practice = Practice()
    note, gone = a_note("Slept well."), uuid4()
    practice.store.lost = {note.ref.id, gone}
    practice.source.take(note)
    assert await practice.look(note.ref.id, gone) == ["fenced", "fenced"]
    assert practice.store.indexed == {}


async def test_an_outage_of_the_source_writes_nothing():
    """Away is not gone: nothing is forgotten because PazPaz could not be asked."""
    practice = Practice()
    note = a_note("Slept well.")
    await practice.indexed(note)

    async def away(**_):
        raise SourceUnavailable

    practice.source.fetch = away
    for kind, key in (("sessions", note.ref.id), ("clients", CLIENT)):
        with pytest.raises(SourceUnavailable):
            await practice.look(key, kind=kind)
    assert practice.store.forgotten == []
    assert note.ref in practice.store.indexed


async def test_a_client_who_became_active_fans_out_to_their_sessions():
    """All of their sessions are looked at again, nobody else's, and not the profile itself."""
    practice = Practice()
    mine = [a_note(f"Note {number}.") for number in range(3)]
    practice.source.take(a_client(OTHER_CLIENT), a_note("x.", client=OTHER_CLIENT), *mine)

    assert await practice.look(CLIENT, kind="clients") == ["indexed"]
    assert set(practice.store.woken) == {note.ref.id for note in mine}

    practice.store.woken.clear()
    assert await practice.look(CLIENT, kind="clients") == ["indexed"]
    assert practice.store.woken == []


async def test_an_archived_client_comes_back_with_their_sessions():
    """Archived, everything goes; active again, everything is looked at."""
    practice = Practice()
    note = a_note("Slept well.")
    practice.source.take(note)
    await practice.look(CLIENT, kind="clients")

    practice.source.take(a_client(is_active=False))
    assert await practice.look(CLIENT, kind="clients") == ["forgotten"]
    practice.store.woken.clear()
    practice.source.take(a_client())
    assert await practice.look(CLIENT, kind="clients") == ["indexed"]
    assert practice.store.woken == [note.ref.id]


async def test_a_profile_is_indexed_like_a_note():
    """Its fields are chunked, embedded and found under the client's id."""
    practice = Practice()
    practice.source.take(a_client(medical_history="Asthma.", notes="Prefers mornings."))
    await practice.look(CLIENT, kind="clients")
    kept = practice.store.space(PROFILE)
    assert [chunk.text for chunk in kept.chunks] == ["Asthma.", "Prefers mornings."]
    assert practice.store.indexed[PROFILE].note.session_date is None


@pytest.mark.parametrize(
    ("client", "outcome"),
    [
        (a_client(is_active=False, notes="x."), "forgotten"),
        (replace(a_client(notes="x."), has_consent=False), "forgotten"),
        (a_client(notes="x."), "indexed"),
    ],
    ids=["archived", "no consent", "active"],
)
async def test_a_client_who_may_not_be_read_is_not_embedded(client: Client, outcome):
    """The profile of an archived or unconsenting client goes nowhere."""
    practice = Practice(require_consent=True)
    practice.source.take(client)
    assert await practice.look(CLIENT, kind="clients") == [outcome]
    assert practice.embedder.texts == (["x."] if outcome == "indexed" else [])


async def test_an_unreadable_client_is_reported_and_kept():
    """A profile that cannot be decrypted is no deleted client."""
    practice = Practice()
    practice.source.unreadable[CLIENT] = "too_large"
    assert await practice.look(CLIENT, kind="clients") == ["unreadable"]
    assert (practice.store.forgotten, practice.store.clients) == ([], {})


async def test_a_client_who_is_gone_is_forgotten_with_everything():
    """Purged, also from conversations; merely missing, from the index."""
    practice = Practice()
    practice.source.clients.clear()
    assert await practice.look(CLIENT, kind="clients") == ["forgotten"]
    assert practice.store.forgotten == [PROFILE]
    practice.queue.gone = {CLIENT}
    assert await practice.look(CLIENT, kind="clients") == ["erased"]
    assert practice.eraser.erased == [Subject(WORKSPACE, "clients", CLIENT)]


async def test_a_client_whose_lease_was_lost_is_told_and_fans_out_to_nobody():
    """The worker that holds the lease now does all of it."""
    practice = Practice()
    practice.source.take(a_note("Slept well."))
    practice.store.lost = {CLIENT}
    assert await practice.look(CLIENT, kind="clients") == ["fenced"]
    assert practice.queue.wanted == []


async def test_several_clients_are_each_looked_at():
    """One after the other, each with an outcome of its own."""
    practice = Practice()
    practice.source.take(a_client(OTHER_CLIENT, is_active=False))
    gone = uuid4()
    assert await practice.look(CLIENT, OTHER_CLIENT, gone, kind="clients") == [
        "indexed",
        "forgotten",
        "forgotten",
    ]


@pytest.mark.parametrize(
    ("status", "outcome", "forgotten", "erased"),
    [
        ("active", "indexed", [], []),
        ("suspended", "forgotten", [WORKSPACE], []),
        ("deleted", "erased", [], [WHOLE]),
        (None, "forgotten", [WORKSPACE], []),
    ],
)
async def test_a_workspace_follows_its_status(status, outcome, forgotten, erased):
    """Suspended or not listed, search forgets it; deleted, all of it goes; active, it is looked at."""
    practice = Practice()

    async def said(*, workspace):
        assert workspace == WORKSPACE
        return status

    practice.source.workspace_status = said
    practice.source.take(a_note("Slept well."))
    assert await practice.look(WORKSPACE, kind="workspaces") == [outcome]
    assert (practice.eraser.forgotten, practice.eraser.erased) == (forgotten, erased)
    entities = {item.entity for item in practice.queue.wanted}
    assert entities == ({"sessions", "clients"} if status == "active" else set())


async def test_a_workspace_is_done_only_after_its_effect():
    """An erasure that failed stays wanted."""
    practice = Practice()

    async def deleted(**_):
        return "deleted"

    async def fails(*_, **__):
        raise SourceUnavailable

    practice.source.workspace_status = deleted
    practice.eraser.erase = fails
    with pytest.raises(SourceUnavailable):
        await practice.look(WORKSPACE, kind="workspaces")
    assert practice.queue.finished == []


async def test_an_erased_workspace_is_not_brought_back_by_being_listed():
    """PazPaz lists it as active, but nothing newer than the tombstone says so: what is there of it goes again."""
    practice = Practice()
    practice.source.take(a_note("Slept well."))
    practice.eraser.for_good = {WORKSPACE}
    assert await practice.look(WORKSPACE, kind="workspaces") == ["erased"]
    assert practice.eraser.erased == [WHOLE]
    assert practice.elsewhere.allowances == [WORKSPACE]
    assert practice.questions.forgotten == [WORKSPACE]
    assert practice.queue.wanted == []


async def test_a_workspace_whose_lease_was_lost_is_told():
    """The repeat by another worker is harmless; this one claims no success."""
    practice = Practice()

    async def lost(lease):
        return False

    practice.queue.done = lost
    assert await practice.look(WORKSPACE, kind="workspaces") == ["fenced"]


async def test_a_fan_out_goes_page_by_page():
    """A practice of many notes is never held as one list, and none is left out."""
    practice = Practice()
    notes = [a_note("x.", id=UUID(int=1000 + number)) for number in range(FAN_OUT_PAGE + 3)]
    practice.source.take(*notes)
    pages: list[int] = []
    want = practice.queue.want

    async def counted(items, *, workspace):
        pages.append(len(items))
        await want(items, workspace=workspace)

    practice.queue.want = counted
    await practice.look(WORKSPACE, kind="workspaces")
    assert pages == [FAN_OUT_PAGE, 4]  # and the one profile
    assert len({item.id for item in practice.queue.wanted}) == len(notes) + 1


async def test_a_note_that_breaks_its_batch_keeps_no_other():
    """All that can be written is written, and the error is told: next time each comes alone."""
    practice = Practice()
    first, broken, last = a_note("One."), a_note("Two."), a_note("Three.")
    practice.store.breaking = {broken.ref.id}
    with pytest.raises(ValueError, match="breaks"):
        await practice.indexed(first, broken, last)
    assert set(practice.store.indexed) == {first.ref, last.ref}


async def test_large_notes_are_written_a_few_at_a_time(monkeypatch):
    """No transaction carries more rows than a statement should, and no note is divided."""
    monkeypatch.setattr("service.ingestion.indexing.MOST_ROWS", 2)
    practice = Practice()
    sizes = []
    replace_all = practice.store.replace_all

    async def counting(notes):
        sizes.append([len(one.spaces[0].chunks) for one, _ in notes])
        return await replace_all(notes)

    practice.store.replace_all = counting
    large = a_note("One.", plan="Two.", assessment="Three.")
    assert (
        await practice.indexed(a_note("A."), a_note("B."), large, a_note("C.")) == ["indexed"] * 4
    )
    assert sizes == [[1, 1], [3], [1]]
