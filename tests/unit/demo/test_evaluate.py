"""`eval` from a folder of questions to its tables, over search in memory."""

import json
from contextlib import asynccontextmanager
from types import SimpleNamespace
from uuid import uuid4

import pytest

from service.demo import evaluate
from service.demo.evaluate import How, run_abstention, run_retrieval
from service.errors import BadSettings, SourceUnavailable
from service.ports.index import IndexModels
from tests.fakes import CLIENT, WORKSPACE, a_note
from tests.unit.doubles import contexts_of
from tests.unit.retrieval.test_search import Practice

TEXTS = ["Panic attacks at night.", "Sleep is poor since March.", "Knee pain when climbing."]
ARMS = How(arms=True, workers=2)


class House:
    """A folder of questions, one about each note, and the practice they are asked of."""

    def __init__(self, folder, monkeypatch):
        self.folder, self.out = folder, folder / "run.jsonl"
        self.practice, self.asked = Practice(), 0
        self.notes = [a_note(text) for text in TEXTS]
        self.put("sessions", [self.session(note) for note in self.notes])
        self.put("questions", [self.question(note) for note in self.notes])
        monkeypatch.setattr(evaluate, "_opened", self.opened)

    def put(self, name, rows):
        text = "".join(f"{json.dumps(row)}\n" for row in rows)
        (self.folder / f"{name}.jsonl").write_text(text)

    def session(self, note):
        ids = {"session_id": note.ref.id, "workspace_id": WORKSPACE, "client_id": CLIENT}
        return {name: str(id) for name, id in ids.items()}

    def question(self, note, **more):
        return {
            "qid": str(note.ref.id),
            "workspace_id": str(WORKSPACE),
            "query": note.fields["subjective"].lower(),
            "relevant_session_ids": [str(note.ref.id)],
        } | more

    @asynccontextmanager
    async def opened(self):
        await self.practice.keep(*self.notes)
        store, finder = self.practice.store, self.practice.finder
        store.held[WORKSPACE] = IndexModels("local-hash-1")
        models = SimpleNamespace(embedders=finder.embedders, reranker=finder.reranker)
        store.epochs.clear()
        yield SimpleNamespace(
            store=store, finder=finder, models=models, contexts=contexts_of(self.practice.keys)
        )

    async def run(self, **more):
        return await run_retrieval(self.folder, self.out, how=ARMS, **{"compare": None} | more)

    @property
    def lines(self):
        return [json.loads(line) for line in self.out.read_text().splitlines()]


@pytest.fixture
def house(tmp_path, monkeypatch):
    return House(tmp_path, monkeypatch)


async def test_every_question_is_asked_scored_and_written(house, capsys):
    """A line each in the file, ids alone; tables on stdout, nothing of them in the file."""
    assert await house.run() == 0
    assert [line["qid"] for line in house.lines] == [str(note.ref.id) for note in house.notes]
    assert [line["session_ids"][0] for line in house.lines] == [line["qid"] for line in house.lines]
    shown = capsys.readouterr()
    assert "fewer than 20 questions: en all (3)" in shown.out
    assert "better alone than the whole" in shown.out
    assert "sessions that must not be returned: 0 questions" in shown.out
    for word in ("panic", "sleep", "knee"):
        assert word not in (house.out.read_text() + shown.out + shown.err).lower()


async def test_what_must_not_come_back_ends_it_with_1(house, capsys):
    """After the tables, so that the run is not lost over it."""
    first = house.question(house.notes[0], must_not_return=[str(house.notes[0].ref.id)])
    house.put("questions", [first])
    assert await house.run() == 1
    assert "sessions that must not be returned: 1 questions" in capsys.readouterr().out


async def test_a_run_that_failed_goes_on_where_it_was(house, monkeypatch):
    """The questions that were asked before are not asked again."""
    asked, find = [], evaluate.Asker.ask

    async def ask(self, one):
        asked.append(one.qid)
        if len(asked) == 3:
            raise SourceUnavailable
        return await find(self, one)

    monkeypatch.setattr(evaluate.Asker, "ask", ask)
    with pytest.raises(SourceUnavailable):
        await house.run()
    assert len(house.lines) == 2
    assert await house.run() == 0
    qids = [str(note.ref.id) for note in house.notes]
    assert asked == [*qids, qids[2]]
    assert [line["qid"] for line in house.lines] == qids


async def test_a_run_is_compared_with_an_older_one(house, capsys):
    """And never with the file it is about to write over."""
    await house.run()
    older = house.folder / "older.jsonl"
    older.write_text(house.out.read_text())
    await house.run(compare=older)
    assert f"beside {older}" in capsys.readouterr().out
    with pytest.raises(BadSettings, match="cannot be compared with"):
        await house.run(compare=house.out)


async def test_abstention_is_read_off_a_run_that_was_made(house, capsys, monkeypatch):
    """Nothing is asked for it; without one the questions are asked."""
    await run_abstention(house.folder, house.out, how=How(), run=None)
    asked = capsys.readouterr().out
    monkeypatch.delattr(evaluate, "_opened")
    await run_abstention(house.folder, None, how=How(), run=house.out)
    assert capsys.readouterr().out == asked
    assert "in force" in asked
    with pytest.raises(BadSettings, match="--out FILE"):
        await run_abstention(house.folder, None, how=How(), run=None)


async def test_a_run_without_confidences_has_no_curve(house):
    """Rather than one that is wrong."""
    await house.run()
    short = [{"qid": line["qid"], "session_ids": line["session_ids"]} for line in house.lines]
    house.put("short", short)
    with pytest.raises(BadSettings, match="tells a confidence"):
        await run_abstention(house.folder, None, how=How(), run=house.folder / "short.jsonl")


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (lambda h: (h.folder / "questions.jsonl").unlink(), "cannot be read"),
        (lambda h: h.put("questions", []), "holds no question"),
        (lambda h: h.put("questions", [{"query": "zebra"}]), "line 1 is no question"),
        (lambda h: h.put("sessions", [{"session_id": "x"}]), "line 1 lacks an id"),
        (
            lambda h: h.put("questions", [h.question(h.notes[0], workspace_id=str(uuid4()))]),
            "has no index",
        ),
        (lambda h: setattr(h, "out", h.folder / "none" / "run.jsonl"), "folder does not exist"),
    ],
    ids=["no file", "no question", "no id", "no session", "no index", "no folder"],
)
async def test_bad_input_is_one_line_and_nothing_is_written(house, spoil, line):
    """Told before any question is asked; the line quotes nothing."""
    spoil(house)
    with pytest.raises(BadSettings, match=line) as caught:
        await house.run()
    assert "zebra" not in str(caught.value)
    assert not house.out.exists()
