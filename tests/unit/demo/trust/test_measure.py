"""What is held against a verdict, and what makes a run fail."""

from dataclasses import replace
from pathlib import Path

import pytest

from service.demo.trust import gate
from service.demo.trust.bars import LEAST_MUTANTS, LEAST_TRUE, missed, rows, total
from service.demo.trust.material import read_material
from service.demo.trust.measure import Outcome, quantile, tried
from service.demo.trust.mutate import mutants
from service.demo.trust.run import What, run_trust
from service.domain.answers import Span, Verdict

OURS = Path(__file__).parents[3] / "data" / "trust"
SHELF, STATEMENTS = read_material(OURS)
BY_ID = {one.id: one for one in STATEMENTS}
ONE = BY_ID["daniel-en-08"]  # Leans on one passage, a whole field.
FALSE = mutants(STATEMENTS, SHELF, ["number", "side", "fabricated citation", "swapped client"])
TRUE = {(one.claim.text, one.claim.passage_ids) for one in STATEMENTS}


def span(passage, start=0, end=None):
    quote = passage.chunk.text[start:end]
    first = passage.chunk.start + start
    return Span(passage.id, first, first + len(quote), quote)


def quoting(claim, passages):
    """A verdict that quotes the whole of what is cited."""
    cited = [one for one in passages if one.id in claim.passage_ids]
    return Verdict(claim, tuple(span(one) for one in cited))


def withheld(claim):
    return Verdict(claim, (), "unsupported")


async def outcome(monkeypatch, judge, statement=ONE) -> Outcome:
    async def judged(claim, passages, *, confirmed=False):
        return judge(claim, passages)

    monkeypatch.setattr(gate, "judge", judged)
    return (await tried([statement], [], SHELF, lambda done: None))[0]


async def bars_of(monkeypatch, judge) -> set[str]:
    async def judged(claim, passages, *, confirmed=False):
        return judge(claim, passages)

    monkeypatch.setattr(gate, "judge", judged)
    outcomes = await tried(STATEMENTS, FALSE * 2, SHELF, lambda done: None)
    return {one.bar for one in missed(outcomes)}


async def test_a_gate_that_knows_the_truth_misses_nothing(monkeypatch):
    """The bars can be reached."""

    def oracle(claim, passages):
        known = (claim.text, claim.passage_ids) in TRUE
        return quoting(claim, passages) if known else withheld(claim)

    assert await bars_of(monkeypatch, oracle) == set()


async def test_a_model_that_says_yes_is_asked_of_what_no_rule_speaks_against():
    """Whatever it lets pass was only unsupported before; what differs in a fact is held off without it."""
    shelf, reworded = read_material(OURS.parent / "rewording")
    some = reworded[:40]
    alone, with_it = [
        await tried(some, [], shelf, lambda done: None, confirmed=confirmed)
        for confirmed in (False, True)
    ]
    passed = [
        before
        for before, after in zip(alone, with_it, strict=True)
        if before.fate != "admitted" == after.fate
    ]
    assert len(reworded) == 220
    assert {one.reason for one in passed} == {"unsupported"}
    assert all(
        after.fate == "admitted"
        for before, after in zip(alone, with_it, strict=True)
        if before.fate == "admitted"
    )


async def test_a_gate_that_refuses_all_loses_what_is_true(monkeypatch):
    """Nothing false gets through, and nothing else does."""
    missing = await bars_of(monkeypatch, lambda claim, passages: withheld(claim))
    assert missing == {"he: true sentences lost", "en: true sentences lost"}


async def test_a_gate_that_lets_all_pass_lets_lies_pass(monkeypatch):
    """Every kind of them, told one by one and in sum."""
    missing = await bars_of(monkeypatch, quoting)
    assert {"he: mutants caught", "en: mutants caught", "he: side caught"} <= missing
    assert "en: true sentences lost" not in missing


@pytest.mark.parametrize(
    "judge",
    [
        pytest.param(lambda c, p: Verdict(c, ()), id="no quote"),
        pytest.param(lambda c, p: replace(quoting(c, p), withheld="unsupported"), id="both"),
        pytest.param(
            lambda c, p: Verdict(c, (replace(span(ONE.cited[0], 2, 9), start=3),)), id="shifted"
        ),
        pytest.param(
            lambda c, p: Verdict(c, (replace(span(ONE.cited[0], 2, 9), end=8),)), id="cut end"
        ),
        pytest.param(
            lambda c, p: Verdict(c, (span(next(one for one in p if one.id not in c.passage_ids)),)),
            id="a passage not cited",
        ),
        pytest.param(
            lambda c, p: replace(quoting(c, p), claim=replace(c, text=c.text + " Surely.")),
            id="another sentence",
        ),
        pytest.param(lambda c, p: replace(quoting(c, p), repaired="side_differs"), id="no repair"),
    ],
)
async def test_a_verdict_that_is_wrong_in_itself_is_a_fault(monkeypatch, judge):
    """Whatever it says of the sentence: a bar is missed."""
    found = await outcome(monkeypatch, judge)
    assert found.faults
    assert {one.bar for one in missed([found], enough=False)} >= set(found.faults)


