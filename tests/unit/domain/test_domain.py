"""The nouns say what their names promise."""

from dataclasses import FrozenInstanceError, replace
from datetime import UTC, date, datetime, timedelta, timezone
from uuid import UUID

import pytest

from service.domain.answers import Claim, Verdict
from service.domain.deadline import NO_DEADLINE, Deadline
from service.domain.identity import Principal
from service.domain.notes import Bag, ManifestItem
from service.ports.keys import WorkspaceKeys
from tests.fakes import WORKSPACE, a_client, a_note
from tests.unit.doubles import USER


@pytest.mark.parametrize(
    ("state", "draft"), [("draft", True), ("active", False), ("deleted", False)]
)
def test_a_note_knows_whether_it_is_a_draft(state, draft):
    """Only the draft state makes a draft."""
    assert a_note("x.", state=state).is_draft is draft


@pytest.mark.parametrize(
    ("state", "there"),
    [
        ("active", True),
        ("draft", True),
        *[(gone, False) for gone in ("deleted", "archived", "unreadable")],
    ],
)
def test_only_a_final_note_or_a_draft_is_there(state, there):
    """Pulled or listed."""
    note = a_note("x.", state=state)
    listed = ManifestItem("sessions", note.ref.id, note.client, state, note.updated_at)
    assert (note.is_there, listed.is_there) == (there, there)


@pytest.mark.parametrize(
    ("active", "consents", "required", "readable"),
    [
        (True, True, True, True),
        (True, True, False, True),
        (True, False, False, True),
        (True, False, True, False),
        (False, True, True, False),
        (False, True, False, False),
        (False, False, False, False),
        (False, False, True, False),
    ],
)
def test_a_client_may_be_read_while_active_and_consenting(active, consents, required, readable):
    """Consent counts only where it is required; the archive always does."""
    client = replace(a_client(is_active=active), has_consent=consents)
    assert client.may_be_read(require_consent=required) is readable


def test_a_note_has_the_day_of_its_session():
    """A profile has none."""
    session = replace(a_note("x."), session_date=datetime(2026, 11, 1, 23, 59, tzinfo=UTC))
    assert session.day == date(2026, 11, 1)
    assert replace(session, session_date=None).day is None


def test_the_day_of_a_session_is_counted_in_utc():
    """One moment has one day, in whatever zone it was written."""
    moment = datetime(2026, 11, 2, 1, 0, tzinfo=timezone(timedelta(hours=2)))
    assert replace(a_note("x."), session_date=moment).day == date(2026, 11, 1)


@pytest.mark.parametrize(
    ("name", "shown"),
    [(("דנה", "לוי"), "דנה לוי"), (("דנה", ""), "דנה"), (("", "לוי"), "לוי"), (("", ""), "")],
)
def test_a_client_is_named_without_stray_blanks(name, shown):
    """A missing half of a name leaves no blank."""
    assert a_client(name=name).name == shown


def test_a_bag_is_what_it_says_however_it_is_given():
    """Packed for millions of numbers; a number that its place cannot hold is refused, not cut."""
    note = a_note("x.")
    bag = Bag(note.ref, note.client, note.day, (1, 2**64 - 1), (1, 2**32 - 1))
    assert bag == Bag(note.ref, note.client, note.day, [1, 2**64 - 1], [1, 2**32 - 1])
    assert bag != replace(bag, counts=(1, 1))
    assert memoryview(bag.features).nbytes + memoryview(bag.counts).nbytes == 24
    for features, counts in (((2**64,), (1,)), ((1,), (2**32,)), ((-1,), (1,))):
        with pytest.raises(OverflowError):
            replace(bag, features=features, counts=counts)


def test_a_verdict_without_a_reason_is_an_admission():
    """Admitted and withheld are two sides of one field."""
    claim = Claim("x.", ("p1",))
    assert Verdict(claim, ()).admitted
    assert not Verdict(claim, (), "uncited").admitted


def test_a_principal_cannot_be_turned_into_another():
    """What was verified stays what it was."""
    principal = Principal(USER, WORKSPACE, "owner")
    with pytest.raises(FrozenInstanceError):
        principal.workspace = UUID(int=2)


def test_keys_do_not_print():
    """An opened key never stands in a log line or a traceback."""
    keys = WorkspaceKeys(WORKSPACE, 1, seal=b"seal-canary", index=b"index-canary")
    assert "canary" not in f"{keys} {keys!r}"


def test_a_step_may_take_its_share_of_the_time_that_is_left():
    """However long a question may take; work that nobody waits for has all the time there is."""
    assert 15 < Deadline.after(100).part(0.2).left <= 20
    assert NO_DEADLINE.part(0.2) == NO_DEADLINE
