"""The gate's evaluation, tried on gates that are broken: each fault must make it miss a bar."""

from dataclasses import replace
from pathlib import Path

import pytest

from service.chat import citing, filter
from service.chat.grounding import Support
from service.demo.trust.bars import missed
from service.demo.trust.material import read_material
from service.demo.trust.measure import Outcome, tried
from service.demo.trust.mutate import kinds, mutants
from service.domain.answers import Span, Verdict

OURS = Path(__file__).parents[3] / "data" / "trust"
FEW = 24  # Mutants of a kind in a language: enough for its floor, a third of a whole run's time.
MORE = 3

FAULTS = {}


def fault(seed):
    """A way to break the gate, by its name."""
    FAULTS[seed.__name__] = seed
    return seed


def whole(passage) -> Span:
    chunk = passage.chunk
    return Span(passage.id, chunk.start, chunk.end, chunk.text)


def verdict_with(monkeypatch, change) -> None:
    """Verdicts come out of the gate changed."""
    judged = filter.judged

    async def broken(claim, passages, **more):
        return change(await judged(claim, passages, **more), passages)

    monkeypatch.setattr(filter, "judged", broken)


def support_with(monkeypatch, change) -> None:
    """What rules say comes out of them changed."""
    support = filter.support

    def broken(text, passages, **_):
        return change(support(text, passages), text, passages)

    monkeypatch.setattr(filter, "support", broken)


@fault
def filter_skipped(monkeypatch):
    """Whatever a model wrote is shown, with what it cites."""

    async def judged(claim, passages, **more):
        cited = [one for one in passages if one.id in claim.passage_ids] or passages[:1]
        return Verdict(claim, tuple(map(whole, cited)))

    monkeypatch.setattr(filter, "judged", judged)


@fault
def unsupported_taken_for_stated(monkeypatch):
    """Rules that find nothing against a sentence take that for support."""

    def change(found, text, passages):
        none = found.reason == "unsupported" and passages
        return Support("stated", tuple(map(whole, passages))) if none else found

    support_with(monkeypatch, change)


@fault
def spans_shifted(monkeypatch):
    """Offsets that are one code point late."""

    def change(verdict, passages):
        return replace(
            verdict, spans=tuple(replace(one, start=one.start + 1) for one in verdict.spans)
        )

    verdict_with(monkeypatch, change)


@fault
def spans_counted_in_the_chunk(monkeypatch):
    """Quotes that are longer than the stretch they name."""

    def change(verdict, passages):
        return replace(verdict, spans=tuple(replace(one, end=one.end - 1) for one in verdict.spans))

    verdict_with(monkeypatch, change)


@fault
def spans_of_another_field(monkeypatch):
    """A quote under the name of another passage of its note."""

    def change(verdict, passages):
        return replace(
            verdict,
            spans=tuple(
                replace(span, passage_id=other.id)
                for span in verdict.spans
                for other in passages
                if other.id != span.passage_id
            )[: len(verdict.spans)],
        )

    verdict_with(monkeypatch, change)


@fault
def wrong_clients_passages(monkeypatch):
    """The names of passages point one passage on."""
    judged = filter.judged

    async def broken(claim, passages, **more):
        moved = [*passages[1:], passages[0]]
        pairs = zip(moved, passages, strict=True)
        return await judged(claim, [replace(one, id=at.id) for one, at in pairs], **more)

    monkeypatch.setattr(filter, "judged", broken)


@fault
def all_passages_looked_at(monkeypatch):
    """A sentence may lean on whatever was retrieved, cited or not, of whomever."""
    judged = filter.judged

    async def broken(claim, passages, **more):
        # Those it cites and a few more: with all of them this fault alone took a minute.
        ids = (*claim.passage_ids, *(one.id for one in passages[:MORE]))
        every = replace(claim, passage_ids=tuple(dict.fromkeys(ids)))
        return replace(await judged(every, passages, **more), claim=claim)

    monkeypatch.setattr(filter, "judged", broken)


