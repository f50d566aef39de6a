"""Encodings with one spelling for each value."""

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.security.strict import base64url

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/= "


@given(st.binary(max_size=40))
def test_any_bytes_are_read_from_their_one_spelling(raw):
    """What others write without padding is read as the bytes that they wrote."""
    assert base64url(urlsafe_b64encode(raw).decode().rstrip("=")) == raw


@pytest.mark.parametrize("letter", LETTERS[:64])
def test_a_text_may_end_in_any_letter(letter):
    """The last one is part of the value, whichever it is."""
    assert base64url(f"QUJ{letter}") == b"AB" + bytes([1 << 6 | LETTERS.index(letter)])


@given(st.text(LETTERS, max_size=12))
def test_no_other_text_is_read(text):
    """A text is refused, or it is the one that its bytes would be written as."""
    try:
        raw = base64url(text)
    except ValueError:
        return
    assert urlsafe_b64encode(raw).decode().rstrip("=") == text


@pytest.mark.parametrize("text", ["QQ==", "QQ=", "QR", "Q", "QUJD=", "Q-+_", "QQ QQ"])
def test_a_twin_is_refused(text):
    """Padding, spare bits, a lone letter, the other alphabet and blanks."""
    with pytest.raises(ValueError, match=r".*"):
        base64url(text)
