"""An answer as its turn keeps it: cut at its sentences, each with the notes it leans on as they were."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from service.api.schemas import ChatRequest, CitationOut, RiskOut, SearchOut
from service.domain.answers import Answer, Citation
from service.domain.identity import ClientId
from service.domain.notes import Note, NoteRef
from service.domain.risk import Risk
from service.domain.turns import SEARCHED, Sentence, Source, Turn, marked
from service.security.keys import text_digest


def turn_of(
    asked: ChatRequest, answer: Answer, *, notes: Mapping[NoteRef, Note], key: bytes
) -> Turn:
    """`notes` are those that were read for the answer, `key` the workspace's for digests."""
    sources = _Sources(notes, key)
    said = [*_heading(answer, sources), *_sentences(answer, sources)]
    risks = [_risk(one, sources) for one in answer.risk]
    return Turn(
        id=uuid4(),
        question=asked.query,
        sentences=[*(said or [Sentence(answer.text, [], {})]), *risks],
        outcome=_outcome(asked, answer),
        asked_at=datetime.now(UTC),
    )


@dataclass(frozen=True, slots=True)
class _Sources:
    """Makes sources of the notes that were read; one that nobody remembers reading is a bare one."""

    notes: Mapping[NoteRef, Note]
    key: bytes

    def of(self, cited: Sequence[Citation | Risk]) -> dict[NoteRef, Source]:
        """By the fields that are quoted: an edit to another one changes nothing of what was said."""
        fields: dict[NoteRef, set[str]] = {}
        for one in cited:
            fields.setdefault(one.note, set()).add(one.field)
        bare = {one.note: Source(one.client, one.note_version) for one in cited}
        return {ref: self._known(ref, fields[ref]) or bare[ref] for ref in bare}

    def counted(self, refs: Mapping[NoteRef, ClientId]) -> dict[NoteRef, Source]:
        """A count leans on all that a note says."""
        return {ref: self._known(ref) or Source(client) for ref, client in refs.items()}

    def _known(self, ref: NoteRef, quoted: Collection[str] | None = None) -> Source | None:
        note = self.notes.get(ref)
        if note is None:
            return None
        texts = {
            name: text_digest(self.key, name, text)
            for name, text in note.fields.items()
            if quoted is None or name in quoted
        }
        return Source(note.client, note.version, note.updated_at, texts)


def _heading(answer: Answer, sources: _Sources) -> list[Sentence]:
    if answer.heading is None:
        return []
    return [Sentence(answer.heading.text, [], sources.counted(answer.heading.sources))]


def _sentences(answer: Answer, sources: _Sources) -> list[Sentence]:
    by_sentence: dict[tuple[int, int], list[Citation]] = {}
    for citation in answer.citations:
        place = (citation.answer_start, citation.answer_end)
        by_sentence.setdefault(place, []).append(citation)
    said, before = list[Sentence](), len(answer.heading.text) if answer.heading else 0
    for (start, end), cited in by_sentence.items():
        told = [CitationOut.of(one).model_dump(mode="json") for one in cited]
        # A title leans on no note: with a note gone, nothing below moves under the title before.
        *titles, lead = answer.text[before:start].removeprefix("\n").split("\n")
        said += [Sentence(title, [], {}) for title in titles]
        said.append(Sentence(answer.text[start:end], told, sources.of(cited), lead))
        before = end + sum(len(marked(one.marker)) for one in cited)
    return said


def _risk(risk: Risk, sources: _Sources) -> Sentence:
    told = RiskOut.of(risk).model_dump(mode="json")
    return Sentence(risk.quote, [told], sources.of([risk]), is_risk=True)


def _outcome(asked: ChatRequest, answer: Answer) -> dict[str, Any]:
    """What lies beside the seals, so no word of notes, question or answer."""
    return {
        "status": answer.status,
        "language": answer.language,
        "model": answer.model,
        "mode": asked.mode,
        "citations": len(answer.citations),
        "risk": len(answer.risk),
        "withheld": answer.withheld,
        "degraded": list(answer.degraded),
        SEARCHED: SearchOut.of(answer.search).model_dump(mode="json"),
    }
