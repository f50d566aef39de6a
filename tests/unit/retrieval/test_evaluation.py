"""Running a question file."""

import json

from service.retrieval.evaluation import parse_question, run, run_line
from tests.fakes import CLIENT, WORKSPACE, a_note
from tests.unit.retrieval.test_search import Practice


def a_line(query, **more):
    return json.dumps({"qid": "q1", "workspace_id": str(WORKSPACE), "query": query, **more})


def test_only_a_client_question_is_scoped_to_its_client():
    """Every line names a client; `scope` says whether the question is about them alone."""
    scoped = parse_question(a_line("sleep", scope="client", client_id=str(CLIENT)))
    wide = parse_question(a_line("שינה", scope="workspace", client_id=str(CLIENT)))

    assert (scoped.question.client, scoped.question.language) == (CLIENT, "en")
    assert (wide.question.client, wide.question.language) == (None, "he")


async def test_each_question_gives_a_line_of_ids():
    """What is found, whether it would have abstained, and how far it is."""
    practice, heard = Practice(), []
    note = a_note("Panic attacks at night.")
    await practice.keep(note)
    lines = [a_line("panic at night"), "\n", a_line("mortgage rates")]
    outcomes = [o async for o in run(lines, practice.finder, progress=heard.append)]

    assert json.loads(run_line(outcomes[0])) == {
        "qid": "q1",
        "session_ids": [str(note.ref.id)],
        "abstained": False,
    }
    assert outcomes[1].abstained
    assert heard == [1, 2]
