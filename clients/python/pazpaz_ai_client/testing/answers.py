"""Answers as the service gives them: as one document, and as the events of a stream."""

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from pazpaz_ai_client.api_models import AnswerStatus, Lack

Wait = Callable[[], Awaitable[object]]

STEPS = ("understand", "retrieve", "synthesize", "filter", "postprocess")
WRITTEN_AFTER = 3
"""So many steps come before the first line."""
HEARTBEAT = b": ping\n\n"
"""A comment, which whoever reads events has to pass over."""


def instant(moment: datetime) -> str:
    """As every time of the service: ISO 8601, in UTC, with `Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


@dataclass(frozen=True)
class Citation:
    """A quote that a line of the answer leans on; what a test does not name is made up."""

    quote: str
    line: int = 0
    """The line of the answer that it follows, the first being 0."""
    client_id: UUID = field(default_factory=uuid4)
    client_name: str = "Dana Levi"
    session_id: UUID | None = field(default_factory=uuid4)
    """None: the quote is of the client's profile."""
    session_date: datetime = datetime(2026, 11, 2, 9, tzinfo=UTC)
    field_name: str = "assessment"
    start: int = 0
    """Where the quote begins in its field, in code points."""
    similarity: float = 0.9
    note_version: int = 1
    is_draft: bool = False

    def document(self, marker: int, *, answer_start: int, answer_end: int) -> dict[str, Any]:
        """As it travels, once its place in the answer is known."""
        session = self.session_id is not None
        return {
            "type": "session" if session else "client",
            "session_id": str(self.session_id) if session else None,
            "client_id": str(self.client_id),
            "client_name": self.client_name,
            "session_date": instant(self.session_date) if session else None,
            "similarity": self.similarity,
            "field_name": self.field_name,
            "marker": marker,
            "quote": self.quote,
            "start": self.start,
            "end": self.start + len(self.quote),
            "answer_start": answer_start,
            "answer_end": answer_end,
            "note_version": self.note_version if session else None,
            "is_draft": self.is_draft,
            "repaired": False,
            "instruction_like": False,
        }


@dataclass(frozen=True)
class Line:
    """A line of the answer with its markers, and the line break before it."""

    text: str
    start: int
    citations: Sequence[Mapping[str, Any]]

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    def token(self) -> dict[str, Any]:
        """The data of its event."""
        return {"text": self.text, "answer_start": self.start, "answer_end": self.end}


@dataclass(frozen=True)
class Reply:
    """What was programmed for a question."""

    lines: Sequence[Line]
    status: AnswerStatus
    lacks: Sequence[Lack] = ()
    members: Mapping[str, Any] = field(default_factory=dict)
    wait: Wait | None = None
    breaks_off: bool = False

    def __post_init__(self) -> None:
        if unknown := self.members.keys() - self._own_members().keys():
            raise TypeError(f"an answer has no {', '.join(sorted(unknown))}")

    def document(self, *, language: str, request_id: str, **ids: str) -> dict[str, Any]:
        """The whole answer, of one turn of a conversation."""
        asked = {"language": language, "request_id": request_id, **ids}
        return self._own_members() | asked | dict(self.members)

    def _own_members(self) -> dict[str, Any]:
        citations = [citation for line in self.lines for citation in line.citations]
        notes = {cited["session_id"] or cited["client_id"] for cited in citations}
        return {
            "answer": "".join(line.text for line in self.lines),
            "citations": citations,
            "language": "he",
            "retrieved_count": len(notes),
            "processing_time_ms": 1,
            "conversation_id": None,
            "message_id": None,
            "request_id": "",
            "answer_status": self.status,
            "model": "fake",
            "risk": [],
            "risk_unread": 0,
            "search": _searched(citations),
            "withheld": 0,
            "suggestions": [],
            "degraded": list(self.lacks),
        }


def _searched(citations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    days = sorted(cited["session_date"][:10] for cited in citations if cited["session_date"])
    return {
        "notes_read": len(citations),
        "from": days[0] if days else None,
        "to": days[-1] if days else None,
        "drafts": 0,
        "complete": True,
        "notes_total": None,
        "other_language": 0,
        "unsearched_drafts": 0,
    }


def written(text: str, citations: Sequence[Citation] | None) -> Sequence[Line]:
    """The lines of an answer with their markers; None: each line is the quote that it leans on."""
    plain = text.split("\n")
    if citations is None:
        citations = [Citation(line, line=n) for n, line in enumerate(plain) if line.strip()]
    if astray := [one.line for one in citations if not 0 <= one.line < len(plain)]:
        raise ValueError(f"the answer has {len(plain)} lines, and none of number {astray[0]}")
    lines: list[Line] = []
    marker = 1
    for number, sentence in enumerate(plain):
        cited = [one for one in citations if one.line == number]
        start = lines[-1].end if lines else 0
        lines.append(_line(sentence, cited, lead="\n" if number else "", at=start, first=marker))
        marker += len(cited)
    return lines


def _line(sentence: str, cited: Sequence[Citation], *, lead: str, at: int, first: int) -> Line:
    start = at + len(lead)
    place = {"answer_start": start, "answer_end": start + len(sentence)}
    documents = [one.document(marker, **place) for marker, one in enumerate(cited, start=first)]
    markers = "".join(f" [{document['marker']}]" for document in documents)
    return Line(lead + sentence + markers, at, documents)


def event(name: str, data: Mapping[str, Any]) -> bytes:
    """One server-sent event."""
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def events_before(reply: Reply) -> Iterator[bytes]:
    """What is told before anything is written."""
    yield from (event("status", {"step": step}) for step in _steps(reply)[0])
    yield HEARTBEAT


def events_of(reply: Reply, document: Mapping[str, Any]) -> Iterator[bytes]:
    """What is told of an answer but for `done`: dangers, then each line behind its citations."""
    yield from (event("risk", risk) for risk in document["risk"])
    for line in reply.lines:
        yield from (event("citation", citation) for citation in line.citations)
        yield event("token", line.token())
        if reply.breaks_off:
            return
    yield from (event("status", {"step": step}) for step in _steps(reply)[1])


def _steps(reply: Reply) -> tuple[Sequence[str], Sequence[str]]:
    """Before the first line and after the last; that nothing was found is known only at the end."""
    turn = len(STEPS) if reply.status == "abstained" else WRITTEN_AFTER
    return STEPS[:turn], STEPS[turn:]
