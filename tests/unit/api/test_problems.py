"""Every error is a problem document in the caller's language that repeats nothing."""

import re

import pytest

from service import errors
from service.api.problems import ENGLISH, HEBREW, STATUS
from service.domain.progress import Step
from service.errors import ServiceError
from service.telemetry.metrics import CHATS_FAILED
from tests.unit.api.practice import HISTORY, ask, bearer, every_error, everything_sent, is_problem

CANARY = "zebra-canary"
HEBREW_LETTER = re.compile("[א-ת]")


class _Unheardof(ServiceError):
    """Of a class no table names."""

    code = "unheard_of"


STATUSES = {
    errors.MalformedRequest: 422,
    errors.BodyTooLarge: 413,
    errors.WrongMediaType: 415,
    errors.NotAuthenticated: 401,
    errors.NotAllowed: 403,
    errors.WorkspaceSuspended: 403,
    errors.NoConsent: 403,
    errors.ClientNotFound: 404,
    errors.ClientNeeded: 422,
    errors.ConversationNotFound: 404,
    errors.MessageNotFound: 404,
    errors.ScopeFixed: 409,
    errors.AllowanceUsed: 429,
    errors.Unavailable: 503,
    errors.SwitchedOff: 503,
    errors.ChatAlreadyClosed: 503,
    errors.OutOfTime: 503,
    errors.TooManyAtOnce: 429,
    errors.Busy: 503,
    errors.SourceUnavailable: 503,
    errors.StoreUnavailable: 503,
    errors.ModelUnavailable: 503,
    errors.KeyUnavailable: 503,
    errors.ServiceError: 500,
    errors.SealBroken: 500,
    errors.NoteUnreadable: 500,
    errors.Restoring: 503,
    errors.ReceiptNotWritten: 503,
    errors.BadReceipt: 500,
    errors.TracesLeft: 500,
    errors.SchemaBusy: 500,
    _Unheardof: 500,
}
INSIDE = {"source_away", "store_away", "model_away", "key_away", "receipt_not_written"}


def public(kind: type[ServiceError]) -> str:
    """What a caller is told: which part is away is our own business."""
    if kind.code in INSIDE:
        return "unavailable"
    return kind.code if kind.code in ENGLISH else "internal"


@pytest.mark.parametrize(
    ("kind", "status"), STATUSES.items(), ids=lambda it: getattr(it, "code", it)
)
@pytest.mark.parametrize("language", ["he", "en"])
async def test_an_error_has_its_status_and_a_sentence_in_the_callers_language(
    http, parts, kind, status, language
):
    """Whatever a part of the service raises, the therapist reads one sentence, never a class or a code."""
    parts.answer = kind()
    headers = bearer(**{"Accept-Language": language})
    response = await ask(http, CANARY, headers=headers)

    assert is_problem(response, status, public(kind))
    detail = response.json()["detail"]
    assert bool(HEBREW_LETTER.search(detail)) == (language == "he")
    assert detail == (HEBREW if language == "he" else ENGLISH)[public(kind)]
    assert kind.__name__ not in response.text
    assert CANARY not in everything_sent(response)


def test_the_table_above_knows_every_error():
    """A new error must be given a status here, or this fails."""
    assert set(every_error()) - {errors.BadSettings} <= set(STATUSES)


def test_both_languages_say_the_same_things():
    """No text exists in one language only, and every listed error has one or hides behind one."""
    assert set(HEBREW) == set(ENGLISH)
    assert {public(kind) for kind in STATUS} <= set(ENGLISH)
    assert all(HEBREW_LETTER.search(text) for text in HEBREW.values())
    assert not any(HEBREW_LETTER.search(text) for text in ENGLISH.values())


@pytest.mark.parametrize(
    ("accepted", "hebrew"),
    [
        (None, True),
        ("", True),
        ("fr", True),
        ("*", True),
        ("he", True),
        ("he-IL,he;q=0.9,en;q=0.8", True),
        ("iw", True),
        ("en", False),
        ("EN-us", False),
        ("fr, en;q=0.5", False),
        ("en-US,en;q=0.9,he;q=0.8", False),
        (", ,en", False),
        ("x" * 5000, True),
    ],
)
async def test_the_first_language_we_speak_is_spoken(http, accepted, hebrew):
    """Hebrew, unless English is named before it."""
    headers = {} if accepted is None else {"Accept-Language": accepted}
    http.headers.pop("Accept-Language", None)
    response = await ask(http, headers=headers | {"X-Nobody": "signed in"})
    assert is_problem(response, 401, "not_authenticated")
    assert bool(HEBREW_LETTER.search(response.json()["detail"])) == hebrew


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        *((0.01, "1"), (1.0, "1"), (1.4, "2"), (299.2, "300"), (3599.5, "3600")),
        *((1e300, "86400"), (float("inf"), "86400"), (float("nan"), "86400")),
    ],
)
async def test_a_wait_is_told_in_whole_seconds_that_are_enough(http, parts, seconds, told):
    """A caller who waits as told is not refused again for a fraction of a second, and no wait is for ever."""
    parts.answer = errors.AllowanceUsed(retry_after=seconds)
    response = await ask(http)
    assert is_problem(response, 429, "allowance_used")
    assert response.headers["Retry-After"] == told


