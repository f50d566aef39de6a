"""What is told of an answer's own time, and the practices it is asked of."""

import json

import pytest

from service.demo.bench_chat.asking import Taken, whole_of
from service.demo.bench_chat.bare import marked
from service.demo.bench_chat.figures import Cell, table
from service.demo.bench_chat.practices import id_in, many
from service.demo.bench_chat.run import Plan
from service.demo.bench_chat.sides import marks
from service.demo.notes import read_practice
from service.demo.provider_stub.journal import landmarks
from service.demo.provider_stub.wire import DONE, Frame
from tests.conftest import DATA

CALLS = {
    "embed": {"seconds": 0.1},
    "rerank": {"seconds": 0.2},
    "chat": {"seconds": 2.0, "first": 0.4, "sentence": 1.0},
}


def cell(*taken: Taken, holds_words: bool = True) -> Cell:
    made = Cell(cpu=[0.02], beside=[0.0], load=[0.1])
    made.add(taken, {"m": CALLS}, holds_words=holds_words)
    return made


@pytest.mark.parametrize(("holds_words", "first"), [(True, 200), (False, 800)])
def test_the_providers_time_is_taken_off(holds_words: bool, first: float):
    """Of the whole all of it; of the first words what came before they, or their whole sentence, could be told."""
    figures = cell(Taken("m", wall=2.5, first=1.5), holds_words=holds_words).figures()
    assert (figures["wall_p50"], figures["first_p50"]) == (200, first)
    assert (figures["cpu_p50"], figures["answers"]) == (20, 1)


def test_an_answer_of_another_kind_is_left_out_and_told():
    """A refusal, or an answer without one of the three calls, says nothing about the others."""
    made = cell(Taken("m", 1.0, fault="status 503"), Taken("unknown", 1.0))
    assert made.figures()["answers"] == 0
    assert made.faults == {"status 503": 1, "provider not asked to chat, embed, rerank": 1}


def test_a_table_has_first_words_only_of_events():
    """One line a number of askers, the service's figures beside what they are more than the bare service's."""
    ours = cell(Taken("m", 2.5, 1.5)).figures()
    head, line = table("JSON", [(10, ours, ours)])
    assert "words" not in head
    assert line.split()[:5] == ["10", "20.0", "20.0", "20.0", "1.00"]
    head, line = table("events", [(10, ours, ours)])
    assert line.split()[-4:] == ["200.0", "200.0", "0.0", "0.0"]


def test_a_round_has_as_many_answers_as_asked_for_and_no_asker_too_few():
    """Many askers ask a few questions each, one asker asks all."""
    plan = Plan(concurrency=[1, 50], rounds=1, answers=10)
    assert [plan.each(askers) for askers in plan.concurrency] == [10, 3]


def test_copies_of_practices_share_no_id_and_all_of_their_text():
    """Each is a whole, whose rows point at its own clients and workspaces."""
    one, three = read_practice(DATA), many(read_practice(DATA), 3)
    assert three.size == 3 * one.size
    clients = {row["client_id"]: row["workspace_id"] for row in three.clients}
    assert len(clients) == 3 * len(one.clients)
    assert all(clients[row["client_id"]] == row["workspace_id"] for row in three.sessions)
    assert len({row["email"] for row in three.users}) == len(three.users)
    first = one.sessions[0]
    copied = {**first, **{key: id_in(2, first[key]) for key in first if key.endswith("_id")}}
    assert copied in three.sessions


def test_a_bare_question_bears_its_own_mark():
    """Only the mark is another one; what was recorded stays as it was."""
    old, new = "qzaaaaaa", "qzaaaaab"
    known = {
        "mark": old,
        "embed": {"model": "e", "texts": [f"how is it {old}"]},
        "rerank": {"query": f"how is it {old}", "documents": ["a", "b"]},
        "chat": {"messages": [{"content": "system"}, {"content": f"how is it {old}"}]},
    }
    before = json.dumps(known)
    for call in ("embed", "rerank", "chat"):
        assert json.dumps(marked(known, call, new)) == json.dumps(known[call]).replace(old, new)
    assert json.dumps(known) == before


def test_marks_come_once():
    """And all look alike."""
    made = [mark for mark, _ in zip(marks(), range(1000), strict=False)]
    assert len(set(made)) == 1000
    assert {len(mark) for mark in made} == {8}


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (b'{"answer": "x"}', {"answer": "x"}),
        (b'event: token\ndata: {}\n\nevent: done\ndata: {"answer": "x"}\n\n', {"answer": "x"}),
        (b"event: token\ndata: {", {}),
    ],
)
def test_the_whole_answer_is_what_comes_last(body: bytes, answer: dict):
    """In both forms; a body that was cut has none."""
    assert whole_of(body) == answer


def test_the_journal_tells_first_words_and_the_first_sentence_that_is_over():
    """Over when the next one has begun, or else when the answer is."""
    said = [Frame(""), Frame("", text="It is"), Frame("", text=" well."), Frame("", text=" More")]
    end = Frame("", closing=True)
    assert landmarks([*said, end, DONE]) == (1, 3)
    assert landmarks([*said[:3], end, DONE]) == (1, 3)
    assert landmarks([end, DONE]) == (0, 0)
