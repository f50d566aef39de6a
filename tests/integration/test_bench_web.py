"""The bench runs from end to end, on the servers of the tests."""

import json
from pathlib import Path

import pytest

from service.commands.web_layers import ANSWER, BODY
from service.demo.bench_web import CONNECTIONS, LAYERS, run_bench
from service.demo.stage import Stage

DATA = Path("tests/data")


def test_every_layer_says_the_same() -> None:
    """The bare callable's ready bytes are the answer that the routes make into JSON."""
    assert json.loads(BODY) == ANSWER


async def test_the_bench_prints_every_layer_beside_a_bare_callable(
    stage: Stage,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A line a layer for one connection and for many, the whole path costs more than a route, and all is kept."""
    monkeypatch.setenv("DATABASE_URL", stage.servers.admin_url)
    monkeypatch.setenv("REDIS_URL", stage.servers.redis_url)
    await run_bench(DATA, rounds=1, requests=16, save=tmp_path / "figures.json")

    rows = json.loads((tmp_path / "figures.json").read_text())
    told = {(row["layer"], row["connections"]): row for row in rows}
    assert told.keys() == {(name, count) for name in LAYERS.values() for count in CONNECTIONS}
    assert all(row["cpu"] > 0 and row["wall_p95"] >= row["wall_p50"] > 0 for row in rows)
    assert told["+ one SQL", 1]["cpu"] > told["FastAPI route, JSON", 1]["cpu"]
    printed = capsys.readouterr().out
    assert all(printed.count(f"\n{name} ") == len(CONNECTIONS) for name in LAYERS.values())
