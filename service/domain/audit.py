"""What happened, told without content: who, when, which notes by id and version, and how it ended."""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID

from service.domain.identity import ClientId, UserId, WorkspaceId
from service.domain.notes import Note, NoteRef
from service.domain.risk import Risk
from service.domain.usage import Meter, lacking

Action = Literal[
    "chat.opened",
    "chat.closed",
    "refused",
    "history.read",
    "conversation.deleted",
    "conversation.exported",
    "feedback.given",
    "switch.changed",
    "keys.changed",
    "note.erased",
    "client.erased",
    "workspace.erased",
    "erasure.asked",
    "erasure.lifted",
    "index.started",
    "index.switched",
    "index.finished",
    "audit.exported",
    "audit.pruned",
    "database.restored",
]
Use = Literal["read", "withheld", "cited", "shown"]
"""Read: pulled to answer. Withheld: a sentence leaned on it and was not shown. Cited: in the answer.
Shown: again, in history. In this order, so that the strongest use of a note is the one that is told."""

RETENTION_MONTHS = 24
"""Israel's data security regulations of 2017: records of access are kept for 24 months at least."""

SERVICE_CHAIN = WorkspaceId(UUID(int=0))
"""The chain of what concerns no single workspace: global switches, signing keys."""


def months_before(moment: datetime, months: int = RETENTION_MONTHS) -> datetime:
    """The same day and hour so many months earlier; in a shorter month its last day."""
    year, month = divmod(moment.year * 12 + moment.month - 1 - months, 12)
    day = min(moment.day, monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


@dataclass(frozen=True, slots=True)
class NoteUse:
    """A note that a question or a look at the history touched, and what became of it."""

    ref: NoteRef
    client: ClientId
    version: int | None
    use: Use

    def details(self) -> dict[str, Any]:
        """As it stands in a row's details."""
        return {
            "entity": self.ref.entity,
            "id": str(self.ref.id),
            "client": str(self.client),
            "version": self.version,
            "use": self.use,
        }


@dataclass(slots=True)
class Trail:
    """The notes a question touched and what models did for it, gathered while it is answered: a failure on the way
    tells them too.
    """

    uses: dict[NoteRef, NoteUse] = field(default_factory=dict)
    notes: dict[NoteRef, Note] = field(default_factory=dict, repr=False)
    """Each as it was at its strongest use, for the digests that a kept turn has of its sources; in no row."""
    meter: Meter = field(default_factory=Meter)
    cost: int = 0
    """In micro-dollars; at most so much, where a call was left before it told what it used."""
    instruction_score: int = 0
    """How much the question reads like an order to a model, in percent: a signal, never a reason to refuse it."""

    def saw(self, note: Note, use: Use) -> None:
        """Keeps a note's strongest use, the last of equals."""
        if self._keep(NoteUse(note.ref, note.client, note.version, use)):
            self.notes[note.ref] = note

    def pinned(self, risk: Risk) -> None:
        """A quote above the answer is told like one in it; its note was read for it."""
        self._keep(NoteUse(risk.note, risk.client, risk.note_version, "cited"))

    def _keep(self, use: NoteUse) -> bool:
        known = self.uses.get(use.ref)
        if known is not None and _STRENGTH[use.use] < _STRENGTH[known.use]:
            return False
        self.uses[use.ref] = use
        return True

    def details(self) -> list[dict[str, Any]]:
        """As it stands in a row's details."""
        return [use.details() for use in self.uses.values()]

    def costs(self) -> dict[str, Any]:
        """What a closing row says of models: what each was used for, the cost, and what stood in for one."""
        used = sorted(self.meter.by_model.items())
        return {
            "usage": [{"model": model, **asdict(usage)} for model, usage in used],
            "cost_micros": self.cost,
            "degraded": list(lacking(self.meter)),
        }


_STRENGTH: dict[Use, int] = {use: rank for rank, use in enumerate(get_args(Use))}


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that happened. `details` hold strings, integers, booleans, nulls, lists and objects of them."""

    action: Action
    user: UserId | None = None
    """None: the service itself, or an operator at its command line."""
    chat: UUID | None = None
    """Joins the opening and the closing row of one question."""
    details: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def left_open(cls, *, user: UserId, chat: UUID) -> "AuditEntry":
        """Closes a question that its own process left open: how it ended is not known."""
        details: dict[str, Any] = {"outcome": "unknown", "model": None, "notes": []}
        return cls("chat.closed", user=user, chat=chat, details=details)


@dataclass(frozen=True, slots=True)
class AuditRow:
    """An entry in its workspace's chain: `seq` counts from 1, `hash` covers all the rest, `previous` included."""

    workspace: WorkspaceId
    seq: int
    at: datetime
    entry: AuditEntry
    previous: bytes
    hash: bytes
