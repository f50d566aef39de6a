"""Which of Postgres's refusals pass by themselves, and are told as 'away' instead of as a fault of ours."""

from types import SimpleNamespace

import pytest
from sqlalchemy.exc import DBAPIError

from service.adapters.postgres.database import _passes


@pytest.mark.parametrize(
    ("state", "passes"),
    [
        ("08006", True),  # connection failure
        ("25006", True),  # read-only: a failover is under way
        ("40001", True),  # serialization failure
        ("40P01", True),  # deadlock
        ("53300", True),  # too many connections
        ("55P03", True),  # lock not available
        ("57014", True),  # cancelled by statement_timeout
        ("57P01", True),  # administrator's shutdown
        ("58030", True),  # input/output error
        ("22P02", False),  # invalid text representation
        ("23505", False),  # unique violation
        ("25001", False),  # active transaction
        ("42501", False),  # insufficient privilege
        ("42P01", False),  # undefined table
        ("", False),
        (None, False),
    ],
)
def test_a_state_passes_or_stays(state: str | None, passes: bool) -> None:
    """By the class of its SQLSTATE (Postgres documentation, appendix A)."""
    orig = SimpleNamespace(sqlstate=state)
    assert _passes(DBAPIError("SELECT 1", None, orig)) is passes  # type: ignore[arg-type]
