"""What the service's own API takes and gives, field by field as its OpenAPI document has it.

A request refuses fields it does not know, because a misspelt limit is no limit; an answer ignores
them, so that the service may add one first. Words of notes are in no repr and in no error.
"""

from datetime import date
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pazpaz_ai_client.models import Moment

Language = Literal["he", "en"]
Mode = Literal["ask", "summary", "prepare"]
AnswerStatus = Literal["answered", "partial", "abstained", "degraded"]
Part = Literal["embedder", "reranker", "model", "entailment"]
Lack = Part | Literal["budget"]
Source = Literal["session", "client"]
RiskKind = Literal["suicide", "self_harm", "abuse", "violence"]
Polarity = Literal["present", "denied", "past", "possible"]
Rating = Literal["up", "down"]
Reason = Literal[
    "wrong_fact",
    "wrong_client",
    "missing",
    "not_found_but_exists",
    "bad_citation",
    "unclear",
    "wrong_language",
    "other",
]
WorkKind = Literal["sessions", "clients", "workspaces", "reconcile"]
Erasable = Literal["sessions", "clients", "workspaces"]


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


# Questions and answers


class Question(_Request):
    """A question, about one client or the whole workspace; the token names the workspace."""

    query: str = Field(min_length=1, max_length=2000, repr=False)
    conversation_id: UUID | None = None
    client_id: UUID | None = None
    max_results: int = Field(default=5, ge=1, le=10)
    min_similarity: float = Field(default=0.3, ge=0, le=1)
    mode: Mode = "ask"


class Citation(_Answer):
    """A quote with its place in the note (`quote == field[start:end]`) and in the answer, in code points."""

    type: Source
    session_id: UUID | None = None
    client_id: UUID
    client_name: str = Field(repr=False)
    session_date: Moment | None = None
    similarity: float
    field_name: str
    marker: int
    quote: str = Field(repr=False)
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


class Risk(_Answer):
    """A sentence of a note that speaks of danger: found by rules, to be shown above the answer, never a diagnosis."""

    kind: RiskKind
    polarity: Polarity
    session_id: UUID | None = None
    client_id: UUID
    client_name: str = Field(repr=False)
    session_date: Moment | None = None
    field_name: str
    quote: str = Field(repr=False)
    start: int
    end: int
    note_version: int | None
    is_draft: bool


class Search(_Answer):
    """What was searched; `complete` is false while changed notes still wait to be looked at."""

    model_config = ConfigDict(populate_by_name=True)

    notes_read: int
    first: date | None = Field(alias="from")
    last: date | None = Field(alias="to")
    drafts: int
    complete: bool
    notes_total: int | None = None
    other_language: int = 0
    unsearched_drafts: int = 0


class ChatAnswer(_Answer):
    """An answer whose every sentence is cited, or an honest abstention; in a stream it is the event `done`."""

    answer: str = Field(repr=False)
    citations: list[Citation]
    language: Language
    retrieved_count: int
    processing_time_ms: int
    conversation_id: UUID | None
    """This and the next are null where nothing is kept of questions: there is nothing to go on with or to rate."""
    message_id: UUID | None
    request_id: str
    answer_status: AnswerStatus
    model: str
    risk: list[Risk] = []
    risk_unread: int = 0
    """How many notes that spoke of danger when they were indexed could not be read for `risk`."""
    search: Search
    withheld: int
    suggestions: list[str] = Field(default=[], repr=False)
    degraded: list[Lack] = []
    """What was away where the status says so."""


