"""Words of a question as somebody's name may stand among them."""

import pytest

from service.language import everyday
from service.language.naming import PREFIXES, said, without_prefix
from service.language.text import tokens


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("How is Mark", ["none", "small", "capital"]),
        ("Mark is. Mark", ["none", "small", "none"]),
        ("Mark's dr. Mark", ["capital", "small", "capital"]),
        ("HOW IS MARK", ["none", "none", "none"]),
        ("How Is Mark", ["none", "none", "none"]),
        ("מה עם Mark דנה", ["none", "none", "capital", "none"]),
    ],
)
def test_a_capital_says_something_inside_a_sentence(text, letters):
    """Not where one begins, unless something is owned; nor where every word has one."""
    assert [word.letter for word in said(text).words] == letters


def test_who_owns_is_a_word_too():
    """With either apostrophe; and "OBrien" is nobody's "obrien"."""
    assert [word.bare for word in said("Dana's Dana\u2019s O'Brien").words] == [
        ("danas", "dana"),
        ("danas", "dana"),
        ("obrien",),
    ]


def test_prefixes_come_in_their_order():
    """And, that, to: in no other; two letters of a name stay."""
    assert {"", "ו", "של", "וכשל", "מ"} <= PREFIXES
    assert PREFIXES.isdisjoint({"ה", "לו", "בש", "ללל"})
    assert list(without_prefix("ולדנה")) == [("", "ולדנה"), ("ו", "לדנה"), ("ול", "דנה")]
    assert list(without_prefix("לי")) == [("", "לי")]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("her brother David", "HRW"),
        ("brother of Dana and whose", "ROWAH"),
        ("האח שלו בשם דוד", "RPNR"),
        ("לאחיו של דנה בשבת", "sOWW"),
        ("ואמא של דנה", "rOW"),
    ],
)
def test_each_word_has_a_kind(text, kinds):
    """Relatives, owners and the like; small with a prefix, and not where the whole is another word."""
    assert said(text).kinds == kinds


def test_every_listed_word_is_one_word():
    """A list that holds what no text can be is a slip of the pen."""
    for name, forms in vars(everyday).items():
        if isinstance(forms, frozenset):
            assert all(tokens(form) == [form] for form in forms), name
