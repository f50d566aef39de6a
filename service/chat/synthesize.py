"""synthesize: the model writes; each finished sentence is judged before anything else may see it."""

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import takewhile
from typing import Protocol

from langgraph.runtime import Runtime

from service.chat.filter import admit, judged
from service.chat.grounding.evidence import Remembered
from service.chat.output_guard import Naming, look_through, nobody
from service.chat.refusing import declined, unproven
from service.chat.state import ChatContext, ChatState
from service.chat.timeline import heading, lines
from service.domain.answers import (
    CONFIRMED_AT_ONCE,
    MOST_CONFIRMED,
    CitationDelta,
    Claim,
    Delta,
    Finished,
    Passage,
    Question,
    TextDelta,
    Verdict,
)
from service.domain.usage import Usage
from service.errors import ModelUnavailable
from service.language.sentences import sentences
from service.ports.calls import CallContext, Veil
from service.ports.models import ChatModel, EntailmentModel
from service.retrieval.enough import judge
from service.telemetry.metrics import LLM_ERRORS, LLM_SECONDS, LLM_TOKENS

SPARE_SECONDS = 2.0  # Kept back from the model: quoting 15 passages takes a tenth of it, the audit row the rest.


async def synthesize(state: ChatState, runtime: Runtime[ChatContext]) -> ChatState:
    if "overview" in state:
        return await _overviewed(state, runtime)
    if "course" in state:
        return await _told(state, runtime)
    return await _written(state, runtime)


async def _told(state: ChatState, runtime: Runtime[ChatContext]) -> ChatState:
    """A course needs no model: its counts, then a line a session, each judged like any other sentence."""
    course, search, passages = state["course"], state["search"], state["found"].passages
    verdicts = await _quotes(lines(course), passages)
    if not course.total:
        return {"verdicts": []}
    head = heading(course, verdicts, search, state["question"].language)
    runtime.stream_writer({"type": "heading", "text": head.text})
    for verdict in verdicts:
        _offer(verdict, runtime)
    return {"verdicts": verdicts, "heading": head}


async def _quotes(said: Iterable[Claim], passages: Sequence[Passage]) -> list[Verdict]:
    """Lines of the notes' own words, judged; in a thread, for forty of them take half a second."""
    by_id = {passage.id: passage for passage in passages}

    def judge() -> list[Verdict]:
        return [
            admit(claim, [by_id[one] for one in claim.passage_ids], quoted=True) for claim in said
        ]

    return await asyncio.to_thread(judge)


async def _overviewed(state: ChatState, runtime: Runtime[ChatContext]) -> ChatState:
    """A model's sentences where there is one to ask, else the notes' own; either way each is judged and cited."""
    overview, question, context = state["overview"], state["question"], runtime.context
    quotes = await _quotes(overview.claims, overview.passages)
    if not any(verdict.admitted for verdict in quotes):
        return {"verdicts": quotes}
    told: ChatState = {}
    if question.form != "session":
        head = heading(state["course"], (), state["search"], question.language)
        runtime.stream_writer({"type": "heading", "text": head.text})
        told = {"heading": head}
    writer = _Writer(question, overview.passages, state.get("others", nobody), runtime)
    written = await _composed(writer)
    if any(verdict.admitted for verdict in written):
        told["written_by"] = context.model.model
    if "model" in context.calls.meter.away or "written_by" not in told:
        for verdict in quotes:
            _offer(verdict, runtime)
        written = [*written, *quotes]
    return told | {"verdicts": written}


async def _composed(writer: "_Writer") -> list[Verdict]:
    """What a model writes, as far as it came; nothing where the model at hand could only quote."""
    context, verdicts = writer.runtime.context, list[Verdict]()
    if context.model.model == context.spare.model:
        return verdicts
    try:
        await writer.write(context.model, verdicts, context.calls.leaving(SPARE_SECONDS))
    except ModelUnavailable as exc:
        context.calls.meter.lacked("model", exc.reason)
    return verdicts


