"""What is sealed opens in its one place, and nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import SealBroken
from service.security.sealing import seal, unseal

KEY = bytes(range(32))
PLACE = ("turns", "workspace-1", "turn-1", "question")


def opens(blob: bytes, *, key: bytes = KEY, place: tuple[str, ...] = PLACE) -> bool:
    try:
        unseal(blob, key=key, place=place)
    except SealBroken:
        return False
    return True


@given(st.binary(max_size=2000), st.lists(st.text(max_size=20), max_size=5).map(tuple))
def test_what_was_sealed_opens_to_the_same_bytes(plain, place):
    """Any bytes, the empty ones too, come back from any place."""
    blob = seal(plain, key=KEY, place=place)
    assert unseal(blob, key=KEY, place=place) == plain
    assert len(plain) < 8 or plain not in blob


@given(
    st.lists(st.text(max_size=8), max_size=4).map(tuple),
    st.lists(st.text(max_size=8), max_size=4).map(tuple),
)
def test_no_two_places_are_the_same(one, other):
    """A value opens in another place only when that place is the same, however the parts are cut."""
    assert opens(seal(b"x", key=KEY, place=one), place=other) == (one == other)


@pytest.mark.parametrize("part", range(len(PLACE)))
def test_a_value_moved_along_any_part_of_its_place_stays_shut(part):
    """Another table, workspace, row or column: each alone is enough."""
    moved = (*PLACE[:part], PLACE[part] + "x", *PLACE[part + 1 :])
    assert opens(seal(b"text", key=KEY, place=PLACE))
    assert not opens(seal(b"text", key=KEY, place=PLACE), place=moved)


@pytest.mark.parametrize(
    "other",
    [
        PLACE[::-1],
        PLACE[:-1],
        (*PLACE, ""),
        ("".join(PLACE),),
        (),
        ("turnsw", "orkspace-1", *PLACE[2:]),
    ],
    ids=["reversed", "shorter", "longer", "joined", "empty", "other cut"],
)
def test_the_parts_of_a_place_cannot_be_shifted(other):
    """The same letters cut differently are another place."""
    assert not opens(seal(b"text", key=KEY, place=PLACE), place=other)


def test_every_altered_byte_is_noticed():
    """One flipped bit anywhere, the version and nonce included, breaks the seal."""
    blob = seal(b"a sentence", key=KEY, place=PLACE)
    altered = [
        blob[:place] + bytes([blob[place] ^ 1]) + blob[place + 1 :] for place in range(len(blob))
    ]
    assert opens(blob)
    assert not any(opens(one) for one in altered)


def test_a_cut_or_lengthened_blob_stays_shut():
    """Nothing shorter or longer opens, and none of it raises another error."""
    blob = seal(b"a sentence", key=KEY, place=PLACE)
    assert not any(opens(blob[:length]) for length in range(len(blob)))
    assert not opens(blob + b"\0")


def test_another_key_does_not_open_it():
    """A key that differs in its last bit is another key."""
    assert not opens(seal(b"text", key=KEY, place=PLACE), key=KEY[:-1] + b"\x00")


def test_the_same_text_is_never_sealed_the_same_way():
    """A nonce is fresh each time, so equal texts do not look equal at rest."""
    blobs = {seal(b"text", key=KEY, place=PLACE) for _ in range(100)}
    assert len(blobs) == 100
    assert len({blob[1:13] for blob in blobs}) == 100
