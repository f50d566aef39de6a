"""The audit trail's arithmetic: whatever is done to a chain, the check names the first place where it shows."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pazpaz_ai_client.signing import PrivateKey
from service.domain.audit import AuditEntry, AuditRow, months_before
from service.domain.identity import UserId, WorkspaceId
from service.security.chain import (
    CHECKPOINT_PREFIX,
    GENESIS,
    ROW_PREFIX,
    BadLink,
    ChainCheck,
    Checkpoint,
    linked,
    row_hash,
)
from tests.fakes import NOW, OTHER_WORKSPACE, WORKSPACE, first_bad_link

KEY, STRANGER = PrivateKey.generate("ai-2026-11-a"), PrivateKey.generate("ai-2026-11-b")
LONG_AGO = months_before(NOW) - timedelta(days=40)


@dataclass(frozen=True)
class History:
    """A workspace's rows and checkpoints, and what its head says."""

    rows: Sequence[AuditRow]
    points: Sequence[Checkpoint] = ()
    length: int = 0
    forwarded: int = 0
    checkpointed: int = 0
    workspace: WorkspaceId = WORKSPACE

    def check(self) -> tuple[int, str] | None:
        """The first bad link of what a database would hand out in order."""
        check = ChainCheck(
            workspace=self.workspace,
            length=self.length,
            checkpoints=self.points,
            keys={KEY.keyid: KEY.key.public_key()},
            prunable_before=months_before(NOW),
            forwarded=self.forwarded,
            checkpointed=self.checkpointed,
        )
        bad = first_bad_link(check, sorted(self.rows, key=lambda row: row.seq))
        assert bad is None or bad.workspace == self.workspace
        return (bad.seq, bad.fault) if bad else None

    def changed(self, seq: int, **values: object) -> "History":
        """With other values in one row; its hash stays."""
        rows = [replace(row, **values) if row.seq == seq else row for row in self.rows]
        return replace(self, rows=rows)

    def without(self, *seqs: int) -> "History":
        return replace(self, rows=[row for row in self.rows if row.seq not in seqs])

    def rewritten(self, seq: int, entry: AuditEntry) -> "History":
        """With another entry in one row, and every hash from there on made anew."""
        kept = [row for row in self.rows if row.seq < seq]
        later = [row for row in self.rows if row.seq >= seq]
        entries = [entry, *(row.entry for row in later[1:])]
        return replace(self, rows=chain(entries, after=kept, at=[row.at for row in later]))


def entry(number: int) -> AuditEntry:
    details = {"outcome": "answered", "number": number, "notes": [{"id": str(UUID(int=number))}]}
    return AuditEntry("history.read", user=UserId(UUID(int=7)), details=details)


def chain(
    entries: Sequence[AuditEntry],
    *,
    after: Sequence[AuditRow] = (),
    at: Sequence[datetime] = (),
    workspace: WorkspaceId = WORKSPACE,
) -> list[AuditRow]:
    rows = list(after)
    for place, one in enumerate(entries):
        previous = rows[-1].hash if rows else GENESIS
        moment = at[place] if at else NOW + timedelta(microseconds=len(rows))
        rows.append(
            linked(one, workspace=workspace, seq=len(rows) + 1, at=moment, previous=previous)
        )
    return rows


def signed(row: AuditRow, *, at: datetime = NOW, key: PrivateKey = KEY) -> Checkpoint:
    return Checkpoint(row.workspace, row.seq, row.hash, at, key.keyid).signed_by(key.key)


def history(length: int = 9, *, signed_at: Sequence[int] = (3, 6), forwarded: int = 0) -> History:
    rows = chain([entry(number) for number in range(length)])
    points = [signed(rows[seq - 1]) for seq in signed_at]
    return History(rows, points, length, forwarded, max(signed_at, default=0))


