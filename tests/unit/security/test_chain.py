"""A chain of hashes: whatever is done to it afterwards, the first bad place is named."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pazpaz_ai_client.signing import PrivateKey
from service.domain.audit import AuditEntry, AuditRow
from service.domain.identity import UserId
from service.security.chain import GENESIS, BadLink, ChainCheck, Checkpoint, linked
from tests.fakes import NOW, OTHER_WORKSPACE, WORKSPACE

KEY, STRANGER = PrivateKey.generate("ai-2026-11-a"), PrivateKey.generate("ai-2026-11-a")
KEYS = {KEY.keyid: KEY.public.key}
USER = UserId(UUID(int=21))
LENGTH = 8
LONG_AGO = timedelta(days=800)


def a_chain(length: int = LENGTH, *, at=NOW, workspace=WORKSPACE) -> list[AuditRow]:
    rows: list[AuditRow] = []
    for seq in range(1, length + 1):
        entry = AuditEntry("history.read", user=USER, details={"n": seq, "word": "שלום"})
        before = rows[-1].hash if rows else GENESIS
        rows.append(
            linked(
                entry,
                workspace=workspace,
                seq=seq,
                at=at + timedelta(seconds=seq),
                previous=before,
            )
        )
    return rows


def a_checkpoint(rows: list[AuditRow], seq: int, *, key=KEY, at=NOW) -> Checkpoint:
    return Checkpoint(WORKSPACE, seq, rows[seq - 1].hash, at, key.keyid).signed_by(key.key)


def first_bad_link(rows, *, length=LENGTH, checkpoints=()) -> BadLink | None:
    check = ChainCheck(WORKSPACE, length, checkpoints, KEYS, prunable_before=NOW - LONG_AGO / 2)
    return check.first_bad_link(rows)


def relinked(rows: list[AuditRow], since: int) -> list[AuditRow]:
    """As an attacker with the code would: every hash from a place on made anew."""
    done = rows[: since - 1]
    for seq, row in enumerate(rows[since - 1 :], since):
        before = done[-1].hash if done else GENESIS
        done.append(linked(row.entry, workspace=WORKSPACE, seq=seq, at=row.at, previous=before))
    return done


def test_a_whole_chain_holds():
    """As it was written, with and without checkpoints, also when it is empty."""
    rows = a_chain()
    assert first_bad_link(rows) is None
    assert first_bad_link(rows, checkpoints=[a_checkpoint(rows, n) for n in (3, LENGTH)]) is None
    assert first_bad_link([], length=0) is None


def other(row: AuditRow, **changes: object) -> AuditRow:
    return replace(row, **changes)  # type: ignore[arg-type]


def of_entry(**changes: object) -> Callable[[AuditRow], AuditRow]:
    return lambda row: replace(row, entry=replace(row.entry, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("alter", "fault"),
    [
        (of_entry(user=UserId(UUID(int=22))), "altered"),
        (of_entry(user=None), "altered"),
        (of_entry(action="refused"), "altered"),
        (of_entry(chat=UUID(int=5)), "altered"),
        (of_entry(details={"n": 4}), "altered"),
        (of_entry(details={"n": 4, "word": "שלום", "more": None}), "altered"),
        (of_entry(details={"n": 4.5, "word": "שלום"}), "altered"),
        (lambda row: other(row, at=row.at + timedelta(microseconds=1)), "altered"),
        (lambda row: other(row, hash=bytes(32)), "altered"),
        (lambda row: other(row, previous=bytes(32)), "unlinked"),
        (lambda row: other(row, workspace=OTHER_WORKSPACE), "foreign"),
        (lambda row: other(row, seq=99), "missing"),
    ],
)
def test_an_altered_row_is_named(alter, fault):
    """Every column counts, to the microsecond."""
    rows = a_chain()
    rows[3] = alter(rows[3])
    assert first_bad_link(rows) == BadLink(WORKSPACE, 4, fault)


def test_a_missing_row_is_named_by_its_number():
    """The first one that is not there."""
    rows = a_chain()
    assert first_bad_link(rows[:2] + rows[4:]) == BadLink(WORKSPACE, 3, "missing")
    assert first_bad_link(rows[1:]) == BadLink(WORKSPACE, 1, "missing")


def test_a_cut_tail_is_known_by_the_head_or_a_checkpoint():
    """Even when the head was counted down, what was signed is remembered."""
    rows = a_chain()
    assert first_bad_link(rows[:5]) == BadLink(WORKSPACE, 6, "truncated")
    assert first_bad_link([]) == BadLink(WORKSPACE, 1, "truncated")
    assert first_bad_link(rows[:5], length=5) is None
    points = [a_checkpoint(rows, LENGTH)]
    assert first_bad_link(rows[:5], length=5, checkpoints=points).fault == "truncated"


def test_rows_in_another_order_do_not_pass():
    """Their numbers stay with them, or their hashes tell."""
    rows = a_chain()
    rows[2], rows[3] = rows[3], rows[2]
    assert first_bad_link(rows) == BadLink(WORKSPACE, 3, "missing")
    renumbered = [replace(row, seq=n) for n, row in enumerate(rows, 1)]
    assert first_bad_link(renumbered).seq == 3


def test_what_was_rewritten_up_to_a_checkpoint_is_seen():
    """Hashes can be made anew by anybody; a signature cannot."""
    rows = a_chain()
    points = [a_checkpoint(rows, 5)]
    forged = [*rows[:2], of_entry(user=None)(rows[2]), *rows[3:]]
    forged = relinked(forged, 3)
    assert first_bad_link(forged) is None, "without a checkpoint nobody could tell"
    assert first_bad_link(forged, checkpoints=points) == BadLink(WORKSPACE, 5, "checkpoint")
    resigned = [a_checkpoint(forged, 5, key=STRANGER)]
    assert first_bad_link(forged, checkpoints=resigned) == BadLink(WORKSPACE, 5, "checkpoint")


@pytest.mark.parametrize(
    "change",
    [
        {"seq": 6},
        {"hash": bytes(32)},
        {"at": NOW + timedelta(seconds=1)},
        {"keyid": "ai-2026-11-b"},
        {"workspace": OTHER_WORKSPACE},
        {"signature": bytes(64)},
        {"signature": b""},
    ],
)
def test_a_checkpoint_holds_for_what_it_signed_only(change):
    """None of its fields can be another's."""
    point = a_checkpoint(a_chain(), 5)
    assert point.holds(KEYS)
    assert not replace(point, **change).holds(KEYS)


