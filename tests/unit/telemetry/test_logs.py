"""What may stand in a log line, and what never does."""

import json
import logging
import warnings
from datetime import UTC, date, datetime
from enum import Enum
from uuid import UUID

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from service.errors import ModelUnavailable
from service.telemetry.logs import WITHHELD, configure_logs, guard

log = structlog.get_logger()


def passed(value: object) -> object:
    return guard(None, "info", {"field": value})["field"]


class Colour(Enum):
    RED = "red"
    PROSE = "the patient said"


HIDDEN = {
    "Hebrew": "כאב",
    "a Hebrew sentence": "המטופלת מדווחת על שיפור.",
    "a sentence": "The patient slept well.",
    "two words": "Dana Levi",
    "a tab": "Dana\tLevi",
    "a line break": "Dana\nLevi",
    "a word and a break": "Dana\n",
    "accents": "café",
    "emoji": "🙂",
    "quotes": '"Dana"',
    "long": "x" * 121,
    "bytes": b"Dana",
    "a list": ["Dana"],
    "a mapping": {"name": "Dana"},
    "an exception": ValueError("the patient said"),
    "an object": object(),
    "an enum of prose": Colour.PROSE,
    "a lone surrogate": "\ud800",
    "no-break space": "Dana\u00a0Levi",
}


@pytest.mark.parametrize("value", HIDDEN.values(), ids=HIDDEN)
def test_what_a_person_could_have_written_is_withheld(value):
    """Prose, in any language, and anything that could hold some, is replaced."""
    assert passed(value) == WITHHELD


@given(st.text(alphabet=st.characters(min_codepoint=0x80), min_size=1))
def test_no_letter_beyond_ascii_passes(text):
    """Hebrew never passes, whatever stands around it."""
    assert passed(text) == passed(f"id-{text}") == WITHHELD


@given(st.text(min_size=1), st.sampled_from(" \t\n\r\u00a0\u2028"), st.text(min_size=1))
def test_no_two_words_pass(one, blank, other):
    """A sentence has a blank, and a code has none."""
    assert passed(one + blank + other) == WITHHELD


SHOWN = {
    "a UUID": (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
    "an id": ("ml-2026-11-a", "ml-2026-11-a"),
    "a count": (42, 42),
    "a duration": (12.5, 12.5),
    "a flag": (True, True),
    "nothing": (None, None),
    "a code": ("source_away", "source_away"),
    "a host": ("pazpaz.example:443", "pazpaz.example:443"),
    "a route": ("/api/v1/ai/agent/chat", "/api/v1/ai/agent/chat"),
    "a template": ("/history/{conversation_id}", "/history/{conversation_id}"),
    "a day": (date(2026, 11, 1), "2026-11-01"),
    "a moment": (datetime(2026, 11, 1, 9, tzinfo=UTC), WITHHELD),
    "an enum": (Colour.RED, "red"),
    "empty": ("", ""),
    "120 letters": ("x" * 120, "x" * 120),
}


@pytest.mark.parametrize(("value", "shown"), SHOWN.values(), ids=SHOWN)
def test_ids_counts_and_codes_pass(value, shown):
    """What an operator needs to follow a request is there, as JSON can hold it."""
    if isinstance(value, datetime):
        shown = str(value)
    assert passed(value) == shown
    json.dumps(passed(value))


def test_an_event_name_is_guarded_too(lines):
    """A line whose name was built from text shows none of it."""
    log.info("note of Dana Levi")
    log.info("note.indexed", chunks=3)
    first, second = lines()
    assert first["event"] == WITHHELD
    assert (second["event"], second["chunks"]) == ("note.indexed", 3)


def test_an_exception_is_named_by_type_and_place(lines):
    """Its message, its cause and the text around it stay inside; where it broke is told."""
    try:
        try:
            raise ValueError("zebra one")
        except ValueError as exc:
            raise ModelUnavailable from exc
    except ModelUnavailable as exc:
        log.warning("chat.failed", exc_info=exc)
        log.exception("chat.failed")
        log.warning("chat.failed", exc_info=(type(exc), exc, exc.__traceback__))
    written = lines()
    assert [line["error"] for line in written] == ["ModelUnavailable"] * 3
    assert all(line["raised_at"].startswith("tests.unit.telemetry.test_logs:") for line in written)
    assert "zebra" not in json.dumps(written)


def test_an_exception_that_was_never_raised_has_no_place(lines):
    """An error object without a traceback does not break the line."""
    log.warning("chat.failed", exc_info=ValueError("zebra"))
    [line] = lines()
    assert (line["error"], line["raised_at"]) == ("ValueError", "unknown")


def test_no_exception_leaves_no_trace(lines):
    """exc_info=None, as some callers pass it, adds nothing."""
    log.warning("note.failed", exc_info=None)
    [line] = lines()
    assert "error" not in line
    assert "exc_info" not in line


def test_a_librarys_message_is_dropped(lines):
    """Other people's code may quote a payload: its logger and level are told, not its words."""
    library = logging.getLogger("httpx.client")
    library.warning("POST body was %s", "zebra")
    try:
        raise RuntimeError("zebra")
    except RuntimeError:
        library.exception("zebra happened")
    library.info("zebra")
    first, second = lines()
    assert (first["event"], first["logger"], first["level_name"]) == (
        "library.log",
        "httpx.client",
        "warning",
    )
    assert second["error"] == "RuntimeError"
    assert "zebra" not in json.dumps([first, second])


def test_a_librarys_warning_is_dropped_too(lines):
    """The warnings module would write to stderr by itself, and serializers quote values in warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        configure_logs("info")
        warnings.warn("unexpected value 'zebra'", UserWarning, stacklevel=1)
        logging.captureWarnings(False)
    [line] = lines()
    assert line["logger"] == "py.warnings"
    assert "zebra" not in json.dumps(line)


def test_a_line_says_when_how_serious_and_for_which_request(lines):
    """The bound context travels with every line, under the same guard."""
    structlog.contextvars.bind_contextvars(request_id="req-12345", said="Dana Levi")
    try:
        log.warning("chat.slow")
    finally:
        structlog.contextvars.clear_contextvars()
    [line] = lines()
    assert line["request_id"] == "req-12345"
    assert line["said"] == WITHHELD
    assert line["level"] == "warning"
    assert datetime.fromisoformat(line["timestamp"]).tzinfo is not None


def test_the_level_is_kept(lines):
    """What the setting leaves out is not written."""
    log.debug("chat.detail")
    assert lines() == []
    configure_logs("error")
    log.warning("chat.slow")
    log.error("chat.failed")
    assert [line["event"] for line in lines()] == ["chat.failed"]
