"""What notes say of danger, pinned above an answer whatever the answer says."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from service.chat.state import ChatContext, ChatState
from service.domain.answers import Passage, Question
from service.domain.identity import ClientId
from service.domain.notes import Note
from service.domain.risk import Risk, RiskSpan
from service.domain.scope import Within
from service.language.risk import BY_WEIGHT, risk_spans
from service.retrieval.search import Found
from service.telemetry.metrics import RISK_PINNED

_NO_DAY = datetime.min.replace(tzinfo=UTC)


async def pinned(question: Question, found: Found, context: ChatContext) -> ChatState:
    """All that the notes of the clients asked about say of it, of whatever day; else what the passages say.

    The index tells which notes to pull; what is shown stands in their text of this moment, and in that of every note
    that was read for the answer. Raises Unavailable (source, store or key), NotAllowed.
    """
    clients = frozenset({question.client}) if question.client else found.within.clients
    if clients is None:
        risk, unread = await asyncio.to_thread(_in_passages, found.passages), 0
    else:
        notes, unread = await _marked(question, found, clients, context)
        # In a thread: a note takes 10 ms, and other questions would wait on the loop.
        risk = await asyncio.to_thread(_in_notes, [*found.read, *notes])
    for one in risk:
        RISK_PINNED.labels(kind=one.kind).inc()
    return {"risk": risk, "risk_unread": unread}


async def _marked(
    question: Question, found: Found, clients: frozenset[ClientId], context: ChatContext
) -> tuple[Sequence[tuple[Note, str]], int]:
    """The notes that the index marked, or that nobody looked at since it marks any, but for those already read; and
    how many of them cannot be read.
    """
    workspace, held = context.workspace, {note.ref for note, _ in found.read}
    marked = await context.store.risks(workspace=workspace, clients=clients)
    wanted = [(one.ref, one.client) for one in marked if one.ref not in held]
    if not wanted:
        return [], 0
    most = context.reader.most
    pulls = await context.reader.pull(
        wanted[:most],
        question,
        workspace=workspace,
        within=Within(clients),
        actor=context.principal.user,
        trail=context.trail,
    )
    unread = len(wanted[most:]) + sum(pull.unreadable for pull in pulls)
    return [one for pull in pulls for one in pull.notes], unread


def _in_notes(notes: Iterable[tuple[Note, str]]) -> tuple[Risk, ...]:
    return _gravest_first(
        _risk(note, name, span) for note, name in notes for span in risk_spans(note.fields)
    )


def _in_passages(passages: Sequence[Passage]) -> tuple[Risk, ...]:
    """What the passages themselves say, in whole sentences; two of them may share one."""
    return _gravest_first(
        _risk(passage.note, passage.client_name, span)
        for passage in passages
        for span in _touched(passage)
    )


def _touched(passage: Passage) -> Iterator[RiskSpan]:
    chunk = passage.chunk
    spans = risk_spans({chunk.field: passage.note.fields[chunk.field]})
    return (span for span in spans if span.start < chunk.end and chunk.start < span.end)


def _risk(note: Note, name: str, span: RiskSpan) -> Risk:
    return Risk(
        kind=span.kind,
        polarity=span.polarity,
        note=note.ref,
        client=note.client,
        client_name=name,
        session_date=note.session_date,
        field=span.field,
        quote=note.fields[span.field][span.start : span.end],
        start=span.start,
        end=span.end,
        note_version=note.version,
        is_draft=note.is_draft,
    )


def _gravest_first(risk: Iterable[Risk]) -> tuple[Risk, ...]:
    """Each once: what is, then what may be, was, and was denied, since a page may show the first few only; of one kind
    the newest first, a profile last; of one note as it is written.
    """
    newest = sorted(dict.fromkeys(risk), key=lambda one: one.session_date or _NO_DAY, reverse=True)
    return tuple(sorted(newest, key=lambda one: BY_WEIGHT.index(one.polarity)))