def test_an_untouched_chain_is_whole():
    """A chain that only grew has no bad link, whether signed, empty or of one row."""
    assert history().check() is None
    assert history(1, signed_at=()).check() is None
    assert History(()).check() is None
    for length in (0, 1):
        fresh = ChainCheck(WORKSPACE, length, [], {}, NOW)
        assert first_bad_link(fresh, history().rows[:length]) is None


def test_the_canonical_form_is_pinned():
    """What a hash covers must never change by accident: every chain written so far would break."""
    made = row_hash(
        AuditEntry("history.read", chat=UUID(int=3), details={"b": [1, None], "a": "ש"}),
        workspace=WORKSPACE,
        seq=1,
        at=datetime(2026, 11, 1, 9, tzinfo=UTC),
        previous=GENESIS,
    )
    told = (
        '{"action":"history.read","at":"2026-11-01T09:00:00.000000Z","chat":"00000000-0000-0000-0000-000000000003",'
        '"details":{"a":"ש","b":[1,null]},"previous":"' + "00" * 32 + '","seq":1,"user":null,'
        '"workspace":"00000000-0000-0000-0000-000000000001"}'
    )
    assert made == hashlib.sha256(b"pazpaz-ai.audit-row.v1\n" + told.encode()).digest()
    assert ROW_PREFIX != CHECKPOINT_PREFIX


def test_a_hash_is_the_same_in_every_time_zone(monkeypatch):
    """Neither where a server stands nor the zone in which a driver hands out a moment is under the hash."""
    written = history()
    west = written.rows[0].at.astimezone(timezone(timedelta(hours=-5)))
    monkeypatch.setenv("TZ", "Asia/Jerusalem")
    time.tzset()
    try:
        assert written.changed(1, at=west).check() is None
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_row_that_went_is_missing():
    """A hole is named by the first number that is not there, also at the beginning."""
    assert history().without(5).check() == (5, "missing")
    assert history().without(4, 5, 8).check() == (4, "missing")
    assert history().without(1).check() == (1, "missing")


@pytest.mark.parametrize(
    "values",
    [
        {"at": NOW + timedelta(days=1)},
        {"entry": replace(entry(4), action="refused")},
        {"entry": replace(entry(4), user=None)},
        {"entry": replace(entry(4), user=UserId(UUID(int=8)))},
        {"entry": replace(entry(4), chat=UUID(int=9))},
        {"entry": replace(entry(4), details={})},
        {"entry": replace(entry(4), details=list(entry(4).details.items()))},
        {"entry": replace(entry(4), details={"number": 2**60})},
        {"entry": replace(entry(4), details=None)},
        {"hash": bytes(32)},
    ],
    ids=[
        "at",
        "action",
        "no user",
        "user",
        "chat",
        "details",
        "pairs",
        "too large",
        "no details",
        "hash",
    ],
)
def test_an_altered_row_is_named(values):
    """Each thing a row says is under its hash."""
    assert history().changed(5, **values).check() == (5, "altered")


def test_a_row_that_follows_another_is_unlinked():
    """Another `previous`, swapped rows and a row of a number that was there are no continuation."""
    whole = history()
    assert whole.changed(5, previous=bytes(32)).check() == (5, "unlinked")
    four, five = whole.rows[3], whole.rows[4]
    swapped = [*whole.rows[:3], replace(five, seq=4), replace(four, seq=5), *whole.rows[5:]]
    assert replace(whole, rows=swapped).check() == (4, "unlinked")
    doubled = replace(whole, rows=[*whole.rows, replace(whole.rows[4])])
    assert doubled.check() == (5, "unlinked")
    again = linked(entry(99), workspace=WORKSPACE, seq=5, at=NOW, previous=whole.rows[4].hash)
    assert replace(whole, rows=[*whole.rows, again]).check() == (5, "unlinked")


def test_a_row_of_another_workspace_is_no_link_here():
    """A chain moved to another workspace with all its numbers does not check there."""
    moved = [replace(row, workspace=OTHER_WORKSPACE) for row in history().rows]
    there = replace(history(signed_at=()), rows=moved, workspace=OTHER_WORKSPACE)
    assert there.check() == (1, "altered")
    assert replace(there, workspace=WORKSPACE).check() == (1, "foreign")