async def _written(state: ChatState, runtime: Runtime[ChatContext]) -> ChatState:
    question, passages = state["question"], state["found"].passages
    decision = judge(question, state["found"])
    if decision.kind == "abstain":
        return {"decision": decision, "verdicts": []}
    context, verdicts = runtime.context, list[Verdict]()
    writer, model = _Writer(question, passages, state.get("others", nobody), runtime), context.model
    try:
        await writer.write(model, verdicts, context.calls.leaving(SPARE_SECONDS))
        if declined(verdicts):
            raise ModelUnavailable("refused")
        stands_in = unproven(verdicts, decision)
    except ModelUnavailable as exc:
        # What was shown stays, for each sentence was judged alone; quotes say what may be missing.
        context.calls.meter.lacked("model", exc.reason)
        stands_in = True
    if stands_in:
        model = context.spare
        await writer.write(model, verdicts, context.calls)
    return {"decision": decision, "verdicts": verdicts, "written_by": model.model}


@dataclass(frozen=True, slots=True)
class _Writer:
    """Has models write of these passages, and judges and offers each sentence as it comes."""

    question: Question
    passages: Sequence[Passage]
    others: Naming
    runtime: Runtime[ChatContext]

    async def write(self, model: ChatModel, verdicts: list[Verdict], calls: CallContext) -> None:
        """Adds to `verdicts`; no sentence that was shown before.

        Raises ModelUnavailable, with the sentences before it in `verdicts`.
        """
        shown_before = {verdict.claim.text for verdict in verdicts if verdict.admitted}
        quoted = model.model == self.runtime.context.spare.model
        deltas = model.stream(self.question, self.passages, context=calls)
        whole = claims(deltas, model=model.model, veil=calls.veil, passages=self.passages)
        async with _judging(self._judge(calls, quoted=quoted), verdicts, self.runtime) as turns:
            looked = turns.group.create_task(self._look_through(quoted=quoted))
            with LLM_SECONDS.labels(model=model.model).time():
                async with aclosing(whole) as said:
                    async for claim in said:
                        await looked
                        if claim.text not in shown_before:
                            await turns.judge(claim)

    def _judge(self, calls: CallContext, *, quoted: bool) -> "_Judge":
        return partial(
            judged,
            passages=self.passages,
            context=calls,
            others=self.others,
            quoted=quoted,
            orders=self.runtime.context.orders,
            read=Remembered(),
        )

    async def _look_through(self, *, quoted: bool) -> None:
        """A note of 20,000 code points takes 0.3 s: each is looked through once an answer, while the model begins, and
        in a thread, or other questions would wait.
        """
        notes = () if quoted else self.passages
        await asyncio.to_thread(look_through, notes, self.runtime.context.orders)


class _Judge(Protocol):
    """`judged`, for one answer."""

    def __call__(
        self, claim: Claim, *, entailment: EntailmentModel | None
    ) -> Awaitable[Verdict]: ...


@asynccontextmanager
async def _judging(
    judge: "_Judge", verdicts: list[Verdict], runtime: Runtime[ChatContext]
) -> AsyncIterator["_Turns"]:
    """At its end every sentence is judged that was handed in: also where the model broke off, for they are whole.

    Whoever cancels the block cancels what is still judged.
    """
    broke_off = None
    try:
        async with asyncio.TaskGroup() as group:
            try:
                yield _Turns(group, judge, verdicts, runtime)
            except ModelUnavailable as exc:
                broke_off = exc
    except BaseExceptionGroup as exc:
        raise exc.exceptions[0] from None  # a fault of ours, under its own name
    if broke_off is not None:
        raise broke_off


@dataclass(slots=True)
class _Turns:
    """Judges sentences a few at once, while the next is still being written, and offers them as they were written."""

    group: asyncio.TaskGroup
    judged: "_Judge"
    verdicts: list[Verdict]
    runtime: Runtime[ChatContext]
    _places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONFIRMED_AT_ONCE))
    _last: asyncio.Task[None] | None = None
    _count: int = 0

    async def judge(self, claim: Claim) -> None:
        """Returns at once; what needs no model is offered by then, if nothing before it waits for one."""
        self._count += 1
        self._last = self.group.create_task(self._turn(claim, self._count, self._last))
        await asyncio.sleep(0)

    async def _turn(self, claim: Claim, number: int, before: asyncio.Task[None] | None) -> None:
        model = self.runtime.context.entailment if number <= MOST_CONFIRMED else None
        async with self._places:
            verdict = await self.judged(claim, entailment=model)
        if before is not None:
            await before
        self.verdicts.append(verdict)
        _offer(verdict, self.runtime)


