"""A receipt as a file: what holds, and what is none."""

import json
from dataclasses import replace
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pazpaz_ai_client.signing import PrivateKey
from service.domain.erasure import Receipt, SignedReceipt, Subject
from service.errors import BadReceipt
from service.security.receipts import from_json, holds, sign, to_json
from tests.fakes import NOW, WORKSPACE

KEY = PrivateKey.generate("ai-2026-11-a")
RING = {KEY.keyid: KEY.public.key}


def a_receipt() -> SignedReceipt:
    subject = Subject(WORKSPACE, "clients", uuid4())
    return sign(Receipt(uuid4(), subject, NOW, "operator", {"bags": 2}, {"bags": 0}), KEY)


def test_a_receipt_survives_its_file():
    """Read back it is the same, and holds."""
    receipt = a_receipt()
    again = from_json(to_json(receipt))
    assert again == receipt
    assert holds(again, RING)
    assert again.subject.entity == "clients"


@pytest.mark.parametrize(
    "place",
    [
        ("receipt", "at"),
        ("receipt", "asked_by"),
        ("receipt", "removed"),
        ("keyid",),
        ("signature",),
    ],
)
def test_whatever_is_altered_no_longer_holds(place):
    """Each part is covered by the signature, the key's name included."""
    whole = json.loads(to_json(a_receipt()))
    part = whole
    for name in place[:-1]:
        part = part[name]
    part[place[-1]] = "AAAA"
    assert not holds(from_json(json.dumps(whole)), RING | {"AAAA": KEY.public.key})


def test_another_key_of_that_name_does_not_do():
    """Only the key we know by that name counts."""
    receipt = a_receipt()
    assert not holds(receipt, {KEY.keyid: PrivateKey.generate(KEY.keyid).public.key})


@given(
    st.one_of(
        st.text(),
        st.recursive(
            st.none() | st.text() | st.integers(),
            lambda s: (
                st.lists(s)
                | st.dictionaries(
                    st.sampled_from(
                        ["receipt", "keyid", "signature", "id", "workspace", "entity", "entity_id"]
                    ),
                    s,
                )
            ),
        ).map(json.dumps),
    )
)
def test_what_is_no_receipt_is_refused(text):
    """Whatever stands in the file, the answer is a receipt or one plain refusal."""
    with pytest.raises(BadReceipt):
        from_json(text)


def test_a_receipt_that_no_signature_can_cover_does_not_hold():
    """A number that the canonical form has no room for."""
    receipt = a_receipt()
    assert not holds(replace(receipt, told={**receipt.told, "removed": {"bags": 2**60}}), RING)


@pytest.mark.parametrize("text", ["[" * 100_000, "{", "null", "[1]", '{"receipt": []}'])
def test_a_file_of_another_shape_is_refused(text):
    """Deep, cut, or something else."""
    with pytest.raises(BadReceipt):
        from_json(text)


@pytest.mark.parametrize("odd", ["=", "\n", " ", "*", "é"])
def test_a_signature_has_one_spelling(odd):
    """Letters that a lenient reader would skip make another file, which is none."""
    whole = json.loads(to_json(a_receipt()))
    whole["signature"] = odd + whole["signature"]
    with pytest.raises(BadReceipt):
        from_json(json.dumps(whole))


@pytest.mark.parametrize("entity", ["users", "", None])
def test_a_receipt_of_nothing_we_erase_is_refused(entity):
    """The subject must be a note, a client or a workspace."""
    whole = json.loads(to_json(a_receipt()))
    whole["receipt"]["entity"] = entity
    with pytest.raises(BadReceipt):
        from_json(json.dumps(whole))
