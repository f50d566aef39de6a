"""False sentences made of true ones."""

import ast
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.demo.trust import edits, mutate, sources, values, wording, words
from service.demo.trust.material import read_material
from service.demo.trust.mutate import HELD_OUT, KINDS, PER_KIND, kinds, mutants, of

OURS = Path(__file__).parents[3] / "data" / "trust"
SHELF, STATEMENTS = read_material(OURS)
BY_ID = {one.id: one for one in STATEMENTS}


def made(kind: str, text: str, *, like: str = "daniel-en-01") -> set[str]:
    """The texts that a kind makes of a sentence, whatever the dice say."""
    statement = replace(BY_ID[like], text=text)
    dice = [Random(seed) for seed in range(30)]  # noqa: S311 - no secret is made of it
    return {one.text for some in dice for one in KINDS[kind](statement, SHELF, some)}


def test_a_third_of_the_kinds_is_held_out():
    """They come with --held-out, and with nothing else."""
    assert len(HELD_OUT) * 3 == len(KINDS)
    assert set(kinds(held_out=True)) == HELD_OUT
    assert not HELD_OUT & set(kinds(held_out=False))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_makes_well_formed_sentences_that_say_something_else(kind):
    """Other words or other sources, never both; of both languages; no blanks doubled, nothing empty."""
    found = mutants(STATEMENTS, SHELF, [kind])
    assert {one.statement.language for one in found} == {"he", "en"}
    for one in found:
        reworded = one.statement.text != one.origin.text
        assert reworded == (one.statement.cited == one.origin.cited)
        assert replace(one.statement, text="", cited=()) == replace(one.origin, text="", cited=())
        assert one.statement.text == one.statement.text.strip() != ""
        assert "  " not in one.statement.text


@pytest.mark.parametrize("language", ["he", "en"])
def test_there_are_enough_without_those_held_out(language):
    """300 of each language, and no kind has more than its share."""
    found = [one for one in mutants(STATEMENTS, SHELF, kinds(held_out=False))]
    mine = [one.kind for one in found if one.statement.language == language]
    assert len(mine) >= 300
    assert max(map(mine.count, KINDS)) <= PER_KIND


def test_the_same_seed_makes_the_same_and_another_one_others():
    """A run can be repeated, and one set of dice proves nothing alone."""
    names = kinds(held_out=False)
    assert mutants(STATEMENTS, SHELF, names) == mutants(STATEMENTS, SHELF, names)
    assert mutants(STATEMENTS, SHELF, names) != mutants(STATEMENTS, SHELF, names, seed=2)


def test_what_is_known_to_be_true_as_well_is_no_mutant():
    """By its text, or by the source it may have too."""
    one = BY_ID["daniel-en-22"]
    wrong = of(one, SHELF, "counted")[0].statement.text
    known = replace(one, also_true=frozenset({wrong}))
    assert wrong not in {mutant.statement.text for mutant in of(known, SHELF, "counted")}
    others = frozenset(SHELF.place(passage) for passage in SHELF.passages)
    known = replace(one, also_true=others)
    assert not of(known, SHELF, "swapped client")


def test_what_a_cited_note_says_word_for_word_is_no_mutant():
    """ "No leg pain" may stand beside "leg pain" in one note."""
    passage = BY_ID["daniel-en-08"].cited[0]
    said = passage.chunk.text.replace("left", "right")
    both = replace(passage, chunk=replace(passage.chunk, text=passage.chunk.text + " " + said))
    one = replace(BY_ID["daniel-en-08"], text="Ankle reflex reduced on the left.", cited=(both,))
    assert of(replace(one, cited=(passage,)), SHELF, "side")
    assert not of(one, SHELF, "side")


@pytest.mark.parametrize(
    ("kind", "text", "false"),
    [
        ("side", "The left knee hurts.", "The right knee hurts."),
        ("dose", "Takes 2.5 mg.", "Takes 25 mg."),
        ("dose", "Takes 2.5 mg.", "Takes 2.5 mcg."),
        ("negation", "He denied pain.", "He reported pain."),
        ("negation", "He is calm.", "He is not calm."),
        ("exchanged", "It went from 4 to 6.", "It went from 6 to 4."),
        ("exchanged", "Left 4/10 and right 6/10.", "Left 6/10 and right 4/10."),
        (
            "exchanged",
            "Cold on the left, warm on the right.",
            "Cold on the right, warm on the left.",
        ),
        ("direction", "Sleep improved.", "Sleep worsened."),
        ("subject", "His wife called.", "His mother called."),
        ("subject", "Daniel cried.", "Daniel's sister cried."),
        ("time", "She takes walks.", "She used to take walks."),
        ("counted", "Twice a day.", "Four times a day."),
    ],
)
def test_a_kind_changes_what_it_is_named_after(kind, text, false):
    """And leaves the rest as it was."""
    assert false in made(kind, text)


@pytest.mark.parametrize(
    ("kind", "text", "false"),
    [
        ("side", "כאב ביד שמאל.", "כאב ביד ימין."),
        ("side", "בצד הימני.", "בצד השמאלי."),
        ("negation", "ללא כאב.", "עם כאב."),
        ("negation", "היא ישנה.", "היא לא ישנה."),
        ("dose", 'נטל 5 מ"ג.', 'נטל 5 מק"ג.'),
        ("direction", "הכאב ירד.", "הכאב עלה."),
        ("subject", "בעלה עזר.", "אחיה עזר."),
        ("exchanged", "מ-4 ל-6.", "מ-6 ל-4."),
        ("counted", "פעמיים ביום.", "ארבע פעמים ביום."),
    ],
)
def test_hebrew_words_are_changed_behind_their_prefixes(kind, text, false):
    """ "בשמאל" becomes "בימין", and ללא is not ל with לא."""
    assert false in made(kind, text, like="ronit-he-01")


def test_nothing_is_changed_that_only_looks_like_a_value():
    """A range the other way round is the same range; "may" is no month; what was left is no side."""
    assert made("exchanged", "Sleeps 4 to 5 hours.") == set()
    assert made("date", "It may be so.") == set()
    assert made("side", "It was left unchanged.") == set()
    assert made("direction", "בעלה עזר.", like="ronit-he-01") == set()
    assert made("number", "GAD-7 and L5/S1.") == set()


@given(st.text(max_size=60), st.sampled_from(list(KINDS)), st.sampled_from(["he", "en"]))
def test_any_text_can_be_mutated(text, kind, language):
    """No sentence stops a run, whatever stands in it, and none is its own mutant."""
    statement = replace(STATEMENTS[0], text=text, language=language)
    for one in of(statement, SHELF, kind):
        assert (one.statement.text, one.statement.cited) != (text, statement.cited)


def test_the_mutator_knows_nothing_of_what_the_gate_knows():
    """Its modules import neither the language package nor the gate: their words are their own."""
    for module in (edits, mutate, sources, values, wording, words):
        tree = ast.walk(ast.parse(Path(module.__file__).read_text()))
        imports = [one for one in tree if isinstance(one, ast.Import | ast.ImportFrom)]
        names = {getattr(one, "module", None) or one.names[0].name for one in imports}
        assert names
        assert not {name for name in names if name.startswith(("service.language", "service.chat"))}
