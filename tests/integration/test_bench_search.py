"""The bench of search runs from end to end, on the servers of the tests."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from service.demo.bench_search import cold, growth
from service.demo.bench_search.figures import COLD, FETCHED, LIMIT, PLANNER, RESIDENT
from service.demo.bench_search.run import Plan, run_bench
from service.demo.bench_search.tenants import Mix
from service.demo.stage import Stage

MIX = Mix(tenants=3, sizes=(300, 1200))
PNG = b"\x89PNG"


def _read(path: Path) -> Any:
    return json.loads(path.read_text())


@pytest.mark.bench
async def test_the_bench_asks_all_ways_and_says_what_they_cost(
    stage: Stage,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """What is exact finds all; every way is in the table, every ratio has a number, the picture is drawn."""
    monkeypatch.setenv("DATABASE_URL", stage.servers.admin_url)
    monkeypatch.setattr(growth, "EACH", 3)
    figures, picture = tmp_path / "figures.json", tmp_path / "curves.png"
    plan = Plan(MIX, questions=3, largest=1000, keep=None)
    await run_bench(plan, save=figures, plot=picture)

    said = _read(figures)
    exact = [PLANNER, RESIDENT, FETCHED, COLD]
    found = {(cell["group"], cell["way"]): cell for cell in said["cells"]}
    assert {group for group, _ in found} == {"300", "1.2k", "mix", "all"}
    assert {way for _, way in found} >= {*exact, LIMIT}
    own = [cell for cell in said["cells"] if cell["way"] in exact[1:]]
    assert all(cell["recall"] == 1.0 and not cell["short"] for cell in own)
    assert all(0 < cell["p50"] <= cell["p95"] for cell in said["cells"])
    assert all(math.isfinite(ratio["value"]) for ratio in said["ratios"])
    assert said["memory"]["rows resident"] > said["memory"]["rows fetched"] > 1024
    assert [point["vectors"] for point in said["growth"]["vectors"]] == [1000]
    assert [point["tenants"] for point in said["growth"]["tenants"]] == [1, 3]
    assert picture.read_bytes().startswith(PNG)
    printed = capsys.readouterr().out
    assert all(f"\n{way}" in printed for _, way in found)
    assert all(ratio["name"] in printed for ratio in said["ratios"])


@pytest.mark.bench
async def test_a_cold_workspace_gives_its_first_answer(
    stage: Stage,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Beside the loading of the baseline's vectors, our own full load, and a process that has just started."""
    monkeypatch.setenv("DATABASE_URL", stage.servers.admin_url)
    monkeypatch.setattr(cold, "ROUNDS", 1)
    figures, picture = tmp_path / "figures.json", tmp_path / "curve.png"
    await cold.run_cold(Mix(0, (300, 1200)), keep=None, save=figures, plot=picture)

    said = _read(figures)
    assert [row["vectors"] for row in said["sizes"]] == [300, 1200]
    for row in said["sizes"]:
        assert row["recall"] == 1.0
        assert all(value > 0 for name, value in row.items() if name.endswith("_ms"))
        assert row["ours_process_start_to_first_answer_ms"] > row["ours_first_answer_ms"]
    assert picture.read_bytes().startswith(PNG)
    assert "recall@10 of the first answer" in capsys.readouterr().out
