"""The bench of a question runs from end to end, on the servers of the tests."""

import json
from pathlib import Path

import pytest

from service.demo.bench_question import run_bench
from service.demo.stage import Stage


async def test_the_bench_prints_every_stage_beside_its_baselines(
    stage: Stage,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The whole costs more than its parts that no model makes, and all of it is kept."""
    monkeypatch.setenv("DATABASE_URL", stage.servers.admin_url)
    await run_bench(sizes=[6], questions=20, save=tmp_path / "figures.json")

    [measured] = json.loads((tmp_path / "figures.json").read_text())
    stages = measured["stages"]
    assert measured["chunks"] >= 6
    assert stages["question"]["cpu_p50"] > stages["  models"]["cpu_p50"] > 0
    assert all(figures["wall_p95"] > 0 for figures in stages.values())
    printed = capsys.readouterr().out
    assert all(f"\n{name}" in printed for name in stages)
