"""Runs the graph, and tells whoever waits what it is at and what it may say already."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

from service.chat.citing import AnswerText
from service.chat.filter import Repeats
from service.chat.graph import Graph
from service.chat.output_guard import Orders
from service.chat.postprocess import leave_trail
from service.chat.state import ChatContext, ChatState
from service.domain.answers import Answer, Verdict
from service.domain.audit import Trail
from service.domain.progress import Line, Pin, Progress, Step, Tell
from service.domain.risk import Risk


async def run(
    graph: Graph, asked: ChatState, context: ChatContext, *, tell: Tell | None = None
) -> Answer:
    """The graph's answer; raises what its nodes raise. Each line is told as soon as it is verified."""
    state, lines = asked, _Lines(context.trail, context.orders)
    parts: AsyncIterator[Any] = graph.astream(
        asked, context=context, stream_mode=["custom", "values"]
    )
    async for kind, part in parts:
        if kind == "values":
            state = part
        elif tell is not None:
            for progress in lines.of(part, state):
                tell(progress)
                await asyncio.sleep(0)  # a line takes 10 ms, and forty may come at once
    answer = state["answer"]
    if tell is not None and not lines.begun:  # nothing was found, and no sentence says so
        tell(Line(answer.text, 0, answer.citations))
    return answer


class _Lines:
    """Makes of what the nodes write the lines that the answer will have, numbered as it will be."""

    def __init__(self, trail: Trail, orders: Orders) -> None:
        self._trail = trail
        self._orders = orders
        self._text: AnswerText | None = None

    @property
    def begun(self) -> bool:
        return self._text is not None

    def of(self, part: Mapping[str, Any], state: ChatState) -> Iterator[Progress]:
        """At most one piece of news, but for what is pinned: a repeated sentence is none."""
        if part["type"] == "step":
            yield Step(part["name"])
            return
        if part["type"] == "risk":
            yield from self._pinned(part["risk"])
            return
        if self._text is None:
            self._passages = state["found"].passages
            self._text = AnswerText(self._passages, orders=self._orders)
            self._repeats = Repeats(of_course="course" in state)
        if part["type"] == "heading":
            yield self._text.add_heading(part["text"])
        elif not self._repeats(part["verdict"]):
            yield self._shown(part["verdict"], self._text)

    def _pinned(self, risk: Sequence[Risk]) -> Iterator[Pin]:
        for one in risk:
            self._trail.pinned(one)
            yield Pin(one)

    def _shown(self, verdict: Verdict, text: AnswerText) -> Line:
        """What was shown is cited in the audit trail, also when the rest never comes."""
        leave_trail(self._trail, [verdict], self._passages)
        return text.add(verdict)
