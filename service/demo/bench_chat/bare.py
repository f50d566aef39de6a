"""The least that any service does for an answer: the three calls to the provider, and a fixed reply.

No login, no search, no check, nothing kept: what is left is a web framework, JSON and sockets.
"""

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel

PATH = "/chat"
EVENT_STREAM = "text/event-stream"
Recorded = Mapping[str, Any]
"""`mark`, `answer`, and the bodies of the calls `embed`, `rerank` and `chat`, as the service once sent them."""


class Asked(BaseModel):
    """Which of the recorded questions, and the mark that it bears this time."""

    question: int
    mark: str


def create_app(provider: httpx.AsyncClient, recorded: list[Recorded]) -> FastAPI:
    """The provider's client stays its owner's."""
    app = FastAPI(openapi_url=None)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.post(PATH)
    async def chat(asked: Asked, request: Request) -> Response:
        known = recorded[asked.question]
        if request.headers.get("accept") == EVENT_STREAM:
            return StreamingResponse(_events(provider, known, asked.mark), media_type=EVENT_STREAM)
        async for _ in _written(provider, known, asked.mark):
            pass
        return JSONResponse(known["answer"])

    return app


async def _events(provider: httpx.AsyncClient, known: Recorded, mark: str) -> AsyncIterator[str]:
    async for text in _written(provider, known, mark):
        yield f"event: token\ndata: {json.dumps({'text': text})}\n\n"
    yield f"event: done\ndata: {json.dumps(known['answer'])}\n\n"


async def _written(provider: httpx.AsyncClient, known: Recorded, mark: str) -> AsyncIterator[str]:
    """The words of the answer as they come; raises httpx.HTTPStatusError."""
    for call in ("embed", "rerank"):
        answer = await provider.post(f"/v2/{call}", json=marked(known, call, mark))
        answer.raise_for_status().json()
    async with provider.stream("POST", "/v2/chat", json=marked(known, "chat", mark)) as stream:
        stream.raise_for_status()
        async for line in stream.aiter_lines():
            if line.startswith("data: {"):
                event = json.loads(line.removeprefix("data: "))
                if event["type"] == "content-delta":
                    yield event["delta"]["message"]["content"]["text"]


def marked(known: Recorded, call: str, mark: str) -> dict[str, Any]:
    """The body of a call with another mark in its question."""
    body, old = known[call], known["mark"]
    if call == "embed":
        return {**body, "texts": [text.replace(old, mark) for text in body["texts"]]}
    if call == "rerank":
        return {**body, "query": body["query"].replace(old, mark)}
    *before, last = body["messages"]
    return {**body, "messages": [*before, {**last, "content": last["content"].replace(old, mark)}]}


def main(
    recorded: Annotated[Path, typer.Option(exists=True, dir_okay=False)],
    provider: Annotated[str, typer.Option(help="Cohere's base URL.")],
    key: Annotated[str, typer.Option()],
    port: Annotated[int, typer.Option(min=1, max=65535)],
) -> None:
    """Serves until SIGTERM."""
    http = httpx.AsyncClient(
        base_url=provider,
        headers={"authorization": f"Bearer {key}"},
        timeout=60,
        trust_env=False,
    )
    app = create_app(http, json.loads(recorded.read_bytes()))
    # As the service itself is served.
    uvicorn.run(app, port=port, log_config=None, access_log=False, http="h11")


if __name__ == "__main__":
    typer.run(main)
