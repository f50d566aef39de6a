"""The notes and true sentences that the gate is tried on."""

import json
from collections import Counter
from pathlib import Path

import pytest

from service.demo.trust.extractive import read_extractive
from service.demo.trust.material import read_material
from service.errors import BadSettings

OURS = Path(__file__).parents[3] / "data" / "trust"
PRACTICE = OURS.parent
NOTE = {"id": "a-1", "client": "Ann Lee", "date": "2026-01-02", "plan": "Walk daily. Rest."}
CLAIM = {"id": "c1", "language": "en", "how": "list", "text": "Walk.", "cites": ["a-1.plan"]}


@pytest.fixture(scope="module")
def ours():
    return read_material(OURS)


def folder(path: Path, *, note=NOTE, claim=CLAIM) -> Path:
    (path / "notes.jsonl").write_text(json.dumps(note) + "\n")
    (path / "claims.jsonl").write_text(json.dumps(claim) + "\n")
    return path


def test_there_are_enough_true_sentences_in_both_languages_and_across_them(ours):
    """150 in each language, 40 Hebrew ones on English notes and 20 the other way round."""
    count = Counter((one.language, one.how == "across") for one in ours[1])
    assert count["he", False] + count["he", True] >= 150
    assert count["en", False] + count["en", True] >= 150
    assert count["he", True] >= 40
    assert count["en", True] >= 20


def test_an_answer_across_languages_is_one(ours):
    """What is written in one language leans on notes of the other, and nothing else does."""
    for one in ours[1]:
        noted = "".join(passage.chunk.text for passage in one.cited)
        is_hebrew = any("א" <= sign <= "ת" for sign in noted)  # no English note holds one
        assert (one.how == "across") == (is_hebrew != (one.language == "he")), one.id


def test_every_sentence_has_a_name_of_its_own_and_one_client(ours):
    """So that a mutant is always of the same sentence, and a source of the client it is about."""
    assert len({one.id for one in ours[1]}) == len(ours[1])
    assert all({p.note.client for p in one.cited} == {one.client} for one in ours[1])


def test_every_passage_stands_in_its_note(ours):
    """Offsets count code points of the field."""
    for passage in ours[0].passages:
        chunk = passage.chunk
        assert passage.note.fields[chunk.field][chunk.start : chunk.end] == chunk.text


def test_before_the_gate_stand_the_cited_passages_and_those_of_somebody_else(ours):
    """Or a gate that looks at what is not cited could not be told from one that does not."""
    shelf, statements = ours
    for one in statements:
        seen = shelf.before(one)
        assert set(one.claim.passage_ids) <= {passage.id for passage in seen}
        assert len({passage.note.client for passage in seen}) == 2


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"cites": ["a-1.objective"]}, "a-1.objective"),
        ({"cites": []}, "c1"),
        ({"language": "fr"}, "c1"),
        ({"how": "shouted"}, "c1"),
    ],
)
def test_a_sentence_without_a_source_is_refused_by_name(tmp_path, changed, says):
    """The message names the sentence or the source that is none."""
    with pytest.raises(BadSettings, match=says):
        read_material(folder(tmp_path, claim=CLAIM | changed))


def test_a_row_that_lacks_something_is_refused_by_its_line(tmp_path):
    """As in every folder of this project."""
    lacking = {key: value for key, value in CLAIM.items() if key != "text"}
    with pytest.raises(BadSettings, match="line 1 lacks text"):
        read_material(folder(tmp_path, claim=lacking))


def test_every_sentence_of_a_practice_is_a_true_answer_about_itself():
    """A quote of its note, in the language it is written in."""
    shelf, statements = read_extractive(PRACTICE)
    assert {one.language for one in statements} == {"he", "en"}
    for one in statements:
        assert one.text in one.cited[0].chunk.text
        assert one.how == "verbatim"
    assert len(shelf.passages) >= len({one.cited[0].id for one in statements})
