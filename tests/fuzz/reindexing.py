"""A second model in one practice: beside, active, gone again, and nothing of it in any other practice."""

from dataclasses import replace
from typing import Any

from service.adapters.index.both_vectors import vectors_in
from service.adapters.index.chunk_store import PgChunkStore
from service.domain.scope import ANYWHERE
from service.ports.index import IndexedNote, IndexModels
from tests.fuzz.operations import Run, changes_are_told, covers, places_of, vectors_are_read
from tests.fuzz.world import CLIENTS, SESSIONS, Practice

SECOND = "local-hash-2"
MEANWHILE = "UPDATE index_models SET changed_at = changed_at - interval '61 seconds' WHERE workspace_id = $1"


@covers(
    "PgReindexer.begin",
    "PgReindexer.progress",
    "PgReindexer.lacking",
    "PgReindexer.switch",
    "PgReindexer.finish",
    "PgReindexer.sweep",
    *("PlainVectors.drop_stale", "SealedVectors.drop_stale", "BothVectors.drop_stale"),
    "PgChunkStore.models",
    weight=3,
)
async def change_the_model_and_change_it_back(run: Run) -> None:
    """What lacks is this practice's; a note in both is found in each; what is swept is what was written beside."""
    at, reindexer = run.world.any(), run.parts.reindexer
    others = await _models(run, at)
    if await run.parts.store.models(workspace=at.id) is None:
        run.same(await reindexer.begin(SECOND, workspace=at.id), "unindexed")
        return
    first = (await at.store.models(workspace=at.id) or IndexModels("")).active
    run.same(await reindexer.begin(SECOND, workspace=at.id), "begun")
    lacking = {item.id for item in await reindexer.lacking(workspace=at.id)}
    run.same(lacking, {one.id for one in at.store.indexed})
    at.store.held[at.id] = IndexModels(first, SECOND)
    written = await _in_both(run, at)
    state = await reindexer.progress(workspace=at.id)
    run.same(state and (state.notes, state.covered), (len(at.store.indexed), len(written)))
    await _switch_there_and_back(run, at)
    run.same(await reindexer.finish(workspace=at.id, abandon=True), "finished")
    beside = sum(len(one.spaces[1].chunks) for one in written)
    run.same(await reindexer.sweep(workspace=at.id), beside)
    at.store.held[at.id] = IndexModels(first)
    for one in written:
        kept = at.store.indexed[one.note.ref]
        at.store.indexed[one.note.ref] = replace(kept, spaces=kept.spaces[:1])
    run.same(await _models(run, at), others)


async def _in_both(run: Run, at: Practice) -> list[IndexedNote]:
    """One note, refused in one model and taken in both; none where its client is archived."""
    note = at.note(run.chance.choice(SESSIONS), run.chance.choice(CLIENTS), run.chance)
    at.source.take(note)
    one = await run.indexed(note, at)
    [space] = one.spaces
    both = replace(one, spaces=[space, replace(space, model=SECOND)])
    forgotten = await run.parts.store.replace(one, lease=await run.lease(note.ref))
    run.same(forgotten, await at.store.replace(one))
    if forgotten:
        return []
    await run.build.owner.execute("UPDATE work SET lease_until = NULL WHERE wanted > done")
    [lease] = await run.parts.queue.claim(limit=4)
    run.same(await run.parts.store.replace(both, lease=lease), await at.store.replace(both))
    return [both]


async def _switch_there_and_back(run: Run, at: Practice) -> None:
    for back in (False, True):
        said = await run.parts.reindexer.switch(workspace=at.id, back=back, force=True)
        run.same(said, "switched")
        [vector] = await run.embed(at.mark, at)
        asked: dict[str, Any] = {
            "workspace": at.id,
            "model": SECOND,
            "within": ANYWHERE,
            "limit": 500,
        }
        found = await run.parts.store.search(vector, **asked)
        run.same(places_of(found), places_of(await at.store.search(vector, **asked)))
    await run.build.owner.execute(MEANWHILE, at.id)
    at.audit += 4  # begun, there, back, finished


async def _models(run: Run, but: Practice) -> list[Any]:
    query = "SELECT * FROM index_models WHERE workspace_id <> $1 ORDER BY workspace_id"
    return [tuple(row) for row in await run.build.owner.fetch(query, but.id)]


@covers(
    *("BothVectors.move", "BothVectors.elsewhere_of", "BothVectors.elsewhere_in_all"),
    *("PlainVectors.take", "PlainVectors.put"),
    *("SealedVectors.take", "SealedVectors.put", "SealedVectors.swap"),
    weight=4,
)
async def write_vectors_in_the_other_way(run: Run) -> None:
    """All of this practice's move and nobody else's, a note is written there, and sometimes all of it moves back."""
    at, other = run.world.any(), run.world.any()
    await run.key(at)
    plain = run.parts.vector_table
    sealed = vectors_in("sealed", run.parts.database, run.parts.keys)
    await _write(run, at, run.parts.store)  # so that something stands there in every run
    theirs = await plain.elsewhere_of(workspace=other.id)
    expected = await sealed.elsewhere_of(workspace=at.id)
    run.same(await sealed.move(workspace=at.id), expected)
    run.same(await sealed.elsewhere_of(workspace=at.id), 0)
    run.same(await sealed.elsewhere_in_all() >= 0, True)
    await _write(run, at, replace(run.parts.store, vectors=sealed))
    if other is not at:
        run.same(await plain.elsewhere_of(workspace=other.id), theirs)
    # Else it is left to chance, in a run of any length, whether anything sealed is met.
    await vectors_are_read(run, at)
    await changes_are_told(run, at)  # a note of somebody else's is written too, maybe the other's
    theirs = await plain.elsewhere_of(workspace=other.id)
    if run.chance.random() < 0.5:
        expected = await plain.elsewhere_of(workspace=at.id)
        run.same(await plain.move(workspace=at.id), expected)
    if other is not at:
        run.same(await plain.elsewhere_of(workspace=other.id), theirs)


async def _write(run: Run, at: Practice, store: PgChunkStore) -> None:
    note = at.note(run.chance.choice(SESSIONS), run.chance.choice(CLIENTS), run.chance)
    at.source.take(note)
    one = await run.indexed(note, at)
    written = await store.replace(one, lease=await run.lease(note.ref))
    run.same(written, await at.store.replace(one))