def test_an_old_beginning_may_be_gone_up_to_an_old_checkpoint():
    """Pruned after the time the law asks for; the same with young rows is a missing beginning."""
    rows = a_chain()
    old, young = (a_checkpoint(rows, 4, at=at) for at in (NOW - LONG_AGO, NOW))
    assert first_bad_link(rows[4:], checkpoints=[old]) is None
    assert first_bad_link(rows[4:], checkpoints=[young]) == BadLink(WORKSPACE, 1, "missing")
    backdated = replace(young, at=NOW - LONG_AGO)
    assert first_bad_link(rows[4:], checkpoints=[backdated]).fault == "missing"
    assert first_bad_link(rows[5:], checkpoints=[old]).fault == "missing"
    whole = a_checkpoint(rows, LENGTH, at=NOW - LONG_AGO)
    assert first_bad_link([], checkpoints=[whole]) is None


@given(data=st.data())
def test_no_tampering_passes(data):
    """Whatever one row is done, somewhere, is seen at that row or before the next."""
    length = data.draw(st.integers(2, 12))
    rows = a_chain(length)
    place = data.draw(st.integers(0, length - 1))
    how = data.draw(st.sampled_from(["drop", "swap", "repeat", "user", "details", "hash", "at"]))
    row = rows[place]
    if how == "drop":
        del rows[place]
    elif how == "swap":
        elsewhere = data.draw(st.integers(0, length - 1).filter(lambda n: n != place))
        rows[place], rows[elsewhere] = rows[elsewhere], row
        place = min(place, elsewhere)
    elif how == "repeat":
        rows.insert(place, row)
    elif how == "user":
        rows[place] = of_entry(user=UserId(UUID(int=99)))(row)
    elif how == "details":
        rows[place] = of_entry(details={"n": data.draw(st.integers()), "x": 1})(row)
    elif how == "hash":
        rows[place] = replace(row, hash=data.draw(st.binary(min_size=32, max_size=32)))
    else:
        rows[place] = replace(row, at=row.at + timedelta(microseconds=data.draw(st.integers(1, 9))))
    bad = first_bad_link(rows, length=length)
    assert bad is not None
    assert place + 1 <= bad.seq <= place + 2


def test_the_form_that_is_hashed_does_not_change():
    """A trail must verify for years: this hash was made once, and stands."""
    entry = AuditEntry("history.read", user=USER, chat=UUID(int=7), details={"b": 1, "a": ["ש"]})
    row = linked(entry, workspace=WORKSPACE, seq=1, at=NOW, previous=GENESIS)
    assert row.hash.hex() == "3c28360b9a39d2342b738884873c6f4c05dabe0bd9c04668a0d0b69ed6213969"


def test_the_form_can_be_made_without_us():
    """A prefix, and the row as JSON with sorted names and no blanks: an auditor needs nothing of ours."""
    entry = AuditEntry("history.read", user=USER, chat=UUID(int=7), details={"b": 1, "a": ["ש"]})
    row = linked(entry, workspace=WORKSPACE, seq=1, at=NOW, previous=GENESIS)
    told = {
        "workspace": str(WORKSPACE),
        "seq": 1,
        "at": "2026-11-01T09:00:00.000000Z",
        "action": "history.read",
        "user": str(USER),
        "chat": str(UUID(int=7)),
        "details": {"b": 1, "a": ["ש"]},
        "previous": "00" * 32,
    }
    canonical = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(b"pazpaz-ai.audit-row.v1\n" + canonical.encode()).digest() == row.hash
