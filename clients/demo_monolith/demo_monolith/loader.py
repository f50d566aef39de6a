"""What the AI service may ask this backend: the client's own loader over the stand-in's tables."""

import asyncio
from uuid import UUID

from sqlalchemy import select

from demo_monolith.resources import Sessions
from demo_monolith.tables import TABLES, AuditEvent, Note
from pazpaz_ai_client.loader import SignIns, TableLoader
from pazpaz_ai_client.models import RecordError, RecordsAnswer, RecordsRequest


class DemoLoader(TableLoader):
    """As it is shipped, with two levers for tests: a practice that answers slowly, and a note that no key opens."""

    def __init__(self, sessions: Sessions, sign_ins: SignIns) -> None:
        super().__init__(sessions, TABLES, sign_ins=sign_ins, audit_model=AuditEvent)
        self._notes = sessions
        self.slow: dict[UUID, float] = {}
        """For how many seconds a practice's notes keep an answer waiting."""

    async def records(self, request: RecordsRequest) -> RecordsAnswer:
        if request.purpose == "answer":
            await asyncio.sleep(self.slow.get(request.workspace_id, 0))
        answer = await super().records(request)
        broken = await self._undecryptable(request)
        sessions = [
            RecordError(id=one.id, error="decrypt_failed") if one.id in broken else one
            for one in answer.sessions
        ]
        return answer.model_copy(update={"sessions": sessions})

    async def _undecryptable(self, request: RecordsRequest) -> frozenset[UUID]:
        """A deleted note has no text to open."""
        broken = select(Note.id).where(
            Note.workspace_id == request.workspace_id,
            Note.id.in_(request.session_ids),
            Note.undecryptable,
            Note.deleted_at.is_(None),
        )
        async with self._notes() as db:
            return frozenset(await db.scalars(broken))
