"""Vectors as bytes, and columns put together."""

from datetime import date
from uuid import UUID

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from service.domain.identity import ClientId
from service.domain.notes import NoteRef
from service.vectors import DIMENSION
from service.vectors.bits import encode
from service.vectors.blocks import Packed, open_codes, open_rows, pack, pack_codes, unpack
from service.vectors.merging import codes_without, merged_codes, merged_rows, without
from service.vectors.note_rows import NoteRows, joined, note_rows
from service.vectors.rows import ChunkCodes, ChunkRows
from tests.fakes import WORKSPACE

CLIENT, DAY = ClientId(UUID(int=5)), date(2026, 3, 1)
names = st.sampled_from(["subjective", "plan", "הערות", "x" * 300])
places = st.lists(st.tuples(names, st.integers(0, 65535)), max_size=6, unique=True)
practices = st.lists(places.filter(bool), max_size=5)

unhurried = settings(deadline=None, max_examples=50)


def rows_of(chunks: list[tuple[str, int]], seed: int = 0) -> NoteRows:
    return note_rows(
        chunks, np.random.default_rng(seed).standard_normal((len(chunks), DIMENSION)).tolist()
    )


def known(rows: ChunkRows | NoteRows) -> dict[object, bytes]:
    """Each chunk's vector by its place."""
    if isinstance(rows, NoteRows):
        return {place: half.tobytes() for place, half in zip(rows.places, rows.halves, strict=True)}
    at = rows.placed
    return {
        (at.notes[note], at.clients[note], at.days[note], at.fields[field], int(ordinal)): bytes(
            half
        )
        for note, field, ordinal, half in zip(
            at.note, at.field, at.ordinal, rows.halves, strict=True
        )
    }


def packed(number: int, rows: NoteRows) -> Packed:
    ref = NoteRef(WORKSPACE, "sessions", UUID(int=number))
    return Packed(ref, CLIENT, DAY if number % 2 else None, pack(rows))


NONE = note_rows([], [])


def expected(practice: list[list[tuple[str, int]]]) -> dict[object, bytes]:
    return {
        (packed(number, NONE).ref, CLIENT, DAY if number % 2 else None, *place): vector
        for number, chunks in enumerate(practice)
        for place, vector in known(rows_of(chunks, number)).items()
    }


@unhurried
@given(places.filter(bool))
def test_a_note_comes_back_as_it_was(chunks: list[tuple[str, int]]) -> None:
    """Fields, numbers and vectors, whatever the fields are called."""
    rows = rows_of(chunks)
    assert known(unpack(pack(rows))) == known(rows)
    assert unpack(pack(rows)).places == chunks


@unhurried
@given(practices)
def test_a_practice_is_its_notes(practice: list[list[tuple[str, int]]]) -> None:
    """Opened together or in two parts, each chunk keeps its note, client, day, field, number and vector."""
    notes = [packed(number, rows_of(chunks, number)) for number, chunks in enumerate(practice)]
    assert known(open_rows(notes)) == expected(practice)
    halfway = len(notes) // 2
    parts = [open_rows(notes[:halfway]), open_rows(notes[halfway:])]
    assert known(merged_rows(parts)) == expected(practice)
    assert open_rows(notes).halves.shape == (sum(map(len, practice)), DIMENSION)


@unhurried
@given(practices)
def test_codes_are_those_of_the_vectors(practice: list[list[tuple[str, int]]]) -> None:
    """A note's codes opened by themselves are what its vectors' are."""
    notes = [packed(number, rows_of(chunks, number)) for number, chunks in enumerate(practice)]
    coded = [
        Packed(one.ref, one.client, one.day, pack_codes(rows_of(chunks, number)))
        for number, (one, chunks) in enumerate(zip(notes, practice, strict=True))
    ]
    rows, codes = open_rows(notes), merged_codes([open_codes(coded[:1]), open_codes(coded[1:])])
    signs, corrections = encode(rows.halves)
    assert np.array_equal(codes.signs, signs)
    assert np.array_equal(codes.corrections, corrections)
    assert codes.placed.note.tolist() == rows.placed.note.tolist()


@unhurried
@given(practices, st.sets(st.integers(0, 4)))
def test_without_some_notes_the_others_stay(
    practice: list[list[tuple[str, int]]], gone: set[int]
) -> None:
    """Rows and codes of the other notes, at their places."""
    rows = open_rows([packed(n, rows_of(chunks, n)) for n, chunks in enumerate(practice)])
    refs = {NoteRef(WORKSPACE, "sessions", UUID(int=number)) for number in gone}
    left = without(rows, refs)
    assert known(left) == {
        place: one for place, one in expected(practice).items() if place[0] not in refs
    }
    codes = codes_without(ChunkCodes(rows.placed, *encode(rows.halves)), refs)
    assert np.array_equal(codes.signs, encode(left.halves)[0])
    assert codes.placed.notes == left.placed.notes
    assert not refs & set(left.placed.notes)


@unhurried
@given(places, places, st.sets(names))
def test_what_stays_and_what_is_new_are_one_note(
    old: list[tuple[str, int]], new: list[tuple[str, int]], kept: set[str]
) -> None:
    """The chunks of kept fields, then the new ones."""
    stays, fresh = rows_of(old, 1).of(kept), rows_of(new, 2)
    assert stays.places == [place for place in old if place[0] in kept]
    assert joined(stays, fresh).places == stays.places + new
    assert np.array_equal(joined(stays, fresh).halves, np.concatenate([stays.halves, fresh.halves]))


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1e6])
def test_a_number_that_no_half_holds_is_refused(number: float) -> None:
    """As the column of halves would: it is no vector, and would be near nothing or everything."""
    with pytest.raises(ValueError, match="none"):
        note_rows([("plan", 0)], [[number] + [0.0] * (DIMENSION - 1)])
