"""The wire shapes of the therapist's API; PazPaz's Vue code depends on these names."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    model_validator,
)

from service.domain.answers import (
    LONGEST_QUESTION,
    MOST_RESULTS,
    Answer,
    AnswerStatus,
    Citation,
    Language,
    Mode,
    SearchStatement,
)
from service.domain.feedback import Rating, Reason
from service.domain.progress import Line
from service.domain.risk import Polarity, Risk, RiskKind
from service.domain.usage import Lack
from service.language.titles import title
from service.ports.conversations import ConversationLine


def _instant(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


Instant = Annotated[datetime, PlainSerializer(_instant, return_type=str)]


_SIGN = r"[^\u0000-\u0008\u000b\u000c\u000e-\u001f]"
_READABLE = rf"^{_SIGN}*[^\s\u0000-\u001f]{_SIGN}*$"
"""What `_readable` asks for, as far as a pattern can say it."""


def _readable(text: str) -> str:
    """A question of text: no NUL or other control characters but line breaks and tabs, and not blank."""
    if not text.strip() or any(ord(sign) < 32 and sign not in "\n\r\t" for sign in text):
        raise ValueError("unreadable")
    return text


def _whole(value: Any) -> Any:
    """1.0 is an integer in JSON; "1" and true are none."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class ChatRequest(BaseModel):
    """A question. There is no workspace field: the token names it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    query: Annotated[
        str,
        Field(min_length=1, max_length=LONGEST_QUESTION, json_schema_extra={"pattern": _READABLE}),
        AfterValidator(_readable),
    ]
    conversation_id: UUID | None = None
    client_id: UUID | None = None
    max_results: Annotated[
        int, Field(ge=1, le=MOST_RESULTS, strict=True), BeforeValidator(_whole)
    ] = 5
    min_similarity: float = Field(default=0.3, ge=0, le=1, strict=True)
    mode: Mode = "ask"


class CitationOut(BaseModel):
    """A quote with its place in the note (`quote == field[start:end]`) and in the answer, in code points."""

    type: Literal["session", "client"]
    session_id: UUID | None = None
    client_id: UUID
    client_name: str
    session_date: Instant | None = None
    similarity: float
    field_name: str
    marker: int
    quote: str
    start: int
    end: int
    answer_start: int
    answer_end: int
    note_version: int | None
    is_draft: bool
    repaired: bool = False
    """The sentence is the note's own words, in place of what a model wrote."""
    instruction_like: bool = False
    """The quote reads like an order to a model; it is only what the note says."""

    @classmethod
    def of(cls, citation: Citation) -> "CitationOut":
        session = citation.note.entity == "sessions"
        return cls(
            type="session" if session else "client",
            session_id=citation.note.id if session else None,
            client_id=citation.client,
            client_name=citation.client_name,
            session_date=citation.session_date,
            similarity=round(citation.similarity, 4),
            field_name=citation.field,
            marker=citation.marker,
            quote=citation.quote,
            start=citation.start,
            end=citation.end,
            answer_start=citation.answer_start,
            answer_end=citation.answer_end,
            note_version=citation.note_version,
            is_draft=citation.is_draft,
            repaired=citation.repaired,
            instruction_like=citation.instruction_like,
        )


class RiskOut(BaseModel):
    """A sentence of a note that speaks of danger: found by rules, pinned above the answer, never a diagnosis."""

    kind: RiskKind
    polarity: Polarity
    session_id: UUID | None = None
    client_id: UUID
    client_name: str
    session_date: Instant | None = None
    field_name: str
    quote: str
    start: int
    end: int
    note_version: int | None
    is_draft: bool

    @classmethod
    def of(cls, risk: Risk) -> "RiskOut":
        return cls(
            kind=risk.kind,
            polarity=risk.polarity,
            session_id=risk.note.id if risk.note.entity == "sessions" else None,
            client_id=risk.client,
            client_name=risk.client_name,
            session_date=risk.session_date,
            field_name=risk.field,
            quote=risk.quote,
            start=risk.start,
            end=risk.end,
            note_version=risk.note_version,
            is_draft=risk.is_draft,
        )


class SearchOut(BaseModel):
    """What was searched. `complete` is false while changed notes still wait to be looked at.

    `drafts` are all of the scope, `unsearched_drafts` those of them that are not in `notes_read`.
    An answer that counts sessions says in `notes_read` how many were read for it, of `notes_total` in scope.
    `other_language` of them are in the other language only, where the search knew names, numbers and common terms.
    """

    model_config = ConfigDict(populate_by_name=True)

    notes_read: int
    first: str | None = Field(serialization_alias="from")
    last: str | None = Field(serialization_alias="to")
    drafts: int
    complete: bool
    notes_total: int | None = None
    other_language: int = 0
    unsearched_drafts: int = 0

    @classmethod
    def of(cls, search: SearchStatement) -> "SearchOut":
        return cls(
            notes_read=search.notes_read,
            first=search.first_day.isoformat() if search.first_day else None,
            last=search.last_day.isoformat() if search.last_day else None,
            drafts=search.drafts + search.unsearched_drafts,
            complete=search.complete,
            notes_total=search.notes_total,
            other_language=search.other_language,
            unsearched_drafts=search.unsearched_drafts,
        )


