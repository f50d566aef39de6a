"""Cutting notes into chunks."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from service.language.chunking import LIMIT, chunk_field, chunk_note
from tests.fakes import a_note

texts = st.text(alphabet=st.sampled_from("אבג. \n?-1"), max_size=60).map(lambda text: text * 40)


@given(texts | st.text())
def test_chunks_are_exact_and_leave_nothing_out(text):
    """A chunk is the field's own text, in bounds and numbered; every code point that is not blank is in one."""
    chunks = chunk_field("plan", text)
    covered = {place for chunk in chunks for place in range(chunk.start, chunk.end)}

    assert all(chunk.text == text[chunk.start : chunk.end] for chunk in chunks)
    assert all(0 < len(chunk.text) <= LIMIT and chunk.text.strip() for chunk in chunks)
    assert [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))
    assert covered >= {place for place, c in enumerate(text) if not c.isspace()}


def test_a_short_field_stays_whole():
    """Most fields are one chunk."""
    [chunk] = chunk_field("plan", " שתי פגישות. ואז הפסקה.\n")

    assert chunk.text == "שתי פגישות. ואז הפסקה."


def test_a_long_field_is_cut_at_sentence_ends_with_one_sentence_of_overlap():
    """What hangs over a cut is found in one piece."""
    text = " ".join(f"Sentence number {n} is about sleep and work." for n in range(60))
    chunks = chunk_field("plan", text)

    assert all(chunk.text.startswith("Sentence") for chunk in chunks)
    assert all(chunk.text.endswith("work.") for chunk in chunks)
    assert all(a.end > b.start for a, b in itertools.pairwise(chunks))


def test_a_sentence_longer_than_the_limit_is_cut_hard():
    """A wall of text without a full stop still becomes searchable."""
    assert [len(chunk.text) for chunk in chunk_field("plan", "x" * (2 * LIMIT + 1))] == [
        LIMIT,
        LIMIT,
        1,
    ]


def test_fields_are_numbered_on_their_own():
    """An ordinal belongs to a field, not to the note."""
    chunks = chunk_note(a_note("one", plan="two", objective="  "))

    assert [(c.field, c.ordinal, c.text) for c in chunks] == [
        ("subjective", 0, "one"),
        ("plan", 0, "two"),
    ]