@fault
def only_the_first_passage_looked_at(monkeypatch):
    """A sentence that two notes bear out together is held against one."""
    support = filter.support
    monkeypatch.setattr(filter, "support", lambda text, passages, **_: support(text, passages[:1]))


@fault
def only_the_first_quote_kept(monkeypatch):
    """A sentence of two notes shows one of them."""

    def change(verdict, passages):
        return replace(verdict, spans=verdict.spans[:1])

    verdict_with(monkeypatch, change)


@fault
def repair_returns_the_claim(monkeypatch):
    """What was wrong is flagged as put right, and shown as it was."""

    def unmended(claim, passages, reason, *_):
        cited = [one for one in passages if one.id in claim.passage_ids]
        spans = tuple(map(whole, cited))
        return Verdict(claim, spans, repaired=reason) if spans else None

    monkeypatch.setattr(filter, "_repaired", unmended)


@fault
def everything_repaired(monkeypatch):
    """Safe, and no longer what was written: a note's first words in place of every sentence."""

    def change(verdict, passages):
        if not verdict.spans:
            return verdict
        span = verdict.spans[0]
        own = replace(verdict.claim, text=span.quote)
        return replace(verdict, claim=own, spans=(span,), repaired="not_entailed")

    verdict_with(monkeypatch, change)


@fault
def answer_offsets_shifted(monkeypatch):
    """Markers that stand a place beside their sentence."""
    citation = citing._citation

    def broken(marker, passage, span, *, start, end, **more):
        return citation(marker, passage, span, start=start + 1, end=end + 1, **more)

    monkeypatch.setattr(citing, "_citation", broken)


@pytest.fixture(scope="module")
def case():
    shelf, statements = read_material(OURS)
    some = statements[::2]
    return shelf, some, mutants(statements, shelf, kinds(held_out=False), per_kind=FEW)


def know_the_truth(monkeypatch, statements) -> None:
    """Rules that never err, so that only the fault does."""
    true = {(one.text, tuple(passage.chunk for passage in one.cited)) for one in statements}

    def support(text, passages, **_):
        if (text, tuple(one.chunk for one in passages)) in true:
            return Support("stated", tuple(map(whole, passages)))
        return Support("none", reason="unsupported")

    monkeypatch.setattr(filter, "support", support)


async def bars(case) -> set[str]:
    shelf, statements, false = case
    outcomes = await tried(statements, false, shelf, lambda done: None)
    return {one.bar for one in missed(outcomes, enough=False)}


async def test_a_gate_that_is_whole_misses_no_bar(case, monkeypatch):
    """Or a fault could hide behind what was missed before it."""
    know_the_truth(monkeypatch, case[1])
    assert await bars(case) == set()


@pytest.mark.parametrize("seed", FAULTS.values(), ids=FAULTS)
async def test_a_broken_gate_misses_a_bar(seed, case, monkeypatch):
    """What goes unnoticed here is a hole in the evaluation."""
    know_the_truth(monkeypatch, case[1])
    seed(monkeypatch)
    assert await bars(case)


@pytest.mark.parametrize("language", ["he", "en"])
@pytest.mark.parametrize("kind", kinds(held_out=False))
def test_a_gate_that_is_blind_to_one_kind_in_one_language_misses_a_bar(kind, language, judged):
    """However few its mutants are: a guard that is missing does not drown in what the others catch."""

    def blind(one):
        sees = (one.kind, one.statement.language) != (kind, language)
        return one if sees else replace(one, fate="admitted")

    assert missed([*map(blind, judged)], enough=False)


@pytest.fixture(scope="module")
def judged(case):
    """Every statement as it should be judged."""
    return [
        *(Outcome(one, None, "admitted", None, (), True, 0.0) for one in case[1]),
        *(Outcome(one.statement, one.kind, "withheld", None, (), False, 0.0) for one in case[2]),
    ]
