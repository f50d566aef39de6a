"""The answering graph: understand -> retrieve -> synthesize -> filter -> postprocess, compiled once."""

import os
import time
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from service.chat.filter import filter
from service.chat.postprocess import postprocess
from service.chat.retrieve import retrieve
from service.chat.state import ChatContext, ChatState
from service.chat.synthesize import synthesize
from service.chat.understand import understand
from service.telemetry.metrics import STAGE_SECONDS
from service.telemetry.traces import span

Node = Callable[[ChatState, Runtime[ChatContext]], Awaitable[ChatState]]
Graph = CompiledStateGraph[ChatState, ChatContext, ChatState, ChatState]

NODES: tuple[Node, ...] = (understand, retrieve, synthesize, filter, postprocess)


def build_graph() -> Graph:
    """No checkpointer: a turn is short, and its state holds note text that must not be stored."""
    silence_tracing()
    graph = StateGraph(ChatState, context_schema=ChatContext)
    previous = START
    for node in NODES:
        name = node.__name__
        graph.add_node(name, _timed(name, node))
        graph.add_edge(previous, name)
        previous = name
    graph.add_edge(previous, END)
    return graph.compile()


def silence_tracing() -> None:
    """LangSmith posts whole runs, note text included, when its variables are set; so here they never are."""
    for name in [key for key in os.environ if key.startswith(("LANGSMITH_", "LANGCHAIN_"))]:
        del os.environ[name]


def _timed(name: str, node: Node) -> Any:
    @wraps(node)
    async def timed(state: ChatState, runtime: Runtime[ChatContext]) -> ChatState:
        started = time.perf_counter()
        runtime.stream_writer({"type": "step", "name": name})
        try:
            with span("stage", stage=name):
                return await node(state, runtime)
        finally:
            STAGE_SECONDS.labels(stage=name).observe(time.perf_counter() - started)

    return timed
