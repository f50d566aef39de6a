"""From a verified token to a principal PazPaz confirmed a moment ago."""

from uuid import UUID

import pytest

from service.domain.identity import Principal, TokenClaims, UserId, WorkspaceId
from service.errors import NotAuthenticated, SourceUnavailable, WorkspaceSuspended
from service.security import principals as module
from service.security.principals import Principals
from tests.fakes import OTHER_WORKSPACE, WORKSPACE
from tests.unit.doubles import (
    CLAIMS,
    SESSION,
    USER,
    ManualClock,
    ScriptedPrincipals,
    an_introspection,
)

THE_THERAPIST = Principal(USER, WORKSPACE, "owner")
OTHER_USER = UserId(UUID(int=22))


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def source():
    return ScriptedPrincipals(an_introspection())


@pytest.fixture
def principals(source, clock):
    return Principals(source, clock)


async def test_a_confirmation_counts_for_15_seconds(principals, source, clock):
    """PazPaz is asked once in 15 s, and again when they are over."""
    assert await principals.confirm(CLAIMS) == THE_THERAPIST
    clock.forward(14.9)
    await principals.confirm(CLAIMS)
    assert source.asked == 1

    clock.forward(0.1)
    await principals.confirm(CLAIMS)
    assert source.asked == 2


async def test_pazpaz_is_asked_about_the_login_of_the_token(principals, source):
    """The session and the user that the token names, and no other."""
    await principals.confirm(CLAIMS)
    assert source.asked_about == (CLAIMS.session, CLAIMS.user)


async def test_a_slow_answer_does_not_stretch_the_15_seconds(principals, source, clock):
    """What PazPaz said is as old as the question."""
    source.meanwhile = lambda: clock.forward(10)
    await principals.confirm(CLAIMS)
    source.meanwhile = lambda: None

    clock.forward(5)
    await principals.confirm(CLAIMS)

    assert source.asked == 2


async def test_a_revocation_holds_after_15_seconds(principals, source, clock):
    """A login that was fine is refused as soon as PazPaz is asked again, and stays refused in an outage."""
    await principals.confirm(CLAIMS)
    source.said = an_introspection(revoked=True)
    clock.forward(15)
    with pytest.raises(NotAuthenticated):
        await principals.confirm(CLAIMS)

    source.said = SourceUnavailable()
    with pytest.raises(SourceUnavailable):
        await principals.confirm(CLAIMS)


async def test_a_confirmation_counts_for_60_seconds_in_an_outage(principals, source, clock):
    """While PazPaz is away nobody is logged out for a minute; then nobody can tell, which is 503 and not 401."""
    await principals.confirm(CLAIMS)
    source.said = SourceUnavailable()
    clock.forward(59.9)
    assert await principals.confirm(CLAIMS) == THE_THERAPIST

    clock.forward(0.1)
    with pytest.raises(SourceUnavailable):
        await principals.confirm(CLAIMS)


async def test_grace_does_not_renew_itself(principals, source, clock):
    """Use during an outage does not make the confirmation younger."""
    await principals.confirm(CLAIMS)
    source.said = SourceUnavailable()
    for _ in range(2):
        clock.forward(20)
        await principals.confirm(CLAIMS)

    clock.forward(20)
    with pytest.raises(SourceUnavailable):
        await principals.confirm(CLAIMS)


async def test_an_unknown_login_has_no_grace(principals, source):
    """Nobody is let in on the strength of an outage."""
    source.said = SourceUnavailable()
    with pytest.raises(SourceUnavailable):
        await principals.confirm(CLAIMS)


@pytest.mark.parametrize(
    ("changed", "asked"),
    [
        ({"workspace": WORKSPACE}, 2),
        ({"workspace": WORKSPACE, "user": USER}, 2),
        ({"workspace": WORKSPACE, "user": OTHER_USER}, 1),
        ({"workspace": OTHER_WORKSPACE}, 1),
        ({"workspace": OTHER_WORKSPACE, "user": USER}, 1),
    ],
    ids=["workspace", "user", "colleague", "other workspace", "user elsewhere"],
)
async def test_an_event_drops_exactly_the_logins_it_names(principals, source, changed, asked):
    """A changed workspace or user is asked about again at once, everybody else is not."""
    await principals.confirm(CLAIMS)
    principals.drop(**changed)
    await principals.confirm(CLAIMS)
    assert source.asked == asked


async def test_a_dropped_login_has_no_grace(principals, source):
    """What an event dropped does not come back in an outage."""
    await principals.confirm(CLAIMS)
    principals.drop(workspace=WORKSPACE)
    source.said = SourceUnavailable()
    with pytest.raises(SourceUnavailable):
        await principals.confirm(CLAIMS)


