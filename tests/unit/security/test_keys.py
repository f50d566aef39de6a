"""The key that wraps keys, and keyed digests."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import BadSettings, SealBroken
from service.security.keys import KeyEncryptionKey, digest, new_key, text_digest

SECRET = bytes(range(32))
KEK = KeyEncryptionKey(SECRET)
PLACE = ("workspace_keys", "workspace-1", "1", "seal")


def test_a_key_is_read_from_base64_with_its_line_break():
    """A key file ends with a line break, and that is no part of the key."""
    assert KeyEncryptionKey.from_base64(base64.b64encode(SECRET).decode() + "\n") == KEK


@pytest.mark.parametrize(
    "text",
    [
        "",
        base64.b64encode(SECRET[:-1]).decode(),
        base64.b64encode(SECRET + b"\0").decode(),
        base64.b64encode(SECRET).decode()[:-1],
        "!" + base64.b64encode(SECRET).decode(),
        SECRET.hex()[:32],
        "סוד",
        "\ufffd" * 44,
    ],
    ids=[
        "empty",
        "31 bytes",
        "33 bytes",
        "no padding",
        "foreign letter",
        "hex",
        "Hebrew",
        "binary",
    ],
)
def test_anything_but_32_bytes_is_refused_without_being_quoted(text):
    """A wrong key stops the start with a line that names the setting and not the value."""
    with pytest.raises(BadSettings) as caught:
        KeyEncryptionKey.from_base64(text)
    assert str(caught.value) == "KEY_ENCRYPTION_KEY: must be 32 bytes, base64"


async def test_a_wrapped_key_opens_only_under_its_own_kek_and_place():
    """Another wrapping key, workspace or purpose does not unwrap it."""
    inner = new_key()
    wrapped = await KEK.wrap(inner, place=PLACE)

    assert await KEK.unwrap(wrapped, place=PLACE) == inner
    assert inner not in wrapped
    with pytest.raises(SealBroken):
        await KeyEncryptionKey(new_key()).unwrap(wrapped, place=PLACE)
    with pytest.raises(SealBroken):
        await KEK.unwrap(wrapped, place=("workspace_keys", "workspace-2", "1", "seal"))


def test_a_kek_shows_its_id_and_never_itself():
    """Two keys have two ids, the id tells nothing of the key, and printing it shows no secret."""
    assert KEK.id == KeyEncryptionKey(SECRET).id
    assert KEK.id != KeyEncryptionKey(new_key()).id
    assert len(KEK.id) == 16
    assert KEK.id not in SECRET.hex()
    assert "\\x01\\x02" not in repr(KEK)


def test_new_keys_are_32_bytes_and_differ():
    """Every key is drawn anew."""
    keys = {new_key() for _ in range(20)}
    assert len(keys) == 20
    assert {len(key) for key in keys} == {32}


@given(st.lists(st.text(max_size=8), max_size=4), st.lists(st.text(max_size=8), max_size=4))
def test_a_digest_is_equal_exactly_for_equal_parts(one, other):
    """Parts cannot run into each other: ("ab", "c") is not ("a", "bc")."""
    assert (digest(SECRET, *one) == digest(SECRET, *other)) == (one == other)


def test_a_digest_is_bound_to_its_key():
    """Two workspaces never share a digest, so neither can test the other's text."""
    assert digest(SECRET, "text") != digest(SECRET[::-1], "text")
    assert len(digest(SECRET, "text")) == 32


def test_a_text_digest_is_of_one_field_and_no_more():
    """The same words in another field have another one, and no digest of chunks can be taken for it."""
    said = text_digest(SECRET, "plan", "rest")
    assert said == text_digest(SECRET, "plan", "rest")
    others = [text_digest(SECRET, "notes", "rest"), text_digest(SECRET, "plan", "rest.")]
    assert said not in [
        *others,
        digest(SECRET, "plan", "rest"),
        text_digest(SECRET[::-1], "plan", "rest"),
    ]


def test_a_lone_surrogate_has_a_digest_of_its_own():
    """Text that is no valid Unicode is hashed as it is, and not taken for something else."""
    assert len({digest(SECRET, text) for text in ("\ud800", "\ud801", "\ufffd", "?")}) == 4
