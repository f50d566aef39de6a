"""Everything on one machine: Postgres, Redis, API, worker and the demo monolith as children that end with us."""

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

from pazpaz_ai_client.signing import RING
from service.demo.databases import Databases, drop_databases, make_databases
from service.demo.embedded import open_to_others, start_postgres, start_redis
from service.demo.keys import StageKeys, stage_keys
from service.demo.processes import Child, free_port, spawn
from service.errors import BadSettings
from service.settings import Settings, load

START_SECONDS = 60
ISSUER = "pazpaz-stage"
OPERATOR_TOKEN = "an-operators-token-with-more-than-32-bytes"  # noqa: S105 - of a stage on loopback, known to all

MODEL_SETTINGS = (
    "MODEL_PROVIDER",
    "EMBEDDING_MODEL",
    "PROVIDER_CA_FILE",
    "PSEUDONYMS",
    "MODEL_PRICES",
    "DAILY_BUDGET_USD",
)
"""Beside each provider's own: what a stage takes over from its surroundings where it is told to."""


@dataclass(frozen=True, slots=True)
class Servers:
    """Addresses of the parts that DATABASE_URL and REDIS_URL replace; the first is an administrator's."""

    admin_url: str
    redis_url: str
    children: Mapping[str, Child] = field(default_factory=dict, repr=False)
    """Those of them that we started, for whoever watches them."""


@dataclass(frozen=True)
class Stage:
    """A running stage. `environment` is what the API runs with; the worker's differs in its login."""

    folder: Path
    servers: Servers
    databases: Databases
    keys: StageKeys
    environment: Mapping[str, str]
    worker_environment: Mapping[str, str]
    monolith_environment: Mapping[str, str]
    children: dict[str, Child]

    @property
    def service_url(self) -> str:
        return f"http://127.0.0.1:{self.environment['PORT']}"

    @property
    def monolith_url(self) -> str:
        return f"http://127.0.0.1:{self.monolith_environment['DEMO_PORT']}"

    def with_short_tokens(self) -> "Stage":
        """The same stage with another monolith and API, in which only PazPaz's short tokens count.

        This API knows no SECRET_KEY; the worker, which judges no tokens, stays the one there is.
        """
        monolith, api = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        service = {name: value for name, value in self.environment.items() if name != "SECRET_KEY"}
        return replace(
            self,
            environment=service
            | _judging_short_tokens(monolith)
            | {"PORT": api.rpartition(":")[2]},
            monolith_environment={
                **self.monolith_environment,
                "DEMO_PORT": monolith.rpartition(":")[2],
                "AI_SERVICE_URL": api,
                "DEMO_TOKEN_KEYS_DIR": str(self.keys.their_token_keys),
                "DEMO_TOKEN_ISSUER": ISSUER,
            },
            children={},
        )

    def beside(self, **settings: str) -> "Stage":
        """The same stage with a second API, and a second monolith that asks it; workers are told apart by name."""
        monolith, api = free_port(), free_port()
        asked = {"DEMO_PORT": str(monolith), "AI_SERVICE_URL": f"http://127.0.0.1:{api}"}
        return replace(
            self,
            environment={**self.environment, "PORT": str(api), **settings},
            monolith_environment={**self.monolith_environment, **asked},
            children={},
        )

    def settings(self) -> Settings:
        """For parts of the service that run in this process: the worker's view."""
        return load(
            Settings, **{key.lower(): value for key, value in self.worker_environment.items()}
        )

    def start(self, *names: str) -> None:
        """Starts parts that are not running: `monolith`, `api`, `worker`; each once more as `worker-2`."""
        for name in names:
            argv, env = self._part(name)
            self.children[name] = spawn(
                name, argv, log=self.folder / f"{name}.log", env={**_inherited(), **env}
            )

    def stop(self, *names: str) -> None:
        for name in names:
            self.children.pop(name).stop()

    def stop_all(self) -> None:
        """Every part, the last started first."""
        self.stop(*reversed(self.children))

    async def until_up(self, *urls: str) -> None:
        """Waits for each health page; raises BadSettings with the last words of a part that ended."""
        async with httpx.AsyncClient(trust_env=False, timeout=1) as http:
            for url in urls:
                await self._until(http, f"{url}/healthz")

    async def _until(self, http: httpx.AsyncClient, url: str) -> None:
        for _ in range(START_SECONDS * 10):
            self.check_alive()
            try:
                if (await http.get(url)).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.1)
        raise BadSettings(
            f"no answer from {url} within {START_SECONDS} s; logs are in {self.folder}"
        )

    def check_alive(self) -> None:
        """Raises BadSettings with the last words of a part that ended."""
        for child in self.children.values():
            if child.ended:
                raise BadSettings(f"{child.name} ended, and said: {child.last_words}")

    def _part(self, name: str) -> tuple[list[str], Mapping[str, str]]:
        python = sys.executable
        return {
            "monolith": ([python, "-m", "demo_monolith"], self.monolith_environment),
            "api": ([python, "-m", "service.cli", "serve"], self.environment),
            "worker": ([python, "-m", "service.cli", "worker"], self.worker_environment),
        }[name.partition("-")[0]]


