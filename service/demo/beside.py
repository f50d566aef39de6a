"""The service beside a PazPaz that a developer runs: servers, database and keys of its own, kept from run to run."""

import os
import shlex
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from pazpaz_ai_client.signing import RING
from service.demo.run import watch
from service.demo.stage import Stage, models_chosen, open_stage, servers_for, stage_home
from service.errors import BadSettings

TOKEN_SETTINGS = ("SECRET_KEY", "JWKS_URL", "JWKS_FILE", "TOKEN_ISSUER", "TOKEN_AUDIENCE")


async def run_beside(monolith_url: str, *, port: int) -> None:
    """Runs API and worker until cancelled; says first what PazPaz's settings are."""
    chosen: dict[str, Any] = models_chosen(os.environ) | tokens_chosen(os.environ)
    chosen["MONOLITH_URL"] = monolith_url
    folder = stage_home() / "beside"
    async with AsyncExitStack() as stack:
        # PazPaz's DATABASE_URL may stand in this shell: its server is not ours to make databases in.
        servers = servers_for(folder, stack, {})
        made = open_stage(folder, name="pazpaz_beside", keep=True, servers=servers, **chosen)
        stage = on_ports(await stack.enter_async_context(made), port)
        typer.echo(settings_of_pazpaz(stage, port))
        typer.echo(f"For commands, as backfill:  set -a; . {write_environment(stage)}; set +a")
        stage.start("api", "worker")
        await stage.until_up(stage.service_url)
        typer.echo(
            f"Ready. Logs: {folder}/api.log, worker.log. Ctrl-C ends it; what was indexed is kept."
        )
        await watch(stage)


def tokens_chosen(surroundings: Mapping[str, str]) -> dict[str, str]:
    """How PazPaz's tokens are judged; raises BadSettings where nothing says so."""
    chosen = {name: surroundings[name] for name in TOKEN_SETTINGS if surroundings.get(name)}
    if not chosen.keys() & {"SECRET_KEY", "JWKS_URL", "JWKS_FILE"}:
        raise BadSettings("SECRET_KEY: set it to PazPaz's own, or JWKS_URL and TOKEN_ISSUER")
    return chosen


def on_ports(stage: Stage, port: int) -> Stage:
    """Two ports, as in production: /api and, one above, /internal."""
    ports = {"PORT": str(port), "INTERNAL_PORT": str(port + 1)}
    return replace(stage, environment={**stage.environment, **ports})


def settings_of_pazpaz(stage: Stage, port: int) -> str:
    """The settings of the client's README, as lines of PazPaz's `.env`."""
    settings = {
        "AI_SERVICE_URL": stage.service_url,
        "AI_SERVICE_INTERNAL_URL": f"http://127.0.0.1:{port + 1}",
        "AI_KEYS_DIR": stage.keys.their_keys.resolve(),
        "AI_SERVICE_KEYS": (stage.keys.our_keys / RING).resolve(),
    }
    return "\n".join(f"{name}={value}" for name, value in settings.items())


def write_environment(stage: Stage) -> Path:
    """The worker's environment for a shell, readable for us alone."""
    path = stage.folder.resolve() / "environment"
    path.touch(mode=0o600)
    lines = [f"{name}={shlex.quote(value)}" for name, value in stage.worker_environment.items()]
    path.write_text("\n".join(lines) + "\n")
    return path
