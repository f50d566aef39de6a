"""The bench of confirmed sentences runs from end to end, on sockets of its own."""

import pytest

from service.demo import bench_confirm
from service.demo.bench_confirm import run_bench
from service.demo.provider_stub import Pace


async def test_a_confirmed_sentence_waits_for_its_verdict_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Four sentences that are confirmed in turn would take four times as long; a quote waits for nobody."""
    await run_bench(answers=2, pace=Pace(chat=0.8, entail=0.4))
    lines = capsys.readouterr().out.splitlines()
    ends = {line[:26].strip(): float(line.split("/")[-1]) for line in lines[1:5]}
    assert ends["quoted, confirmed"] < ends["reworded, confirmed"]
    assert ends["reworded, confirmed"] < ends["reworded, not confirmed"] + 4 * 0.4


async def test_an_answer_that_lacks_a_sentence_is_not_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A sentence that is withheld would make the answer seem quick."""
    arm = ("a lie", ["The moon is green.", *bench_confirm.QUOTES[1:]], False)
    monkeypatch.setattr(bench_confirm, "ARMS", (arm, arm))
    with pytest.raises(Exception, match="a lie: not the answer that is measured"):
        await run_bench(answers=1, pace=Pace())
