"""The bench runs from end to end, on the servers of the tests."""

import pytest

from service.demo.bench_audit import run_bench
from service.demo.stage import Stage


async def test_the_bench_prints_each_way_beside_its_baseline(
    stage: Stage, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three lines of figures; the first is what the others are measured by."""
    monkeypatch.setenv("DATABASE_URL", stage.servers.admin_url)
    await run_bench(appenders=2, seconds=0.2, rounds=1)

    lines = capsys.readouterr().out.splitlines()[2:]
    assert [line[:14].strip() for line in lines] == ["no chain", "a chain each", "one chain"]
    assert lines[0].split()[-4:] == ["1.00"] * 4
    assert all(float(line[14:22]) > 0 for line in lines)
