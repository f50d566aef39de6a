"""Receipts outside the database: one file each, so that a restored database can be told what it must forget."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from service.domain.erasure import SignedReceipt
from service.errors import BadReceipt, ReceiptNotWritten
from service.security.receipts import from_json, to_json


@dataclass(frozen=True, slots=True)
class ReceiptFolder:
    """A folder that outlives the database; None: receipts are kept in the database and in PazPaz's log only."""

    path: Path | None

    def ids(self) -> frozenset[UUID]:
        """Of the files there are. Raises ReceiptNotWritten when the folder cannot be read."""
        try:
            return frozenset(_id_of(path) for path in self._files())
        except (OSError, ValueError):
            raise ReceiptNotWritten from None

    def lacking(self, ids: Iterable[UUID]) -> frozenset[UUID]:
        """Those that have no file and should. Raises ReceiptNotWritten when the folder cannot be read."""
        return frozenset() if self.path is None else frozenset(ids) - self.ids()

    def _files(self) -> Iterator[Path]:
        """`glob` would say that a folder which is gone, or which we may not read, is empty."""
        there = () if self.path is None else self.path.iterdir()
        return (path for path in there if path.suffix == ".json")

    def read(self, id: UUID) -> SignedReceipt:
        """Raises BadReceipt."""
        try:
            return from_json(self._at(id).read_text())
        except (OSError, UnicodeDecodeError):
            raise BadReceipt from None

    def write(self, receipts: Iterable[SignedReceipt]) -> int:
        """Those that are not there yet; how many. Raises ReceiptNotWritten; a later try writes the rest."""
        given = {one.id: one for one in receipts}
        lacking = self.lacking(given)
        try:
            for id in lacking:
                _write(self._at(id), to_json(given[id]))
        except OSError:
            raise ReceiptNotWritten from None
        return len(lacking)

    def _at(self, id: UUID) -> Path:
        assert self.path is not None  # noqa: S101 - without a folder no id is there or lacking
        return self.path / f"{id}.json"


def _id_of(path: Path) -> UUID:
    return UUID(path.stem)


def _write(path: Path, text: str) -> None:
    """Whole or not at all, and on the disk before it counts."""
    draft = path.with_suffix(".new")
    with draft.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
