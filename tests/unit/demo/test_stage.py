"""What a stage takes over from its surroundings, and what it tells of a part that ended."""

import sys
from pathlib import Path

from service.demo.processes import spawn
from service.demo.stage import models_chosen


def test_a_stage_takes_over_which_models_and_at_what_cost():
    """Every setting of a provider, those about money and names, and nothing else that is set."""
    chosen = {
        "MODEL_PROVIDER": "cohere",
        "COHERE_API_KEY": "key",
        "OPENAI_MULTILINGUAL_MODELS": "[]",
        "DAILY_BUDGET_USD": "0",
    }
    others = {"DATABASE_URL": "x", "SECRET_KEY": "x", "COHERE_NONSENSE": "x", "PSEUDONYMS": ""}
    assert models_chosen(chosen | others) == chosen


def test_a_part_that_ended_leaves_its_last_words(tmp_path: Path):
    """Its log goes with the stage, so the reason must be told at once."""
    says = "import sys; print('before'); sys.exit('pazpaz-agent: PORT: is taken')"
    part = spawn("api", [sys.executable, "-c", says], log=tmp_path / "api.log")
    part.process.wait()
    assert part.last_words == "PORT: is taken"
