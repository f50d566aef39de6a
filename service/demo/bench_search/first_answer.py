"""A process of its own that answers one question and ends: what a restart costs whoever asks first."""

import asyncio
import json
import os
import sys
from uuid import UUID


async def _answer(workspace: UUID) -> int:
    from service.adapters.index.chunk_store import PgChunkStore
    from service.adapters.index.plain_vectors import PlainVectors
    from service.adapters.key_store import PgKeyStore
    from service.adapters.postgres.database import open_database
    from service.demo.bench_search.ours import KEY
    from service.demo.bench_search.tenants import MODEL
    from service.domain.identity import WorkspaceId
    from service.domain.scope import ANYWHERE
    from service.ports.clock import now
    from service.retrieval.dense import DenseIndex

    vector = json.loads(sys.stdin.read())
    async with open_database(os.environ["DATABASE_URL"]) as database:
        store = PgChunkStore(database, PgKeyStore(database, KEY, now), PlainVectors(database))
        hits = await DenseIndex(store).search(
            vector, workspace=WorkspaceId(workspace), model=MODEL, within=ANYWHERE, limit=10
        )
        sys.stdout.write(f"{len(hits)}\n")
        sys.stdout.flush()
        os._exit(0)  # what it began to load is nobody's


if __name__ == "__main__":
    asyncio.run(_answer(UUID(sys.argv[1])))
