"""Audit rows beside what those who asked know, and how the findings are told."""

import pytest

from service.demo.bench_load.figures import Growth, Window
from service.demo.bench_load.plan import Plan
from service.demo.bench_load.report import GOOD, Finding, grown, measured, minute, verdict
from service.demo.bench_load.verdict import amiss_in, chats_of
from service.demo.bench_load.watch import Sample


def rows(*actions: str, request: str = "r1", outcome: str = "answered") -> list[dict[str, str]]:
    made = []
    for action in actions:
        row = {"action": f"chat.{action}", "chat": "c", "request": request}
        made.append(row | ({"outcome": outcome} if action == "closed" else {}))
    return made


@pytest.mark.parametrize(
    ("asked", "written", "amiss"),
    [
        ("answered", rows("opened", "closed"), {}),
        ("answered", [], {"without a row": 1}),
        ("answered", rows("opened"), {"without one row of each kind": 1}),
        ("answered", rows("closed"), {"without one row of each kind": 1}),
        ("answered", rows("opened", "closed", "closed"), {"without one row of each kind": 1}),
        (
            "answered",
            rows("opened", "closed", outcome="partial"),
            {"whose row has another outcome": 1},
        ),
        ("left", rows("opened", "closed", outcome="cancelled"), {}),
        ("left", rows("opened"), {"without one row of each kind": 1}),
        ("left", [], {"without a row": 1}),
        ("503 busy", [], {}),
        ("503 out_of_time", rows("opened", "closed", outcome="out_of_time"), {}),
        ("503 out_of_time", rows("opened"), {"without one row of each kind": 1}),
    ],
)
def test_each_question_has_one_row_of_each_kind(
    asked: str, written: list[dict[str, str]], amiss: dict[str, int]
) -> None:
    """Whoever was answered, or left an answer that had begun; who was refused may have none."""
    assert amiss_in({"r1": asked}, chats_of(written)) == amiss


def test_a_question_that_nobody_asked_is_found_out() -> None:
    """Rows beside those of the load."""
    chats = chats_of(rows("opened", "closed", request="r2"))
    assert amiss_in({}, chats) == {"that nobody asked": 1}


def test_what_is_wrong_is_said_first() -> None:
    """Then everything that was looked at, and examples."""
    found = [
        Finding("reconcile", True, "equal"),
        Finding("answers", False, "1 quotes another client"),
    ]
    told = list(verdict(found, ["quotes another client: request r1, first"]))
    assert told[0] == "WRONG: answers"
    assert [line.split()[0] for line in told[1:3]] == ["ok", "WRONG"]
    assert "request r1" in told[3]
    assert next(verdict(found[:1], [])) == GOOD


def test_a_minute_is_one_line_with_everything_in_it() -> None:
    """Also one in which nothing came."""
    window = Window(first_event=[0.1], first_sentence=[0.2], whole=[0.5], lag=[3.0], changes=7)
    window.outcomes.update({"answered": 3, "503 busy": 2})
    window.sample = Sample(0, {"api": 237.4, "worker": 140.0}, 19.2, 31)
    told = minute(12, window)
    assert "\n" not in told
    for said in (
        "5 questions",
        "event 0.10/0.10/0.10",
        "sentence 0.20/0.20/0.20",
        "whole 0.50/0.50/0.50",
        "7 changes",
        "lag 3.00/3.00/3.00",
        "2 x 503 busy",
        "api 237 worker 140",
        "database 19",
        "31 connections",
    ):
        assert said in told
    assert "answered" not in told
    assert "event -" in minute(1, Window())


def test_the_report_tells_rates_times_and_growth() -> None:
    """And of a process how much it grew, or that nobody can tell yet."""
    total = Window(first_event=[0.1], whole=[0.5], changes=10)
    total.outcomes["answered"] = 120
    told = "\n".join(measured(Plan(), 60, total, {"edit": 10}))
    assert "120 questions (2.00 a second), 10 changes" in told
    assert "first sentence         -       -       -       0" in told
    assert "edit 10" in told
    [head, line] = grown({"api": Growth(warm=200, last=210, slope=1.25)})
    assert [len(head), len(line)] == [len(head)] * 2
    assert line.split() == ["api", "200.0", "210.0", "+5.0%", "+1.2"]
    [short] = grown({})
    assert "too short" in short