def _offer(verdict: Verdict, runtime: Runtime[ChatContext]) -> None:
    """A verified sentence is offered to whoever streams; nothing unverified ever is."""
    if verdict.admitted:
        runtime.stream_writer({"type": "claim", "verdict": verdict})


async def claims(
    deltas: AsyncGenerator[Delta, None],
    *,
    model: str,
    veil: Veil,
    passages: Sequence[Passage],
) -> AsyncGenerator[Claim, None]:
    """The model's sentences, each once it is whole and cited, or nothing can come of it any more; the veil taken off.

    What the veil hid is written as in the passages that a sentence cites: names are judged by what they are, but a
    telephone number by how it is written. Raises ModelUnavailable when the stream ends without `Finished`.
    """
    writing, texts = _Writing(), {passage.id: passage.chunk.text for passage in passages}
    finished: Finished | None = None
    async with aclosing(deltas):  # left early, by us or by whoever listens, the model stops too
        async for delta in deltas:
            if isinstance(delta, Finished):
                finished = delta
                break
            writing.add(delta)
            for claim in writing.ready():
                yield _unveiled(claim, veil, texts)
    if finished is None:
        LLM_ERRORS.labels(error_type="cut", model=model).inc()
        raise ModelUnavailable("cut")
    _count(finished.usage, model)
    # At the length limit the sentence in hand is cut in the middle: it is dropped, the others stand.
    for claim in writing.rest(whole=finished.reason != "length"):
        yield _unveiled(claim, veil, texts)


def _unveiled(claim: Claim, veil: Veil, texts: Mapping[str, str]) -> Claim:
    """A pseudonym may be cut between two deltas, never between two sentences."""
    cited = "\n".join(texts.get(name, "") for name in claim.passage_ids)
    return replace(claim, text=veil.restore(claim.text, as_in=cited))


class _Writing:
    """The text so far, its citations, and up to where its sentences have been handed out."""

    def __init__(self) -> None:
        self.text = ""
        self.citations: list[CitationDelta] = []
        self.cited_up_to = 0
        self.handed_out = 0

    def add(self, delta: TextDelta | CitationDelta) -> None:
        if isinstance(delta, TextDelta):
            self.text += delta.text
        else:
            self.citations.append(delta)
            self.cited_up_to = max(self.cited_up_to, delta.end)

    def ready(self) -> Sequence[Claim]:
        """What is whole: the next sentence has begun, and a citation has come of this one or of a later one.

        Text may run ahead of its citations; a sentence that waits for one in vain comes with the rest, uncited.
        """
        if self.cited_up_to <= self.handed_out:
            return ()
        return self._hand_out(takewhile(lambda span: span[0] < self.cited_up_to, self._left[:-1]))

    def rest(self, *, whole: bool) -> Sequence[Claim]:
        """All that is left at the end; not `whole`, the last sentence is cut in the middle and dropped."""
        return self._hand_out(self._left if whole else self._left[:-1])

    @property
    def _left(self) -> Sequence[tuple[int, int]]:
        return sentences(self.text, self.handed_out)

    def _hand_out(self, spans: Iterable[tuple[int, int]]) -> Sequence[Claim]:
        claims = list[Claim]()
        for start, end in spans:
            claims.append(self._claim(start, end))
            self.handed_out = end
        return claims

    def _claim(self, start: int, end: int) -> Claim:
        cited = (
            passage
            for citation in self.citations
            if citation.start < end and citation.end > start
            for passage in citation.passage_ids
        )
        return Claim(self.text[start:end], tuple(dict.fromkeys(cited)))


def _count(usage: Usage, model: str) -> None:
    LLM_TOKENS.labels(model=model, token_type="input").inc(usage.input_tokens)  # noqa: S106
    LLM_TOKENS.labels(model=model, token_type="output").inc(usage.output_tokens)  # noqa: S106
