"""What a developer is told who runs the service beside a PazPaz of their own."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from service.demo.beside import on_ports, settings_of_pazpaz, tokens_chosen, write_environment
from service.demo.stage import Stage
from service.errors import BadSettings


def a_stage(folder: Path) -> Stage:
    return Stage(
        folder=folder,
        servers=cast(Any, None),
        databases=cast(Any, None),
        keys=cast(Any, SimpleNamespace(their_keys=folder / "ml", our_keys=folder / "ai")),
        environment={"PORT": "1", "REDIS_URL": "redis://r"},
        worker_environment={"SECRET_KEY": "it's $HOME"},
        monolith_environment={},
        children={},
    )


def test_pazpaz_s_tokens_are_judged_as_its_surroundings_say():
    """Nothing else is taken over, and nothing of a token is guessed."""
    surroundings = {"SECRET_KEY": "s", "TOKEN_ISSUER": "", "DATABASE_URL": "x"}

    assert tokens_chosen(surroundings) == {"SECRET_KEY": "s"}


@pytest.mark.parametrize("surroundings", [{}, {"TOKEN_ISSUER": "https://pazpaz.example"}])
def test_without_a_way_to_judge_tokens_it_does_not_start(surroundings: dict[str, str]):
    """Each question would be refused."""
    with pytest.raises(BadSettings, match="SECRET_KEY"):
        tokens_chosen(surroundings)


def test_pazpaz_is_told_both_addresses_and_both_keys(tmp_path: Path):
    """By the names that the client's README gives its settings."""
    stage = on_ports(a_stage(tmp_path), 8810)

    assert settings_of_pazpaz(stage, 8810).splitlines() == [
        "AI_SERVICE_URL=http://127.0.0.1:8810",
        "AI_SERVICE_INTERNAL_URL=http://127.0.0.1:8811",
        f"AI_KEYS_DIR={tmp_path / 'ml'}",
        f"AI_SERVICE_KEYS={tmp_path / 'ai' / 'keys.json'}",
    ]
    assert stage.environment["INTERNAL_PORT"] == "8811"


def test_the_environment_of_commands_is_ours_alone(tmp_path: Path):
    """A shell reads it as it is; nobody else may, because secrets stand in it."""
    path = write_environment(a_stage(tmp_path))

    assert path.read_text() == "SECRET_KEY='it'\"'\"'s $HOME'\n"
    assert path.stat().st_mode & 0o777 == 0o600