@pytest.mark.parametrize("kind", [k for k, s in STATUSES.items() if s == 503])
async def test_every_503_names_a_wait(http, parts, kind):
    """Away is for the moment, and the caller learns for how long."""
    parts.answer = kind()
    assert int((await ask(http)).headers["Retry-After"]) >= 1


async def test_only_a_401_asks_to_sign_in(http, parts):
    """WWW-Authenticate stands on a 401, and on nothing that would log somebody out by mistake."""
    told = {}
    for kind, status in STATUSES.items():
        parts.answer = kind()
        told[status] = (await ask(http)).headers.get("WWW-Authenticate")
    assert {status for status, header in told.items() if header} == {401}
    assert told[401] == "Bearer"


class _Unforeseen(Exception):
    def __init__(self) -> None:
        super().__init__(f"{CANARY}: the patient said")


@pytest.mark.parametrize("unforeseen", [_Unforeseen(), ValueError(CANARY), KeyError(CANARY)])
async def test_an_unforeseen_error_is_a_500_without_its_message(http, parts, unforeseen):
    """The last net gives a sentence, an id, and nothing of what went wrong."""
    parts.answer = unforeseen
    response = await ask(http, CANARY)
    assert is_problem(response, 500, "internal")
    assert CANARY not in everything_sent(response)
    assert "Unforeseen" not in response.text


def failures() -> dict[str, float]:
    """Questions that failed, by code."""
    samples = [sample for one in CHATS_FAILED.collect() for sample in one.samples]
    return {one.labels["code"]: one.value for one in samples if one.name.endswith("_total")}


@pytest.mark.parametrize("stream", [False, True], ids=["json", "events"])
@pytest.mark.parametrize("kind", STATUSES)
async def test_a_question_that_fails_counts_once(http, parts, kind, stream):
    """What we owe an answer for, and only that: not what a caller may not have, nor what is switched off."""
    parts.answer, before = kind(), failures()
    await ask(http, headers=bearer(**({"Accept": "text/event-stream"} if stream else {})))
    owed = STATUSES[kind] >= 500 and kind is not errors.SwitchedOff
    grown = {code: after - before.get(code, 0) for code, after in failures().items()}
    assert {code for code, more in grown.items() if more} == ({kind.code} if owed else set())
    assert sum(grown.values()) == owed


@pytest.mark.parametrize("begun", [False, True], ids=["at once", "after the first sentence"])
async def test_a_question_that_breaks_counts_once_too(http, parts, begun):
    """Whether the last net catches it or a stream that has begun tells of it."""
    parts.answer, before = _Unforeseen(), failures()["internal"]
    parts.progress = [Step("retrieve")] if begun else []
    accept = {"Accept": "text/event-stream"}
    response = await ask(http, headers=bearer(**accept))
    assert (response.status_code, "event: error" in response.text) == (200 if begun else 500, begun)
    assert failures()["internal"] == before + 1


async def test_a_question_of_nobody_knows_whom_counts_where_pazpaz_is_away(http, parts):
    """A failure before the question was read is a failure all the same; that of another route is not."""
    parts.login.said, before = errors.SourceUnavailable(), failures()["source_away"]
    assert (await http.get(HISTORY, headers=bearer())).status_code == 503
    assert (await ask(http)).status_code == 503
    assert failures()["source_away"] == before + 1


async def test_after_an_unforeseen_error_the_next_question_is_answered(http, parts):
    """One bad question does not stay."""
    parts.answer = ValueError("x")
    assert (await ask(http)).status_code == 500
    parts.answer = type(parts)().answer
    assert (await ask(http)).status_code == 200


async def test_an_unknown_path_is_a_problem(http):
    """404 has the same shape as every other refusal, and does not repeat the path."""
    response = await http.get(f"/api/v1/{CANARY}")
    assert is_problem(response, 404, "not_found")
    assert CANARY not in everything_sent(response)


async def test_a_wrong_method_is_a_problem_that_names_the_right_one(http):
    """405 has the same shape, with Allow."""
    response = await http.get("/api/v1/ai/agent/chat")
    assert is_problem(response, 405, "method")
    assert response.headers["Allow"] == "POST"


@pytest.mark.parametrize(
    "path",
    ["/api/v1/ai/agent/chat/", "/api/v1/ai/agent/history/", "/healthz/", "/docs", "/redoc"],
)
async def test_nothing_is_redirected(http, path):
    """A slash too many is 404, not a redirect built from the Host header."""
    response = await http.request("GET", path, headers={"Host": "evil.example"})
    assert is_problem(response, 404, "not_found")
    assert "evil.example" not in everything_sent(response)
