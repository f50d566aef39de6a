"""The bench runs from end to end, with processes of its own, on the servers of the tests."""

import json
from pathlib import Path

import pytest

from service.demo.bench_chat.run import Plan, run_bench
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
    save, plan = one_client / "figures.json", Plan(concurrency=[1], rounds=1, answers=1)
    await run_bench(one_client, plan=plan, pace=Pace(chat=0.02), save=save)

    cells = {(cell["form"], cell["side"]): cell for cell in json.loads(save.read_text())}
    assert len(cells) == 4
    for form in ("JSON", "events"):
        ours, bare = cells[form, "service"], cells[form, "bare"]
        assert (ours["answers"], bare["answers"]) == (3, 3)
        assert (ours["left_out"], bare["left_out"]) == ({}, {})
        assert ours["cpu_p50"] > bare["cpu_p50"] > 0
        assert ours["wall_p50"] > bare["wall_p50"] > 0
    assert cells["events", "service"]["first_p50"] > 0
    printed = capsys.readouterr().out.splitlines()[-5:]
    assert [line.split()[0] for line in printed] == ["ms", "JSON", "1", "events", "1"]