async def test_a_repair_is_the_notes_own_words_and_else_the_sentence_was_shown(monkeypatch):
    """Its quotes and the marks between them; the claim itself in their place is an admission."""

    def repaired(claim, passages):
        quote = span(ONE.cited[0], 0, 20)
        return Verdict(replace(claim, text=quote.quote), (quote,), repaired="side_differs")

    found = await outcome(monkeypatch, repaired)
    assert (found.fate, found.faults) == ("repaired", ())
    unmended = lambda c, p: replace(quoting(c, p), repaired="side_differs")  # noqa: E731
    assert (await outcome(monkeypatch, unmended)).fate == "admitted"


async def test_an_offset_that_drifts_in_the_answer_is_a_fault(monkeypatch):
    """Emoji and Hebrew stand before the sentence: bytes or UTF-16 units would not do."""
    from service.chat import citing

    exact = citing.AnswerText.add

    def late(self, verdict):
        line = exact(self, verdict)
        self.citations[:] = [
            replace(one, answer_start=one.answer_start + 1) for one in self.citations
        ]
        return line

    monkeypatch.setattr(citing.AnswerText, "add", late)
    found = await outcome(monkeypatch, quoting)
    assert found.faults == ("a stretch of the answer that is not the sentence",)


def test_a_sentence_that_leans_on_two_notes_should_quote_both():
    """One quote for both is counted, and too many of them are told."""
    merged = BY_ID["maya-en-20"]
    half = Outcome(merged, None, "admitted", None, (), False, 0.001)
    told = {one.bar for one in missed([half], enough=False)}
    assert told == {"en: merged sentences that quote every source"}
    assert not missed([replace(half, whole=True)], enough=False)


def test_a_set_that_is_too_small_shows_nothing():
    """However good its figures are."""
    fine = [Outcome(ONE, None, "admitted", None, (), True, 0.001)] * LEAST_TRUE
    caught = [Outcome(ONE, "side", "withheld", None, (), False, 0.001)] * (LEAST_MUTANTS - 1)
    assert {one.bar for one in missed(fine + caught)} == {"en: size", "he: size"}
    assert {one.bar for one in missed(fine + caught[:1] + caught)} == {"he: size"}


def test_a_slow_gate_misses_its_bar():
    """Half a second, for 95 of 100 sentences."""
    fast, slow = (Outcome(ONE, None, "admitted", None, (), True, s) for s in (0.01, 0.6))
    assert missed([fast] * 94 + [slow] * 6, enough=False)
    assert not missed([fast] * 96 + [slow] * 4, enough=False)
    assert quantile([], 0.95) == 0.0


def test_rows_add_up():
    """By language and kind, and all mutants of a language together."""
    outcomes = [
        Outcome(ONE, None, "admitted", None, (), True, 0.1),
        Outcome(ONE, "side", "withheld", "side_differs", (), False, 0.1),
        Outcome(ONE, "side", "repaired", "side_differs", (), False, 0.1),
        Outcome(ONE, "dose", "admitted", None, (), True, 0.1),
    ]
    found = rows(outcomes)
    assert [(row.kind, row.total, row.admitted) for row in found] == [
        (None, 1, 1),
        ("side", 2, 0),
        ("dose", 1, 1),
    ]
    assert total("en", found).caught == pytest.approx(2 / 3)


async def test_the_command_prints_tables_and_says_whether_a_bar_was_missed(monkeypatch, capsys):
    """Counts and kinds; sentences only where they are asked for."""

    async def judged(claim, passages, *, confirmed=False):
        return withheld(claim)

    monkeypatch.setattr(gate, "judge", judged)
    assert await run_trust(OURS, What()) == 1
    told = capsys.readouterr().out
    assert "fabricated citation" in told
    assert "he: true sentences lost: 100.0%" in told
    assert ONE.text not in told
    assert await run_trust(OURS, What(listed=True)) == 1
    assert ONE.text in capsys.readouterr().out
