"""Rows of PazPaz's records answer, one by one."""

from uuid import uuid4

import pytest
from pydantic import ValidationError

from service.adapters.pazpaz.monolith import _merge, _Records
from service.domain.notes import Pulled
from tests.fakes import WORKSPACE

NOTHING = Pulled({}, {}, {})


def a_row(**changes: object) -> dict[str, object]:
    row = {"id": str(uuid4()), "client_id": str(uuid4()), "is_draft": False, "version": 1}
    times = {"session_date": "2026-10-01T09:00:00Z", "updated_at": "2026-10-01T10:00:00Z"}
    return {**row, **times, "subjective": "Slept well.", **changes}


def test_a_malformed_row_is_unreadable_and_its_neighbours_are_read() -> None:
    """One row of the wrong shape is reported by its id; the others of the batch arrive."""
    good, bad = a_row(), a_row(session_date="yesterday")

    pulled = _merge(NOTHING, _Records(sessions=[good, bad], clients=[]), WORKSPACE)

    assert [str(key) for key in pulled.sessions] == [good["id"]]
    assert {str(key): why for key, why in pulled.unreadable.items()} == {bad["id"]: "malformed"}


def test_a_row_that_names_nobody_spoils_the_answer() -> None:
    """Without an id nobody can say which note is meant, so nothing of the answer is used."""
    with pytest.raises(ValidationError):
        _merge(NOTHING, _Records(sessions=[{"text": "x"}], clients=[]), WORKSPACE)


def test_lone_surrogates_keep_every_offset() -> None:
    """What JSON allows and UTF-8 does not is replaced one for one."""
    row = a_row(subjective="a\ud800b 🙂 c")

    pulled = _merge(NOTHING, _Records(sessions=[row], clients=[]), WORKSPACE)

    (note,) = pulled.sessions.values()
    assert note.fields["subjective"] == "a\ufffdb 🙂 c"