class ChatResponse(BaseModel):
    """An answer whose every sentence is cited, or an honest abstention.

    `degraded` tells what was away where the status says so: `embedder` (searched by words alone), `reranker` (judged by
    the built-in one), `model` (quotes in place of its words), or `budget` (all three, until midnight UTC).

    `risk` is all that the notes of the client asked about say of danger, what is before what is denied; `risk_unread`
    is how many notes that spoke of it when they were indexed could not be read for it.
    """

    answer: str
    citations: list[CitationOut]
    language: Language
    retrieved_count: int
    processing_time_ms: int
    conversation_id: UUID | None
    """This and the next are null where nothing is kept of questions: there is nothing to go on with or to rate."""
    message_id: UUID | None
    request_id: str
    answer_status: AnswerStatus
    model: str
    risk: list[RiskOut] = []
    risk_unread: int = 0
    search: SearchOut
    withheld: int
    suggestions: list[str] = []
    degraded: list[Lack] = []


class ConversationOut(BaseModel):
    """A line of the history. `title` is of its first question; null where no question is left of it."""

    conversation_id: UUID
    client_id: UUID | None
    title: str | None
    started_at: Instant
    updated_at: Instant
    turns: int

    @classmethod
    def of(cls, line: ConversationLine) -> "ConversationOut":
        return cls(
            conversation_id=line.id,
            client_id=line.client,
            title=title(line.question) if line.question else None,
            started_at=line.started_at,
            updated_at=line.last_at,
            turns=line.turns,
        )


class HistoryPage(BaseModel):
    """Newest first; `next` is the cursor of the page after this one."""

    conversations: list[ConversationOut]
    next: str | None


class PastCitation(CitationOut):
    """A citation as it was; `source_changed`: the field it quotes says something else by now."""

    source_changed: bool


class PastRisk(RiskOut):
    """What was pinned above an answer, as it was; `source_changed` as in a citation."""

    source_changed: bool


class FeedbackOut(BaseModel):
    """What its asker thought of an answer."""

    rating: Rating
    reason: Reason | None


class TurnOut(BaseModel):
    """One question and answer.

    `source_changed`: something of it was left out because its note is gone, or leans on what a note does not say any
    more. `query` is null where a note it was about was erased. `withheld` and `search` are null where they were not
    kept, or told of such a note.
    """

    message_id: UUID
    asked_at: Instant
    query: str | None
    answer: str
    citations: list[PastCitation]
    risk: list[PastRisk]
    answer_status: AnswerStatus
    language: Language
    model: str
    search: SearchOut | None
    withheld: int | None
    degraded: list[Lack]
    source_changed: bool
    feedback: FeedbackOut | None


class ConversationTurns(BaseModel):
    """A whole conversation."""

    conversation_id: UUID
    client_id: UUID | None
    started_at: Instant
    turns: list[TurnOut]


class FeedbackRequest(BaseModel):
    """A word on one of the caller's own answers; it replaces an earlier one. A reason goes with "down" only."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        json_schema_extra={
            "anyOf": [
                {"properties": {"rating": {"const": "down"}}},
                {"properties": {"reason": {"type": "null"}}},
            ]
        },
    )

    message_id: UUID
    rating: Rating
    reason: Reason | None = None

    @model_validator(mode="after")
    def _reason_of_a_fault(self) -> Self:
        if self.reason is not None and self.rating != "down":
            raise ValueError("a reason without a fault")
        return self


class Problem(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str


class StepOut(BaseModel):
    """Event `status`: the answering has come to this step."""

    step: str


class TokenOut(BaseModel):
    """Event `token`: the next line of the answer, verified; the events `citation` of its markers came just before it.

    All texts put together in order are the answer: each has its own markers, and the line break before it. It is
    `answer[answer_start:answer_end]`, in code points. Should `done` differ, `done` is the answer.
    """

    text: str
    answer_start: int
    answer_end: int

    @classmethod
    def of(cls, line: Line) -> "TokenOut":
        return cls(text=line.text, answer_start=line.start, answer_end=line.start + len(line.text))


class StreamProblem(Problem):
    """Event `error`, the last of a stream that failed: what was told before it is no answer."""

    code: str
    retry_after: int | None = None
    """Seconds after which to try again."""


EventName = Literal["status", "risk", "citation", "token", "done", "error"]
EVENTS: dict[EventName, type[BaseModel]] = {
    "status": StepOut,
    "risk": RiskOut,
    "citation": CitationOut,
    "token": TokenOut,
    "done": ChatResponse,
    "error": StreamProblem,
}
"""What the data of each event is; a stream has one `done` or one `error`, which is its last."""


def answer_fields(answer: Answer) -> dict[str, Any]:
    """The part of a response that the graph decided."""
    return {
        "answer": answer.text,
        "citations": [CitationOut.of(one) for one in answer.citations],
        "language": answer.language,
        "retrieved_count": answer.retrieved_count,
        "answer_status": answer.status,
        "model": answer.model,
        "search": SearchOut.of(answer.search),
        "withheld": answer.withheld,
        "degraded": answer.degraded,
        "risk": [RiskOut.of(one) for one in answer.risk],
        "risk_unread": answer.risk_unread,
        "suggestions": list(answer.suggestions),
    }
