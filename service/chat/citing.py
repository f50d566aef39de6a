"""How verified sentences become the text of an answer: a line each, with markers and what these point to."""

from collections.abc import Sequence

from service.chat.output_guard import Orders, reads_like_order
from service.domain.answers import Citation, Claim, Passage, Span, Verdict
from service.domain.progress import Line
from service.language.injection import orders_in


class AnswerText:
    """The text and citations so far; each sentence that is added is numbered on from the one before."""

    def __init__(self, passages: Sequence[Passage], *, orders: Orders = orders_in) -> None:
        """`orders` may remember what notes hold of them, for one answer."""
        self._orders = orders
        self._passages = {passage.id: passage for passage in passages}
        self.text = ""
        self._title = ""
        self.citations: list[Citation] = []

    def add_heading(self, heading: str) -> Line:
        return self._line(heading, ())

    def add(self, verdict: Verdict) -> Line:
        """An admitted sentence with `[n]` behind it for each of its quotes.

        `answer_start` and `answer_end` of its citations hold it without its lead and its markers.
        """
        before = self._titled(verdict.claim) + verdict.claim.lead
        start = len(self.text) + len(self._break()) + len(before)
        end = start + len(verdict.claim.text)
        first = len(self.citations) + 1
        citations = [
            _citation(
                marker,
                self._passages[span.passage_id],
                span,
                start=start,
                end=end,
                repaired=verdict.repaired is not None,
                orders=self._orders,
            )
            for marker, span in enumerate(verdict.spans, first)
        ]
        markers = "".join(f" [{citation.marker}]" for citation in citations)
        return self._line(f"{before}{verdict.claim.text}{markers}", citations)

    def _titled(self, claim: Claim) -> str:
        """The title of its section with a line break, where the section begins here."""
        begins = claim.title != self._title
        self._title = claim.title
        return f"{claim.title}\n" if begins and claim.title else ""

    def _line(self, said: str, citations: Sequence[Citation]) -> Line:
        line = Line(self._break() + said, len(self.text), citations)
        self.text += line.text
        self.citations += citations
        return line

    def _break(self) -> str:
        return "\n" if self.text else ""


def _citation(
    marker: int,
    passage: Passage,
    span: Span,
    *,
    start: int,
    end: int,
    repaired: bool,
    orders: Orders,
) -> Citation:
    note = passage.note
    return Citation(
        marker=marker,
        note=note.ref,
        client=note.client,
        client_name=passage.client_name,
        session_date=note.session_date,
        similarity=passage.similarity,
        field=passage.chunk.field,
        quote=span.quote,
        start=span.start,
        end=span.end,
        answer_start=start,
        answer_end=end,
        note_version=note.version,
        is_draft=note.is_draft,
        repaired=repaired,
        instruction_like=reads_like_order(passage, span, orders),
    )