class Problem(_Answer):
    """A refusal (RFC 9457); `detail` is in the caller's language and may be shown as it is."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str


# The events of a stream, beside Risk, Citation and ChatAnswer


class Step(_Answer):
    """Event `status`: the answering has come to this step."""

    step: str


class Sentence(_Answer):
    """Event `token`: the next line of the answer, verified; the citations of its markers came just before it."""

    text: str = Field(repr=False)
    answer_start: int
    answer_end: int


class StreamProblem(Problem):
    """Event `error`, the last of a stream that failed: what was told before it is no answer."""

    code: str
    retry_after: int | None = None


StreamEvent = Step | Risk | Citation | Sentence | ChatAnswer | StreamProblem
EVENTS: dict[str, type[StreamEvent]] = {
    "status": Step,
    "risk": Risk,
    "citation": Citation,
    "token": Sentence,
    "done": ChatAnswer,
    "error": StreamProblem,
}
"""What the data of each event is; a stream has one `done` or one `error`, which is its last."""


# History


class ConversationHead(_Answer):
    """A line of the history; `title` is of its first question, null where no question is left of it."""

    conversation_id: UUID
    client_id: UUID | None
    title: str | None = Field(repr=False)
    started_at: Moment
    updated_at: Moment
    turns: int


class HistoryPage(_Answer):
    """Newest first; `next` is the cursor of the page after this one."""

    conversations: list[ConversationHead]
    next: str | None


class PastCitation(Citation):
    """A citation as it was; `source_changed`: the field it quotes says something else by now."""

    source_changed: bool


class PastRisk(Risk):
    """What was shown above an answer, as it was; `source_changed` as in a citation."""

    source_changed: bool


class Feedback(_Answer):
    """What its asker thought of an answer."""

    rating: Rating
    reason: Reason | None


class Turn(_Answer):
    """One question and answer; `query` is null where a note it was about was erased."""

    message_id: UUID
    asked_at: Moment
    query: str | None = Field(repr=False)
    answer: str = Field(repr=False)
    citations: list[PastCitation]
    risk: list[PastRisk]
    answer_status: AnswerStatus
    language: Language
    model: str
    search: Search | None
    withheld: int | None
    degraded: list[Lack]
    source_changed: bool
    """Something was left out because its note is gone, or leans on what a note does not say any more."""
    feedback: Feedback | None


class Conversation(_Answer):
    """A whole conversation."""

    conversation_id: UUID
    client_id: UUID | None
    started_at: Moment
    turns: list[Turn]


class FeedbackRequest(_Request):
    """A word on one of the caller's own answers; it replaces an earlier one, and a reason goes with "down" only."""

    message_id: UUID
    rating: Rating
    reason: Reason | None = None

    @model_validator(mode="after")
    def _reason_of_a_fault(self) -> Self:
        if self.reason is not None and self.rating != "down":
            raise ValueError('a reason goes with the rating "down" only')
        return self


# Operators


class DeadLetter(_Answer):
    """A note, client or workspace that was given up on, and why."""

    workspace_id: UUID
    kind: WorkKind
    key: UUID
    code: str | None
    wanted_at: Moment
    parked_at: Moment


class DeadLetters(_Answer):
    """Oldest first."""

    dead_letters: list[DeadLetter]


class Chosen(_Request):
    """Which dead letters: one, those of a workspace, or, with `all`, every one; an empty choice is none."""

    workspace_id: UUID | None = None
    key: UUID | None = None
    all: bool = False


class Scope(_Request):
    """One workspace, or every one."""

    workspace_id: UUID | None = None


class Erasure(_Request):
    """What to erase for good; for a workspace `id` is its own."""

    workspace_id: UUID
    entity: Erasable
    id: UUID

    @model_validator(mode="after")
    def _workspace_by_its_own_id(self) -> Self:
        if self.entity == "workspaces" and self.id != self.workspace_id:
            raise ValueError("a workspace is erased by its own id")
        return self


class ErasureReceipt(_Answer):
    """A signed receipt of what was erased."""

    receipt: dict[str, Any]
    keyid: str
    signature: str


class ErasureReceipts(_Answer):
    """Oldest first."""

    erasures: list[ErasureReceipt]


class Count(_Answer):
    """How many were meant."""

    count: int


class Health(_Answer):
    """`ok` where the process runs, `ready` where a question could be answered, else what is in the way."""

    status: str
    postgres: str | None = None