def test_a_cut_tail_is_known_elsewhere():
    """Whoever cuts the tail must also reach the head, the checkpoints and PazPaz's count."""
    cut = history().without(8, 9)
    assert cut.check() == (8, "truncated")
    assert replace(cut, length=7, forwarded=9).check() == (8, "truncated")
    assert replace(cut, length=7).check() is None
    deeper = replace(history().without(5, 6, 7, 8, 9), length=4)
    assert deeper.check() == (5, "truncated")
    assert replace(deeper, points=deeper.points[:1]).check() == (6, "checkpoint")
    assert replace(history(), rows=[]).check() == (1, "truncated")


def test_rows_behind_the_head_are_no_rows():
    """What was put in without counting the head up is named."""
    assert replace(history(), length=8).check() == (9, "unlinked")


def test_a_rewritten_tail_is_caught_by_a_checkpoint():
    """With every hash made anew the chain is whole; what was signed says otherwise. Behind it nothing can be known."""
    assert history(signed_at=(8,)).rewritten(5, entry(99)).check() == (8, "checkpoint")
    assert history(signed_at=(4,)).rewritten(5, entry(99)).check() is None


def test_a_false_checkpoint_is_named():
    """A wrong signature, an unknown key, and a word about rows that never were."""
    whole = history()
    forged = replace(whole.points[0], signature=bytes(64))
    assert replace(whole, points=[forged]).check() == (3, "checkpoint")
    other = signed(whole.rows[2], key=STRANGER)
    assert replace(whole, points=[other]).check() == (3, "checkpoint")
    ahead = replace(other, seq=500)
    assert replace(whole, points=[*whole.points, ahead]).check() == (500, "checkpoint")
    moved = replace(whole.points[0], at=LONG_AGO)
    assert replace(whole, points=[moved, whole.points[1]]).check() == (3, "checkpoint")
    foreign = replace(whole.points[0], workspace=OTHER_WORKSPACE)
    assert replace(whole, points=[foreign, whole.points[1]]).check() == (3, "checkpoint")


def test_signatures_that_went_are_missed():
    """The head remembers how far they reached, from the first row on."""
    assert replace(history(), points=history().points[:1]).check() == (6, "checkpoint")
    assert replace(history(1, signed_at=(1,)), points=()).check() == (1, "checkpoint")


def test_a_walk_begins_at_what_is_known_to_be_good():
    """A checkpoint that a walk begins at is not judged again, whether rows follow it or none."""
    whole = history()
    for place in (6, 9):
        last = signed(whole.rows[place - 1])
        check = ChainCheck(
            WORKSPACE, 9, [last], {}, NOW, checkpointed=place, seq=place, hash=last.hash
        )
        assert first_bad_link(check, whole.rows[place:]) is None


def pruned(through: int = 3, *, at: datetime = LONG_AGO) -> History:
    whole = history()
    points = [signed(whole.rows[through - 1], at=at), whole.points[1]]
    return replace(whole, rows=whole.rows[through:], points=points)


def test_a_pruned_chain_is_checked_from_its_checkpoint_on():
    """Old rows may go up to an old signature; the rest is whole, and a hole behind it is named by its number."""
    assert pruned().check() is None
    assert pruned().without(4, 5).check() == (4, "missing")
    all_gone = replace(pruned(9), points=[signed(history().rows[8], at=LONG_AGO)])
    assert all_gone.check() is None
    assert replace(pruned(), rows=()).check() == (4, "truncated")


def test_young_rows_cannot_be_passed_off_as_old():
    """A beginning that was cut at a young or a false checkpoint is missing."""
    assert pruned(at=NOW).check() == (1, "missing")
    assert pruned(at=months_before(NOW)).check() == (1, "missing")
    false = replace(pruned().points[0], signature=bytes(64))
    assert replace(pruned(), points=[false]).check() == (1, "missing")
    assert pruned().changed(4, previous=bytes(32)).check() == (4, "unlinked")


