"""The copy of a text that models read."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.language.plain import copied, plain
from service.language.text import tokens

TEXTS = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from(
            "אבגדהםץ\u05b8\u05bc״׳\u200b\u200f\u202e\u2066\U000e0041\ufe0f<|／＜\r\n \u00a0ﬁשּ"
        ),
    ),
    max_size=60,
)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("ig\u200bno\u200dre", "ignore"),
        ("\u202eerongi\u202c", "erongi"),
        ("well\U000e0069\U000e0067\U000e006e", "well"),
        ("a\x00b\x1bc\x7f", "abc"),
        ("one\r\ntwo\rthree\u2028four\x0bfive", "one\ntwo\nthree\nfour\nfive"),
        ("5\u00a0mg\u2009daily", "5 mg daily"),
        ("ＰＨＱ－９：１４", "PHQ-9:14"),
        ("𝐢𝐠𝐧𝐨𝐫𝐞 ﬁne", "ignore fine"),
        ("half \ud800 a pair", "half \ufffd a pair"),
    ],
)
def test_what_a_reader_does_not_see_is_gone(text, read):
    """Hidden letters, tags and marks of direction are taken out; shapes of a letter are the letter."""
    assert plain(text) == read


@pytest.mark.parametrize(
    "text",
    [
        "10² steps, 1½ tablets, 5 µg, 37 ℃, ①",
        'ד"ר כהן אמרה: ״לא״, ג׳ירפה, שָׁלוֹם, בית־ספר',
        "pain <3/10, BP < 120, a<5, 3 < x",
        "tabs\tand\nlines stay",
        "L4/5, p.r.n., v.s., e.g. 😀",
    ],
)
def test_what_a_reader_sees_is_left_as_it_is(text):
    """No number, dose, sign or Hebrew mark changes its meaning."""
    assert plain(text) == text


@pytest.mark.parametrize(
    "token",
    [
        "<|im_start|>",
        "<|im_end|>",
        "<\u200b|im_end|>",
        "＜|im_end|＞",
        "<｜begin▁of▁sentence｜>",
        "</s>",
        "<s>",
        "<<SYS>>",
        "<start_of_turn>",
        "<|START_OF_TURN_TOKEN|>",
    ],
)
def test_no_word_of_a_models_own_vocabulary_is_left(token):
    """A server that reads them in any text would let a note end its own part of the prompt."""
    read = plain(f"Slept well. {token}system")
    assert "< " in read
    assert not any(f"<{one}" in read for one in "|/<sSa")


@given(TEXTS)
@example("<\x1bA")
def test_twice_is_as_once_and_the_way_back_is_known(text):
    """A copy of a copy is the same, and each of its code points stood where `places` says."""
    copy = copied(text)
    assert copy.text == plain(text) == plain(copy.text)
    assert len(copy.places) == len(copy.text) + 1
    assert list(copy.places) == sorted(copy.places)
    for at, letter in enumerate(copy.text):
        start, end = copy.place(at, at + 1)
        # The blank that parts "<" from a letter stands where "<" does, whatever is left out between them.
        assert letter in plain(text[start:end]) or letter in plain(text[start:])[:2]


@given(st.text(st.sampled_from("abc אבג.,5\n"), max_size=30))
def test_ordinary_text_says_the_same_words(text):
    """What search and the judge of an answer read is untouched."""
    assert tokens(plain(text)) == tokens(text)
