"""A run by language and slice, its arms, another run, and what must not come back."""

from uuid import UUID, uuid4

import pytest

from service.domain.identity import ClientId
from service.evaluation.asker import Outcome
from service.evaluation.gold import parse_gold
from service.evaluation.score import LEAST, TELLING, ablation, changes, faults, score
from service.evaluation.tables import ablation_lines, change_lines, fault_lines, score_lines
from tests.fakes import CLIENT, OTHER_WORKSPACE, WORKSPACE
from tests.unit.evaluation.judged import BAD, RIGHT, WRONG, a_gold, scored

OWNERS = {one: (WORKSPACE, CLIENT) for one in (RIGHT, WRONG, BAD)}


def test_a_question_counts_in_its_slices():
    """In all, in the hard ones, by kind, by source and by workspace."""
    assert list(a_gold(hard=True).slices()) == [
        "all",
        "hard",
        "kind fact",
        "source own",
        "workspace one",
    ]
    assert "hard" not in list(a_gold().slices())


def test_what_a_plain_question_lacks_is_left_open():
    """Its language is that of its text, and it is of no kind in particular."""
    gold = parse_gold(f'{{"qid": "q", "workspace_id": "{WORKSPACE}", "query": "שינה"}}')
    assert (gold.language, gold.kind, gold.answerable, gold.strict) == ("he", "other", False, True)


@pytest.mark.parametrize("line", ["[]", "{}", "x", '{"qid": "q"}', '{"language": "fr"}'])
def test_a_line_that_is_no_question_is_refused(line):
    """With an error that the command line names the line by."""
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        parse_gold(line)


def test_languages_and_slices_are_apart():
    """Two kinds of English, one of Hebrew: the only kind of a language is not told twice."""
    run = [
        scored(RIGHT, kind="fact"),
        scored(WRONG, RIGHT, kind="dose"),
        scored(WRONG, kind="dose", abstained=True),
        scored(RIGHT, language="he"),
    ]
    rows = {(row.language, row.name): row for row in score(run)}
    assert list(rows) == [("en", "all"), ("en", "kind dose"), ("en", "kind fact"), ("he", "all")]
    assert rows["en", "all"].questions == 3
    dose = rows["en", "kind dose"]
    assert dose.figures is not None
    assert (dose.figures.recall, dose.figures.mrr, dose.abstained) == (0.5, 0.25, 0.5)


def test_what_nothing_answers_has_a_share_of_abstentions_only():
    """By kind, and apart where something may answer it after all."""
    run = [
        scored(RIGHT),
        scored(WRONG, answerable=False, kind="absent"),
        scored(answerable=False, kind="absent", abstained=True),
        scored(answerable=False, kind="absent", abstained=True, strict=False),
    ]
    rows = {row.name: row for row in score(run)}
    assert (rows["absent"].questions, rows["absent"].figures) == (2, None)
    assert (rows["absent"].abstained, rows["absent (lax)"].abstained) == (0.5, 1.0)
    assert rows["all"].questions == 1


def test_small_slices_are_named_and_not_shown():
    """A line of their own would be noise."""
    many = [scored(RIGHT, kind="fact") for _ in range(LEAST)]
    lines = list(score_lines(score([*many, scored(RIGHT, kind="dose")])))
    assert not any(" kind dose " in line for line in lines[:-1])
    assert lines[-1] == f"fewer than {LEAST} questions: en kind dose (1)"
    assert "1.0000" in lines[1]


def test_an_arm_that_beats_the_whole_is_told():
    """On enough questions and beyond chance; on a few, it is only shown."""
    worse = [scored(WRONG, RIGHT, arms={"grams": (RIGHT,)}) for _ in range(TELLING)]
    [row] = ablation(worse)
    assert row.stronger == ["grams"]
    assert row.ndcg["grams"] == 1 > row.ndcg["whole"]
    assert list(ablation_lines([row]))[-1].endswith("or more: grams in en all")

    [few] = ablation(worse[:-1])
    assert few.stronger == []
    assert list(ablation_lines([few]))[-1].endswith("or more: none")


def test_two_runs_are_compared_where_both_asked():
    """Question by question; what the older run lacks is left out."""
    run = [scored(RIGHT, qid=str(number)) for number in range(LEAST + 1)]
    older = {str(number): Outcome(str(number), (WRONG, RIGHT), False) for number in range(LEAST)}
    [row] = changes(older, run)
    assert (row.change.questions, row.change.better, row.change.worse) == (LEAST, LEAST, 0)
    assert list(change_lines([row]))[-1].endswith("*")


def test_nothing_that_came_back_wrongly_is_overlooked():
    """Forbidden, of another workspace, unknown, of another client; in the passages and in the arms too."""
    owners = OWNERS | {BAD: (OTHER_WORKSPACE, CLIENT)}
    fine = scored(RIGHT, must_not_return=[str(BAD)])
    assert not faults([fine], owners)
    assert faults([scored(RIGHT, BAD, must_not_return=[str(BAD)])], OWNERS).forbidden == ["q1"]
    assert faults([scored(BAD)], owners).foreign == ["q1"]
    assert faults([scored(uuid4())], owners).foreign == ["q1"]
    assert faults([scored(RIGHT, arms={"dense": (BAD,)})], owners).foreign == ["q1"]


def test_a_question_about_one_client_brings_only_theirs():
    """Whoever owns the session, by what the folder says."""
    other = str(ClientId(UUID(int=12)))
    assert faults([scored(RIGHT, scope="client", client_id=other)], OWNERS).astray == ["q1"]
    assert not faults([scored(RIGHT, scope="workspace", client_id=other)], OWNERS)


def test_faults_are_counted_and_the_first_are_named():
    """By their ids."""
    run = [scored(BAD, qid=f"q{number}", must_not_return=[str(BAD)]) for number in range(7)]
    first, *rest = fault_lines(faults(run, OWNERS))
    assert first == "sessions that must not be returned: 7 questions: q0, q1, q2, q3, q4, ..."
    assert all(line.endswith(": 0 questions") for line in rest)
