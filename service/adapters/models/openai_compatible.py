"""Any server that speaks OpenAI's format, as vLLM, TEI, Ollama or LiteLLM inside a hospital's own network.

Embeddings, reranking as Jina and Cohere first defined it, and streamed chat; citations are marks in its text. Nothing
a server sends back is used before it was checked.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode

import httpx
from pydantic import SecretStr

from service.adapters.models.calling import (
    CHECK_SECONDS,
    MAX_TOKENS,
    confirmed,
    embedded,
    judged,
    written,
)
from service.adapters.models.entailment import (
    IN_A_WORD,
    IN_JSON,
    PROBE,
    SCHEMA,
    VERDICT_TOKENS,
    asked,
    verdict_of,
)
from service.adapters.models.entailment import INSTRUCTIONS as CHECKING
from service.adapters.models.event_lines import events_of
from service.adapters.models.guard import Guards, guards, guards_of
from service.adapters.models.markers import INSTRUCTIONS, MarkedText, prompt
from service.adapters.models.provider import Provider
from service.adapters.models.untrusted import (
    failure,
    floats,
    in_order,
    translated,
    unit,
    whole,
)
from service.domain.answers import Delta, Finished, Passage, Question, Stretch
from service.domain.deadline import Deadline
from service.domain.usage import Usage
from service.errors import BadSettings, ModelUnavailable
from service.ports.calls import CallContext, for_nobody
from service.ports.models import Entailment, Vector
from service.settings import Settings
from service.vectors import DIMENSION

PREFIX, SUFFIX = "openai/", f"/{DIMENSION}"

BATCH = 32  # What TEI takes in one call unless told otherwise; nobody takes fewer.
MOST_DOCUMENTS = 100
HAIR = 1e-3
"""By so much a sum of rounded numbers may miss 0 or 1."""
NO_LIST = frozenset({404, 405, 501})

FINISH: dict[str, Literal["complete", "length"]] = {"stop": "complete", "length": "length"}
REFUSALS = frozenset({"content_filter"})
FORMAT = {
    "type": "json_schema",
    "json_schema": {
        "name": "verdict",
        "strict": True,
        "schema": SCHEMA | {"additionalProperties": False},
    },
}
OPENS = "<think>"
THOUGHTS = re.compile(r"\s*(?:<think>.*?</think>\s*)*", re.DOTALL)
# What raw scores would put far apart, one of them below zero.
PROBES = [Stretch(text, "", None, "") for text in ("a word", "seven boats went out to sea")]


def open_provider(settings: Settings, http: httpx.AsyncClient) -> Provider | None:
    """None without an address. `http` and its connections are shared by all calls, and closed by whoever opened it."""
    if settings.openai_base_url is None:
        return None
    server = Server(
        http=http,
        url=_versioned(str(settings.openai_base_url)),
        key=settings.openai_api_key,
        multilingual=settings.openai_multilingual_models,
        guards=guards_of("openai", settings),
    )
    embedder, reranker, chat = _models(settings, server)
    entailment = _entailment(settings, server)
    return Provider(
        embedder=embedder,
        reranker=reranker,
        chat=chat,
        entailment=entailment,
        family=partial(embedder_named, server=server),
        check=partial(_check, server, embedder, reranker, chat, entailment),
    )


def _models(
    settings: Settings, server: "Server"
) -> tuple["OpenAIEmbedder | None", "OpenAIReranker | None", "OpenAIChat | None"]:
    asks, holds = settings.openai_embed_query_prefix, settings.openai_embed_document_prefix
    embed, rerank = settings.openai_embed_model, settings.openai_rerank_model
    chat = settings.openai_chat_model
    return (
        OpenAIEmbedder(server, embed, asks, holds) if embed else None,
        OpenAIReranker(server, rerank) if rerank else None,
        OpenAIChat(server, chat) if chat else None,
    )


def _entailment(settings: Settings, server: "Server") -> "OpenAIEntailment | None":
    """None also without a chat model: the local one quotes, and quotes need nobody's confirmation."""
    chat = settings.openai_chat_model
    if not chat or not settings.entailment_check:
        return None
    return OpenAIEntailment(server, settings.openai_entailment_model or chat)


