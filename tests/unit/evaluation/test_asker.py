"""Asking the questions of a file."""

import json
from datetime import date

import pytest

from service.evaluation.asker import (
    ARMS,
    Asker,
    Outcome,
    parse_outcome,
    question_in,
    run_line,
)
from tests.fakes import CLIENT, NOW, WORKSPACE, a_note
from tests.unit.doubles import contexts_of
from tests.unit.retrieval.test_search import Practice


def a_line(query, **more):
    return {"qid": "q1", "workspace_id": str(WORKSPACE), "query": query, **more}


def test_only_a_client_question_is_scoped_to_its_client():
    """Every line names a client; `scope` says whether the question is about them alone."""
    scoped = question_in(a_line("sleep", scope="client", client_id=str(CLIENT)))
    wide = question_in(a_line("שינה", scope="workspace", client_id=str(CLIENT)))

    assert (scoped.question.client, scoped.question.language) == (CLIENT, "en")
    assert (wide.question.client, wide.question.language) == (None, "he")


async def test_each_question_gives_a_line_of_ids():
    """What is found, whether it would have abstained, how sure it was, and of what; no text."""
    practice, note = Practice(), a_note("Panic attacks at night.")
    await practice.keep(note)
    outcome = await Asker(practice.finder, contexts_of(practice.keys)).ask(
        question_in(a_line("panic at night"))
    )
    row = json.loads(run_line(outcome))

    assert row.pop("confidence") == pytest.approx(outcome.confidence, abs=1e-6)
    [[first, best]] = row.pop("parts")
    assert (first, best) == pytest.approx((1.0, outcome.confidence), abs=1e-6)
    assert row == {
        "qid": "q1",
        "session_ids": [str(note.ref.id)],
        "abstained": False,
        "passage_session_ids": [str(note.ref.id)],
    }


async def test_an_abstention_tells_what_it_turned_down():
    """How sure it was and of what: else nobody could say what a lower threshold would have answered."""
    practice, note = Practice(), a_note("Panic attacks and work.")
    await practice.keep(note)
    weak = "panic after mortgage rates of interest rose in several foreign countries"
    outcome = await Asker(practice.finder, contexts_of(practice.keys)).ask(
        question_in(a_line(weak))
    )

    assert outcome.abstained
    assert 0 < outcome.confidence < 0.3
    assert outcome.passage_session_ids == (note.ref.id,)


async def test_an_ablation_asks_each_arm_and_pulls_a_note_once():
    """The whole pulls for itself, as a therapist's question does."""
    practice, note = Practice(), a_note("Panic attacks at night.")
    await practice.keep(note)
    asker = Asker(practice.finder, contexts_of(practice.keys), ablation=True)
    outcomes = [await asker.ask(question_in(a_line("panic at night"))) for _ in range(2)]

    assert [dict(one.arms) for one in outcomes] == [{arm: (note.ref.id,) for arm in ARMS}] * 2
    assert len(practice.source.pulls) == 3


async def test_today_is_the_day_after_the_newest_session(monkeypatch):
    """So that "last month" finds the same notes next year."""
    practice, heard = Practice(), []
    await practice.keep(a_note("Panic attacks at night."))

    def understood(question, *, earlier, today):
        heard.append(today)
        return question

    monkeypatch.setattr("service.evaluation.asker.understood", understood)
    await Asker(practice.finder, contexts_of(practice.keys)).ask(
        question_in(a_line("panic at night"))
    )
    assert heard == [date(NOW.year, NOW.month, NOW.day + 1)]


def test_a_line_is_read_as_it_was_written():
    """And one of three values, as other programs write it, is a line too."""
    id = CLIENT
    outcome = Outcome("q1", (id,), True, 0.25, (id,), {"words": (id,)}, ((0.5, 0.25),))
    assert parse_outcome(run_line(outcome)) == outcome
    assert parse_outcome(f'{{"qid": "q1", "session_ids": ["{id}"]}}') == Outcome("q1", (id,), False)
    assert parse_outcome('{"qid": "q1", "session_ids": []}').abstained