TWENTY = history(20, signed_at=())


@given(old=st.sets(st.integers(1, 12)), young=st.sets(st.integers(13, 20)), cut=st.integers(0, 20))
def test_only_what_an_old_signature_covers_may_go(old, young, cut):
    """Cut right behind an old checkpoint the rest is whole; else the first row that no old one covers is named."""
    whole = TWENTY
    points = [signed(whole.rows[seq - 1], at=LONG_AGO) for seq in sorted(old)]
    points += [signed(whole.rows[seq - 1]) for seq in sorted(young)]
    rest = replace(whole, rows=whole.rows[cut:], points=points)
    covered = max((seq for seq in old if seq <= cut), default=0)
    fault = "missing" if cut < 20 else "truncated"
    assert rest.check() == (None if covered == cut else (covered + 1, fault))


def test_a_bad_link_says_where_and_what():
    """The line that a person reads."""
    assert str(BadLink(WORKSPACE, 17, "altered")) == f"workspace {WORKSPACE}: row 17: altered"


def test_months_are_counted_by_the_calendar():
    """The last day of a month stands for a day that the earlier month does not have."""
    leap = datetime(2028, 2, 29, 12, tzinfo=UTC)
    assert months_before(leap) == datetime(2026, 2, 28, 12, tzinfo=UTC)
    assert months_before(NOW, 11) == datetime(2025, 12, 1, 9, tzinfo=UTC)


def _deleted(whole: History, seq: int) -> tuple[History, int]:
    return whole.without(seq), seq


def _cut(whole: History, seq: int) -> tuple[History, int]:
    return whole.without(*range(seq, whole.length + 1)), seq


def _altered(whole: History, seq: int) -> tuple[History, int]:
    return whole.changed(seq, entry=entry(999)), seq


def _postdated(whole: History, seq: int) -> tuple[History, int]:
    return whole.changed(seq, at=NOW - timedelta(days=1)), seq


def _swapped_with_first(whole: History, seq: int) -> tuple[History, int]:
    """The first with itself is no tampering, and nothing must be found."""
    other = {1: seq, seq: 1}
    rows = [replace(row, seq=other.get(row.seq, row.seq)) for row in whole.rows]
    return replace(whole, rows=rows), 1 if seq > 1 else 0


def _rewritten(whole: History, seq: int) -> tuple[History, int]:
    """Found at the first signature that knows better; every history here is signed at its end."""
    known = min(point.seq for point in whole.points if point.seq >= seq)
    return whole.rewritten(seq, entry(999)), known


def _rehashed(whole: History, seq: int) -> tuple[History, int]:
    """One row with a hash of its own: shown by the next row, or by the signature over it."""
    row = whole.rows[seq - 1]
    other = linked(entry(999), workspace=WORKSPACE, seq=seq, at=row.at, previous=row.previous)
    signed_here = any(point.seq == seq for point in whole.points)
    return whole.changed(seq, entry=other.entry, hash=other.hash), seq + (not signed_here)


@given(
    length=st.integers(1, 25),
    signed_at=st.sets(st.integers(0, 24)),
    place=st.integers(0, 24),
    tamper=st.sampled_from(
        [_deleted, _cut, _altered, _postdated, _swapped_with_first, _rewritten, _rehashed]
    ),
)
def test_one_tampering_is_always_found(length, signed_at, place, tamper):
    """Random histories, signed at random rows and at the last: one change anywhere is found where it shows first."""
    points = sorted({one % length + 1 for one in signed_at} | {length})
    whole = history(length, signed_at=points)
    assert whole.check() is None

    tampered, first = tamper(whole, place % length + 1)
    found = tampered.check()
    assert (found[0] if found else 0) == first