def _versioned(url: str) -> str:
    """Some write the address with the version that all paths begin with, some without."""
    return url.rstrip("/").removesuffix("/v1") + "/v1"


@dataclass(frozen=True, slots=True)
class Server:
    """An address and how to call it, shared by the four adapters. Its methods raise ModelUnavailable."""

    http: httpx.AsyncClient = field(repr=False)
    url: str
    key: SecretStr | None = None
    multilingual: frozenset[str] = frozenset()
    """Names of models that cross languages."""
    guards: Guards = field(default_factory=partial(guards, "openai"), repr=False)

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.key.get_secret_value()}"} if self.key else {}

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        with translated():
            response = await self.http.post(f"{self.url}/{path}", json=body, headers=self.headers)
            if response.status_code != 200:
                raise failure(response.status_code, response.headers)
            return response.json()

    @asynccontextmanager
    async def events(
        self, path: str, body: dict[str, Any]
    ) -> AsyncIterator[AsyncGenerator[Any, None]]:
        """The events of an answer, as long as the block lasts; leaving it closes the connection."""
        request = self.http.stream("POST", f"{self.url}/{path}", json=body, headers=self.headers)
        async with request as response:
            if response.status_code != 200:
                raise failure(response.status_code, response.headers)
            async with aclosing(events_of(response)) as events:
                yield events

    async def models(self) -> Collection[str] | None:
        """The names it lists; None where it keeps no list."""
        with translated():
            response = await self.http.get(f"{self.url}/models", headers=self.headers)
            if response.status_code in NO_LIST:
                return None
            if response.status_code != 200:
                raise failure(response.status_code, response.headers)
            return {str(one["id"]) for one in response.json()["data"]}


@dataclass(frozen=True, slots=True)
class OpenAIEmbedder:
    """Keeps Embedder. The stored model name carries the dimension and what is put before texts.

    Both make another space of the same model; so an index made with other ones is still asked as it was made.
    """

    server: Server
    name: str
    before_query: str = ""
    before_document: str = ""

    @property
    def model(self) -> str:
        given = {"query": self.before_query, "document": self.before_document}
        prefixes = urlencode({kind: text for kind, text in given.items() if text})
        return f"{PREFIX}{self.name}{SUFFIX}" + (f"?{prefixes}" if prefixes else "")

    @property
    def crosses_languages(self) -> bool:
        return self.name in self.server.multilingual

    async def embed(
        self, texts: Sequence[str], *, purpose: Literal["document", "query"], context: CallContext
    ) -> Sequence[Vector]:
        """Unit vectors, comparable between workspaces."""
        before = self.before_query if purpose == "query" else self.before_document
        return await embedded(
            [before + text for text in texts],
            partial(self._embed, context=context),
            size=BATCH,
            purpose=purpose,
            model=self.model,
            guard=self.server.guards.embed,
            context=context,
        )

    async def _embed(self, texts: Sequence[str], context: CallContext) -> list[Vector]:
        # A server that knows no base64 sends lists of numbers. None is asked for a dimension: most refuse the word.
        body = {"model": self.name, "input": list(texts), "encoding_format": "base64"}
        with translated():
            answer = await self.server.post("embeddings", body)
            context.meter.add(self.name, _used(answer))
            vectors = ((one["index"], _vector(one["embedding"])) for one in answer["data"])
            return in_order(vectors, len(texts))


def embedder_named(model: str, server: Server) -> OpenAIEmbedder | None:
    """The embedder that stores vectors under this name, None where the name is not of this kind."""
    name, _, prefixes = model.removeprefix(PREFIX).partition("?")
    before = dict(parse_qsl(prefixes))
    embedder = OpenAIEmbedder(
        server, name.removesuffix(SUFFIX), before.get("query", ""), before.get("document", "")
    )
    return embedder if embedder.name and embedder.model == model else None


def _vector(said: str | list[float]) -> Vector:
    return unit(floats(said) if isinstance(said, str) else said)


