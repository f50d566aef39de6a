"""The bench runs from end to end, with processes of its own, on the servers of the tests."""

import json
from pathlib import Path

import pytest

from service.demo.bench_chat.run import Plan, run_bench
from service.demo.bench_chat.streams import STEPS, lost
from service.demo.provider_stub import Pace
from service.demo.stage import Stage
from tests.conftest import DATA

CLIENT = "f24983ae-cd3d-5b1a-98a5-70193427cfb7"


@pytest.fixture
def one_client(tmp_path: Path) -> Path:
    """A folder with the notes and questions of one client."""
    for name in ("sessions", "clients", "questions"):
        rows = (DATA / f"{name}.jsonl").read_text("utf-8").splitlines()
        chosen = [row for row in rows if json.loads(row)["client_id"] == CLIENT]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(chosen), "utf-8")
    return tmp_path


@pytest.mark.bench
async def test_the_bench_tells_an_answers_own_cost_beside_a_bare_one(
    stage: Stage,
    one_client: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every answer is the model's, the provider's time is no part of any figure, and the service costs more."""
    monkeypatch.setenv("DATABASE_URL", stage.servers.admin_url)
    monkeypatch.setenv("REDIS_URL", stage.servers.redis_url)
    monkeypatch.setattr("service.demo.bench_chat.house.QUESTIONS", 3)
    monkeypatch.setattr("service.demo.bench_chat.house.OF_A_PRACTICE", 25)
    save, plot = one_client / "figures.json", one_client / "growth.png"
    plan = Plan(concurrency=[1], rounds=1, answers=1, think=0, streams=50)
    await run_bench(one_client, plan=plan, pace=Pace(chat=0.5), save=save, plot=plot)

    figures = json.loads(save.read_text())
    cells = {(cell["form"], cell["side"]): cell for cell in figures["cells"]}
    assert len(cells) == 6
    for form in ("JSON", "events"):
        ours, bare, by_pazpaz = (cells[form, side] for side in ("service", "bare", "PazPaz"))
        assert [one["answers"] for one in (ours, bare, by_pazpaz)] == [3, 3, 3]
        assert [one["left_out"] for one in (ours, bare, by_pazpaz)] == [{}, {}, {}]
        assert by_pazpaz["beside_p50"] > ours["beside_p50"] > 0
        assert ours["cpu_p50"] > bare["cpu_p50"] > 0
        assert ours["wall_p50"] > bare["wall_p50"] > 0
    assert cells["events", "service"]["first_p50"] > 0
    assert plot.read_bytes().startswith(b"\x89PNG")
    streams = figures["streams"]
    assert (streams["count"], streams["faults"]) == (50, {})
    assert streams["at_once"] > 25
    assert streams["events"] >= 50 * (len(STEPS) + 3)  # a quote, its sentence, and the whole
    printed = capsys.readouterr().out.splitlines()[-11:]
    first = [line.split()[0] for line in printed]
    assert first == ["ms", *["JSON", "1", "events", "1"], "by", *["JSON", "1", "events", "1"], "50"]


DONE = ("done", {"answer": "a [1]", "citations": [{"marker": 1}]})
TOLD = [
    *(("status", {"step": step}) for step in STEPS[:3]),
    ("citation", {"marker": 1}),
    ("token", {"text": "a "}),
    ("token", {"text": "[1]"}),
    *(("status", {"step": step}) for step in STEPS[3:]),
]


@pytest.mark.parametrize(
    ("events", "fault"),
    [
        ([*TOLD, DONE], None),
        (TOLD, "end"),
        ([*TOLD, DONE, DONE], "end"),
        ([DONE, *TOLD], "end"),
        ([*TOLD[1:], DONE], "step"),
        ([*TOLD[:4], *TOLD[5:], DONE], "token"),
        ([*TOLD[:4], TOLD[5], TOLD[4], *TOLD[6:], DONE], "token"),
        ([*TOLD[:5], TOLD[4], *TOLD[5:], DONE], "token"),
        ([*TOLD[:3], *TOLD[4:], DONE], "citation"),
        ([*TOLD[:3], *TOLD[4:6], TOLD[3], *TOLD[6:], DONE], "order"),
    ],
)
def test_a_stream_that_lost_something_is_found_out(events, fault):
    """An event that is missing, doubled or out of its place, whichever it is."""
    assert lost(events) == fault
