"""Questions, passages, claims, citations and answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from service.domain.identity import ClientId
from service.domain.notes import Chunk, Note, NoteRef
from service.domain.risk import Risk
from service.domain.scope import When
from service.domain.usage import Lack, Usage

Language = Literal["he", "en"]
Mode = Literal["ask", "summary", "prepare"]
Intent = Literal["fact", "count", "list", "change"]
"""What kind of answer is asked for: the best passages; or, out of all notes, how many, which ones, how it went."""
AnswerStatus = Literal["answered", "partial", "abstained", "degraded"]
"""Degraded: something stood in for a model that was away, or the day's budget is used up."""
Form = Literal["answer", "summary", "prepare", "session"]
"""What is made of notes: an answer; a client's course; what the next appointment needs; what a session held."""
LONGEST_QUESTION, MOST_RESULTS = 2_000, 10
"""Code points of a question, and sessions that its answer may be made of."""
MOST_CONFIRMED, CONFIRMED_AT_ONCE = 12, 3
"""Sentences of an answer that a model is asked to confirm; instructions ask for ten. Beyond them rules alone judge."""
MOST_SOURCES = 4
"""Quotes that a sentence is confirmed by at most; more of them are a list, whose items are sentences of their own."""
MOST_OVERVIEWED = 24
"""Passages that a model is given for any other form than an answer."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a therapist asked, with the scope the server fixed for it."""

    text: str
    """What is searched for; a follow-up stands alone here."""
    language: Language
    client: ClientId | None = None
    max_results: int = 5
    """How many sessions (not chunks) may be used, 1..10."""
    min_similarity: float = 0.3
    mode: Mode = "ask"
    require_consent: bool = False
    """Whether clients who did not consent stay out of it."""
    also: tuple[str, ...] = ()
    """Further wordings that are searched too: the question as it was asked, where `text` is another."""
    when: When | None = None
    """The sessions it is about, by their days or their place in the course."""
    fields: frozenset[str] = frozenset()
    """The fields it asks for, as "what did I plan" asks for the plan; empty: any."""
    intent: Intent = "fact"
    topic: str = ""
    """The words that say what it is about, without those that say how it is asked; empty where none are left."""
    form: Form = "answer"
    """By the mode, or else by its words, where one client is in scope."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A stored chunk that search found; `similarity` is the cosine, clipped to 0..1."""

    ref: NoteRef
    client: ClientId
    field: str
    ordinal: int
    similarity: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A note worth pulling, with its first-stage score (higher is better, comparable in one search only)."""

    ref: NoteRef
    client: ClientId
    score: float


@dataclass(frozen=True, slots=True)
class Stretch:
    """A text to be judged, with what a reader of the note would know: whose it is, of which day and field."""

    text: str
    client_name: str
    day: date | None
    field: str

    @property
    def about(self) -> str:
        """Whose it is, of which day and field; one line, whatever a name has in it."""
        known = (self.client_name, self.day.isoformat() if self.day else "", self.field)
        return " ".join(" · ".join(filter(None, known)).split())

    @property
    def headed(self) -> str:
        """The text under a line that says so."""
        return f"{self.about}\n{self.text}"


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk of a note's current text, retrieved for a question."""

    id: str
    """Opaque to the model: "p1", "p2", ..."""
    note: Note
    chunk: Chunk
    client_name: str
    similarity: float
    """Calibrated to 0..1, comparable between questions and languages."""


@dataclass(frozen=True, slots=True)
class Span:
    """A quote inside a field of a passage's note: `quote == note.fields[field][start:end]`."""

    passage_id: str
    start: int
    end: int
    quote: str


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence a model wrote, with the passages it leans on (ids that were sent to the model)."""

    text: str
    passage_ids: tuple[str, ...]
    lead: str = ""
    """What stands before it on its line and is ours, as the day of a session; not part of what is cited."""
    title: str = ""
    """Of the section it stands in: ours, a line of its own before the first line of the section; it states no fact."""


WrongFact = Literal[
    "unsupported",
    "number_differs",
    "date_differs",
    "side_differs",
    "negation_differs",
    "direction_differs",
    "subject_differs",
    "time_differs",
    "name_differs",
    "quote_differs",
    "not_entailed",
]
"""What a note's own words can put right. `not_entailed`: a model said no."""
WithheldReason = Literal[
    WrongFact, "uncited", "unknown_passage", "other_client", "instruction", "prompt_text", "markup"
]
"""A sentence without a source, or one that somebody else may have dictated, is withheld and no more. `instruction`: its
only source is a sentence that reads like an order to a model."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a claim may reach the therapist; `spans` is non-empty exactly when it may."""

    claim: Claim
    spans: tuple[Span, ...]
    withheld: WithheldReason | None = None
    repaired: WithheldReason | None = None
    """What was wrong with the sentence that the model wrote, where `claim` is the note's own words in its place."""

    @property
    def admitted(self) -> bool:
        return self.withheld is None


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More text of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class CitationDelta:
    """The model says that `answer[start:end]` (code points of the text so far) leans on these passages."""

    start: int
    end: int
    passage_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finished:
    """The model is done. A stream that ends without this was cut and must not be trusted."""

    reason: Literal["complete", "length", "abstained"]
    usage: Usage = field(default_factory=Usage)


Delta = TextDelta | CitationDelta | Finished


@dataclass(frozen=True, slots=True)
class Citation:
    """A quote of the current note, and the stretch of the answer it supports (all offsets in code points)."""

    marker: int
    note: NoteRef
    client: ClientId
    client_name: str
    session_date: datetime | None
    similarity: float
    field: str
    quote: str
    start: int
    end: int
    answer_start: int
    answer_end: int
    note_version: int | None
    is_draft: bool
    repaired: bool = False
    """The sentence is the note's own words in place of what a model wrote, which these did not support."""
    instruction_like: bool = False
    """The quote reads like an order to a model: shown as what a note says, and labelled."""


@dataclass(frozen=True, slots=True)
class SearchStatement:
    """What was searched, for an honest 'not found'."""

    notes_read: int
    """In an answer that counts, those that were really read; else all that a search in this scope covers."""
    first_day: date | None
    last_day: date | None
    drafts: int
    """Those of `notes_read` that are not final."""
    complete: bool
    notes_total: int | None = None
    """How many sessions are in scope, where an answer counts."""
    other_language: int = 0
    """How many of them are only in the language that was not asked in, where that kept the search from reading them."""
    unsearched_drafts: int = 0
    """Sessions beside them that nobody may search yet, of the same clients and days."""


@dataclass(frozen=True, slots=True)
class Heading:
    """The first line of an answer that counts, and every note it counted: with one of them gone it would lie."""

    text: str
    sources: Mapping[NoteRef, ClientId]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the therapist gets."""

    text: str
    status: AnswerStatus
    language: Language
    citations: Sequence[Citation]
    search: SearchStatement
    retrieved_count: int
    withheld: int
    model: str
    heading: Heading | None = None
    degraded: tuple[Lack, ...] = ()
    """What was away; empty unless the status says so."""
    risk: Sequence[Risk] = ()
    """What the notes of the client asked about say of danger, gravest first; none of it is left out."""
    risk_unread: int = 0
    """Notes that spoke of danger when they were indexed and could not be read for it: too many, or unreadable."""
    suggestions: Sequence[str] = ()
    """Further questions that the notes can answer, in the asker's language."""
