"""Receipts as files: whole or not at all, each once."""

from uuid import uuid4

import pytest

from service.adapters.erasure.receipts import ReceiptFolder
from service.errors import BadReceipt, ReceiptNotWritten
from tests.unit.security.test_receipts import a_receipt


def test_each_receipt_is_a_file_once(tmp_path):
    """Written again, nothing changes; what is there is read back."""
    folder, receipts = ReceiptFolder(tmp_path), [a_receipt(), a_receipt()]
    assert folder.write(receipts[:1]) == 1
    assert folder.write(receipts) == 1
    assert folder.write(receipts) == 0
    assert folder.ids() == {one.id for one in receipts}
    assert folder.read(receipts[0].id) == receipts[0]
    late = uuid4()
    assert folder.lacking([receipts[0].id, late]) == {late}
    assert {path.suffix for path in tmp_path.iterdir()} == {".json"}


def test_without_a_folder_nothing_is_written():
    """The database and PazPaz's log keep them then."""
    folder = ReceiptFolder(None)
    assert folder.write([a_receipt()]) == 0
    assert folder.ids() == frozenset()
    assert folder.lacking([uuid4()]) == frozenset()


def test_a_folder_that_is_away_is_told(tmp_path):
    """A file where the folder should be, or a folder that is gone: one error, to be tried again."""
    gone = tmp_path / "gone"
    with pytest.raises(ReceiptNotWritten):
        ReceiptFolder(gone).ids()
    with pytest.raises(ReceiptNotWritten):
        ReceiptFolder(gone).write([a_receipt()])
    gone.write_text("")
    with pytest.raises(ReceiptNotWritten):
        ReceiptFolder(gone).write([a_receipt()])


def test_a_stray_file_is_told_and_a_broken_one_refused(tmp_path):
    """A name that is no id stops the reading; a receipt that is none is no receipt."""
    folder, broken = ReceiptFolder(tmp_path), uuid4()
    (tmp_path / f"{broken}.json").write_text("{}")
    with pytest.raises(BadReceipt):
        folder.read(broken)
    (tmp_path / "notes.json").write_text("{}")
    with pytest.raises(ReceiptNotWritten):
        folder.ids()