@dataclass(frozen=True, slots=True)
class OpenAIReranker:
    """Keeps Reranker."""

    server: Server
    model: str

    @property
    def crosses_languages(self) -> bool:
        return self.model in self.server.multilingual

    async def rerank(
        self,
        query: str,
        stretches: Sequence[Stretch],
        *,
        rarity: Callable[[str], float],
        context: CallContext,
    ) -> Sequence[float]:
        return await judged(
            stretches,
            partial(self._rerank, query, context=context),
            size=MOST_DOCUMENTS,
            guard=self.server.guards.rerank,
            context=context,
        )

    async def _rerank(
        self, query: str, documents: Sequence[str], context: CallContext
    ) -> list[float]:
        body = {"model": self.model, "query": query, "documents": list(documents)}
        with translated():
            answer = await self.server.post("rerank", body)
            context.meter.add(self.model, _used(answer))
            scores = ((one["index"], _share(one["relevance_score"])) for one in answer["results"])
            return in_order(scores, len(documents))


def _share(score: Any) -> float:
    """Raises ModelUnavailable for a score outside 0..1.

    A raw score of a model would have to pass a sigmoid first. Which of the two a server sends cannot be told from an
    answer whose raw scores happen to lie between 0 and 1, and a share that passes a sigmoid is worth nothing.
    """
    if not -HAIR <= score <= 1 + HAIR:
        raise ModelUnavailable("garbage")
    return min(1.0, max(0.0, float(score)))


@dataclass(frozen=True, slots=True)
class OpenAIChat:
    """Keeps ChatModel."""

    server: Server
    model: str

    def stream(
        self, question: Question, passages: Sequence[Passage], *, context: CallContext
    ) -> AsyncGenerator[Delta, None]:
        return written(
            partial(self._answer, question, passages, context),
            model=self.model,
            guard=self.server.guards.chat,
            context=context,
        )

    async def _answer(
        self, question: Question, passages: Sequence[Passage], context: CallContext
    ) -> AsyncGenerator[Delta, None]:
        with translated():
            async with self.server.events(
                "chat/completions", self._body(question, passages)
            ) as events:
                async for delta in _deltas(events):
                    if isinstance(delta, Finished):
                        context.meter.add(self.model, delta.usage)
                    yield delta

    def _body(self, question: Question, passages: Sequence[Passage]) -> dict[str, Any]:
        return {
            "model": self.model,
            "messages": [
                {"role": "system", "content": INSTRUCTIONS[question.form]},
                {"role": "user", "content": prompt(question, passages)},
            ],
            "temperature": 0,
            "max_tokens": MAX_TOKENS,
            "stream": True,
            "stream_options": {"include_usage": True},
        }


@dataclass(slots=True)
class OpenAIEntailment:
    """Keeps EntailmentModel. A server that takes no schema for its answer is asked for a plain word, from then on."""

    server: Server
    model: str
    takes_schema: bool = True

    async def entails(
        self, claim: str, sources: Sequence[Stretch], *, context: CallContext
    ) -> Entailment:
        return await confirmed(
            partial(self._entails, asked(claim, sources), context),
            model=self.model,
            guard=self.server.guards.entail,
            context=context,
        )

    async def _entails(self, prompt: str, context: CallContext) -> Entailment:
        if self.takes_schema:
            try:
                return await self._said(prompt, context, schema=True)
            except ModelUnavailable as exc:
                if not exc.blames_the_text:
                    raise
        verdict = await self._said(prompt, context, schema=False)
        self.takes_schema = False  # now it is certain that the text was not to blame
        return verdict

    async def _said(self, prompt: str, context: CallContext, *, schema: bool) -> Entailment:
        with translated():
            answer = await self.server.post("chat/completions", self._body(prompt, schema=schema))
            context.meter.add(self.model, _used(answer))
            choice = answer["choices"][0]
            if choice.get("finish_reason") != "stop":
                raise ModelUnavailable("garbage")
            said = choice["message"]["content"]
            thought = THOUGHTS.match(said)
            return verdict_of(said[thought.end() if thought else 0 :])

    def _body(self, prompt: str, *, schema: bool) -> dict[str, Any]:
        body = {
            "model": self.model,
            "messages": [
                {"role": "system", "content": CHECKING + (IN_JSON if schema else IN_A_WORD)},
                {"role": "user", "content": prompt},
            ],
            "temperature": 0,
            "max_tokens": VERDICT_TOKENS,
        }
        return body | ({"response_format": FORMAT} if schema else {})