async def test_an_event_during_the_question_wins_over_the_grace(principals, source, clock):
    """A login dropped while PazPaz was being asked in vain is not served from before the wait."""
    await principals.confirm(CLAIMS)
    clock.forward(15)
    source.said = SourceUnavailable()
    source.meanwhile = lambda: principals.drop(workspace=WORKSPACE)
    with pytest.raises(SourceUnavailable):
        await principals.confirm(CLAIMS)


async def test_an_answer_older_than_an_event_is_not_remembered(principals, source):
    """An event during the question, the first or a later one, makes the next request ask again."""
    principals.drop(workspace=WORKSPACE)
    source.meanwhile = lambda: principals.drop(workspace=WORKSPACE)
    await principals.confirm(CLAIMS)
    source.meanwhile = lambda: None
    await principals.confirm(CLAIMS)
    assert source.asked == 2


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (None, NotAuthenticated),
        (an_introspection(revoked=True), NotAuthenticated),
        (an_introspection(revoked=True, workspace_status="suspended"), NotAuthenticated),
        (an_introspection(active=False), NotAuthenticated),
        (an_introspection(user=OTHER_USER), NotAuthenticated),
        (an_introspection(workspace=OTHER_WORKSPACE), NotAuthenticated),
        (
            an_introspection(workspace=OTHER_WORKSPACE, workspace_status="suspended"),
            NotAuthenticated,
        ),
        (an_introspection(workspace_status="suspended"), WorkspaceSuspended),
        (an_introspection(workspace_status="suspended", active=False), WorkspaceSuspended),
        (an_introspection(workspace_status="deleted"), WorkspaceSuspended),
    ],
    ids=[
        "unknown",
        "revoked",
        "revoked and suspended",
        "inactive",
        "another user",
        "foreign workspace",
        "foreign and suspended",
        "suspended",
        "suspended and inactive",
        "deleted",
    ],
)
async def test_only_a_live_login_of_an_open_practice_becomes_a_principal(clock, said, error):
    """Each reason to refuse has its error, the most telling first, and none is remembered."""
    source = ScriptedPrincipals(said)
    principals = Principals(source, clock)
    for _ in range(2):
        with pytest.raises(error) as caught:
            await principals.confirm(CLAIMS)
        assert type(caught.value) is error
    assert source.asked == 2


async def test_the_claims_of_another_login_are_another_principal(principals, source):
    """A confirmation belongs to user, workspace and login together."""
    await principals.confirm(CLAIMS)
    with pytest.raises(NotAuthenticated):
        await principals.confirm(TokenClaims(USER, OTHER_WORKSPACE, SESSION))
    await principals.confirm(TokenClaims(USER, WORKSPACE, str(UUID(int=32))))
    assert source.asked == 3


async def test_a_token_of_another_role_is_no_token_of_theirs(principals, source):
    """Where the token names a role, PazPaz must name the same, remembered or asked."""
    claimed = TokenClaims(USER, WORKSPACE, SESSION, role="assistant")
    for _ in range(2):
        with pytest.raises(NotAuthenticated):
            await principals.confirm(claimed)
    source.said = an_introspection(role="assistant")
    principals.drop(WORKSPACE)
    assert (await principals.confirm(claimed)).role == "assistant"
    with pytest.raises(NotAuthenticated):
        await principals.confirm(TokenClaims(USER, WORKSPACE, SESSION, role="owner"))


async def test_the_memory_is_bounded_and_forgets_the_oldest(principals, source, monkeypatch):
    """However many logins come, only so many are remembered, the latest ones."""
    monkeypatch.setattr(module, "MOST", 3)
    logins = [TokenClaims(USER, WORKSPACE, str(UUID(int=n))) for n in range(5)]
    for login in logins:
        await principals.confirm(login)

    assert len(principals._confirmed) == 3
    await principals.confirm(logins[-1])
    assert source.asked == 5
    await principals.confirm(logins[0])
    assert source.asked == 6


def test_the_limit_of_the_memory_is_a_number_a_process_can_hold():
    """Ten thousand logins fit into a few megabytes."""
    assert 1_000 <= module.MOST <= 100_000


async def test_a_workspace_is_whom_pazpaz_confirmed(principals):
    """The principal's workspace is the one both the token and PazPaz name."""
    confirmed = await principals.confirm(CLAIMS)
    assert confirmed.workspace == WorkspaceId(WORKSPACE)
