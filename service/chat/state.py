"""What travels through the graph, and what the nodes may use."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date
from typing import TypedDict

from service.chat.modes.overview import Overview
from service.chat.output_guard import Naming, Orders, remembered
from service.domain.answers import Answer, Heading, Question, SearchStatement, Verdict
from service.domain.audit import Trail
from service.domain.identity import Principal, WorkspaceId
from service.domain.risk import Risk
from service.ports.calls import CallContext
from service.ports.clock import Clock
from service.ports.index import ChunkStore
from service.ports.models import ChatModel, EntailmentModel
from service.retrieval.enough import Decision
from service.retrieval.exhaustive import Course, Reader
from service.retrieval.search import Finder, Found


@dataclass(frozen=True, slots=True)
class ChatContext:
    """Dependencies of one question; never checkpointed. The workspace comes from the principal alone."""

    principal: Principal
    store: ChunkStore
    finder: Finder
    model: ChatModel
    spare: ChatModel
    """Quotes where the model is away; it calls nobody."""
    reader: Reader
    entailment: EntailmentModel | None = None
    """Confirms what rules alone cannot; where there is none, that is withheld."""
    calls: CallContext = field(kw_only=True)
    """What goes along with every call of a model."""
    clock: Clock = field(kw_only=True)
    trail: Trail = field(default_factory=Trail)
    orders: Orders = field(default_factory=remembered)

    @property
    def workspace(self) -> WorkspaceId:
        return self.principal.workspace

    @property
    def today(self) -> date:
        """In UTC, as the days of notes are kept."""
        return self.clock().astimezone(UTC).date()


class ChatState(TypedDict, total=False):
    """`question` and `earlier` come in, `answer` goes out; each node adds its own part."""

    question: Question
    earlier: Sequence[str]
    """Earlier questions of the conversation, oldest first."""
    found: Found
    course: Course
    """In place of a search, for a question that counts, lists or follows a course; then it is all there is."""
    overview: Overview
    """Beside a course, where another form than an answer is asked for."""
    others: Naming
    """Tells whom of the practice's clients a sentence names."""
    search: SearchStatement
    risk: Sequence[Risk]
    """What is pinned above the answer."""
    risk_unread: int
    decision: Decision
    verdicts: Sequence[Verdict]
    heading: Heading
    """Of a course."""
    written_by: str
    """The model whose sentences they are."""
    answer: Answer