async def _deltas(events: AsyncGenerator[Any, None]) -> AsyncGenerator[Delta, None]:
    """Raises ModelUnavailable: "cut" where the answer ends before the reason of its end has come."""
    answer, thoughts = MarkedText(), _Thoughts()
    finished, usage = None, Usage()
    async for event in events:
        usage = _used(event) if event.get("usage") else usage
        part, reason = _said(event)
        for delta in answer.add(thoughts.skip(part)):
            yield delta
        finished = reason or finished
    if finished is None:
        raise ModelUnavailable("cut")
    for delta in answer.end():
        yield delta
    yield Finished(finished, usage)


def _said(event: Any) -> tuple[str, Literal["complete", "length"] | None]:
    """More of the answer, and why it ends, if it does. What a model thinks comes under other names, and is skipped."""
    if event.get("error"):
        raise ModelUnavailable("server_error")
    if not event["choices"]:
        return "", None  # the usage alone
    choice = event["choices"][0]
    part, reason = (choice.get("delta") or {}).get("content") or "", choice.get("finish_reason")
    if reason in REFUSALS or (choice.get("delta") or {}).get("refusal"):
        raise ModelUnavailable("refused")
    if reason and reason not in FINISH:
        raise ModelUnavailable("server_error")
    return whole(part), FINISH.get(reason)


class _Thoughts:
    """Skips what a model thinks aloud in <think> before its answer, and blanks there."""

    def __init__(self) -> None:
        self._begun = ""
        self._over = False

    def skip(self, part: str) -> str:
        """What of it belongs to the answer."""
        if self._over:
            return part
        self._begun += part
        thought = THOUGHTS.match(self._begun)
        said = self._begun[thought.end() if thought else 0 :]
        still_thinks = OPENS.startswith(said[: len(OPENS)])  # or has said nothing yet
        self._over = not still_thinks
        return "" if still_thinks else said


def _used(answer: Any) -> Usage:
    said = answer.get("usage") or {}
    read, wrote, total = (
        max(0, int(said.get(f"{kind}_tokens") or 0)) for kind in ("prompt", "completion", "total")
    )
    return Usage(read or max(0, total - wrote), wrote)


async def _check(
    server: Server,
    embedder: OpenAIEmbedder | None,
    reranker: OpenAIReranker | None,
    chat: OpenAIChat | None,
    entailment: OpenAIEntailment | None,
) -> None:
    """One word embedded, two and a sentence judged tell whether the models are there and speak as they should."""
    context = for_nobody(deadline=Deadline.after(CHECK_SECONDS))
    if embedder:
        with _as_settings("OPENAI_EMBED_MODEL", f"gives no vectors of {DIMENSION} numbers"):
            await embedder.embed(["a word"], purpose="query", context=context)
    if reranker:
        with _as_settings("OPENAI_RERANK_MODEL", "gives no scores between 0 and 1"):
            await reranker.rerank("a word", PROBES, rarity=len, context=context)
    if chat:
        await _check_listed(server, chat.model, context.deadline)
    if entailment:
        with _as_settings("OPENAI_ENTAILMENT_MODEL", "gives no verdict"):
            await entailment.entails(*PROBE, context=context)


async def _check_listed(server: Server, name: str, deadline: Deadline) -> None:
    with _as_settings("OPENAI_CHAT_MODEL", "the list of models makes no sense"), translated():
        async with deadline.timeout():
            listed = await server.models()
    # LiteLLM lists patterns, and Ollama lists what has no tag under its usual one.
    names = (name, f"{name}:latest")
    if listed is not None and not any(fnmatchcase(one, like) for one in names for like in listed):
        raise BadSettings(f"OPENAI_CHAT_MODEL: the server does not list {name}")


@contextmanager
def _as_settings(setting: str, nonsense: str) -> Iterator[None]:
    try:
        yield
    except ModelUnavailable as exc:
        if exc.reason in {"refused", "denied"}:
            said = f"OPENAI_BASE_URL, OPENAI_API_KEY or {setting}: the server refuses it"
            raise BadSettings(said) from None
        if exc.reason == "garbage":
            raise BadSettings(f"OPENAI_BASE_URL or {setting}: {nonsense}") from None
        raise