@asynccontextmanager
async def open_stage(
    folder: Path,
    *,
    name: str,
    monolith_port: int = 0,
    keep: bool = False,
    servers: Servers | None = None,
    **settings: str,
) -> AsyncIterator[Stage]:
    """Servers, databases and keys; no part is started yet. All of it goes at the end, unless `keep`.

    `servers` that somebody else started stay theirs.
    """
    async with AsyncExitStack() as stack:
        servers = servers or servers_for(folder, stack)
        if not keep:
            stack.push_async_callback(drop_databases, servers.admin_url, name=name)
        databases = await make_databases(servers.admin_url, name=name)
        children: dict[str, Child] = {}
        stack.callback(_stop_all, children)
        keys = stage_keys(folder / "keys")
        receipts = folder / "receipts"
        receipts.mkdir(exist_ok=True)
        common = _environment(servers, keys, monolith_port or free_port(), settings)
        common["ERASURE_RECEIPTS_DIR"] = str(receipts)
        api_port = str(free_port())
        yield Stage(
            folder=folder,
            servers=servers,
            databases=databases,
            keys=keys,
            environment={**common, "DATABASE_URL": databases.api, "PORT": api_port},
            worker_environment={**common, "DATABASE_URL": databases.worker},
            monolith_environment=_monolith_environment(common, databases, keys, api_port),
            children=children,
        )


@asynccontextmanager
async def passing_folder(part: str = "") -> AsyncIterator[Path]:
    """A folder that goes at the end, one a process and `part`; those of stages that were killed go now."""
    _sweep()
    folder = stage_home() / f"stage{part}-{os.getpid()}"
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep() -> None:
    for left in stage_home().glob("stage-*"):
        if Path("/proc").exists() and not Path("/proc", left.name.rpartition("-")[2]).exists():
            shutil.rmtree(left, ignore_errors=True)


def stage_home() -> Path:
    """`.demo` in the checkout; as root, below the temporary folder where the checkout is hidden from others."""
    here = Path.cwd() / ".demo"
    if os.geteuid() == 0 and not open_to_others(here):
        return Path(tempfile.gettempdir()) / "pazpaz-ai-demo"
    return here


def _stop_all(children: Mapping[str, Child]) -> None:
    for child in reversed(list(children.values())):
        child.stop()


def servers_for(
    folder: Path, stack: AsyncExitStack, surroundings: Mapping[str, str] = os.environ
) -> Servers:
    """Those that the surroundings name, else our own, stopped with the stack."""
    folder.mkdir(parents=True, exist_ok=True)
    admin_url, redis_url = surroundings.get("DATABASE_URL"), surroundings.get("REDIS_URL")
    if not admin_url:
        postgres, admin_url = start_postgres(folder)
        stack.callback(postgres.stop)
    if not redis_url:
        redis, redis_url = start_redis(folder)
        stack.callback(redis.stop)
    return Servers(admin_url, redis_url)


def _environment(
    servers: Servers, keys: StageKeys, monolith_port: int, settings: Mapping[str, str]
) -> dict[str, str]:
    return {
        "REDIS_URL": servers.redis_url,
        "SECRET_KEY": keys.secret_key,
        "MONOLITH_URL": f"http://127.0.0.1:{monolith_port}",
        "SIGNING_KEYS_DIR": str(keys.our_keys),
        "MONOLITH_KEYS_FILE": str(keys.their_keys / RING),
        "KEY_ENCRYPTION_KEY_FILE": str(keys.key_encryption_key),
        "OPERATOR_TOKEN": OPERATOR_TOKEN,
        "DEBOUNCE_SECONDS": "0.2",
        "AI_AGENT_MAX_QUERIES_PER_HOUR": "3000",
        "AI_AGENT_MAX_QUERIES_PER_USER_PER_MINUTE": "3000",
        **settings,
    }


def _monolith_environment(
    common: Mapping[str, str], databases: Databases, keys: StageKeys, api_port: str
) -> dict[str, str]:
    return {
        "DEMO_DATABASE_URL": databases.monolith,
        "REDIS_URL": common["REDIS_URL"],
        "SECRET_KEY": common["SECRET_KEY"],
        "AI_SERVICE_URL": f"http://127.0.0.1:{api_port}",
        "DEMO_SIGNING_KEYS_DIR": str(keys.their_keys),
        "DEMO_SERVICE_KEYS_FILE": str(keys.our_keys / RING),
        "DEMO_PORT": common["MONOLITH_URL"].rpartition(":")[2],
        "DEMO_ADMIN_TOKEN": keys.admin_token,
        "DEMO_DIE_WITH_PARENT": "1",
    }


def _judging_short_tokens(monolith_url: str) -> dict[str, str]:
    return {
        "MONOLITH_URL": monolith_url,
        "JWKS_URL": f"{monolith_url}/.well-known/jwks.json",
        "JWKS_RETRY_SECONDS": "1",
        "TOKEN_ISSUER": ISSUER,
    }


def models_chosen(surroundings: Mapping[str, str]) -> dict[str, str]:
    """What is set in these surroundings of models and their cost: for a stage that a person tries out."""
    named = (
        name.upper() for name in Settings.model_fields if name.startswith(("cohere_", "openai_"))
    )
    return {
        name: surroundings[name] for name in (*MODEL_SETTINGS, *named) if surroundings.get(name)
    }


def _inherited() -> dict[str, str]:
    """Only what a process needs to run: no setting of our surroundings may reach a part by accident."""
    return {
        name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ
    }
