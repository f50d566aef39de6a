"""A real Prometheus beside a stage; its tools come with Debian's package."""

import json
import math
import os
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.demo.processes import free_port, spawn
from tests.journeys.practice import eventually


def tool(name: str) -> str:
    """Its path; without it tests are left out, but never where they decide about a landing."""
    path = shutil.which(name)
    if path is None:
        if os.environ.get("CI"):
            pytest.fail(
                f"the tests of alerts and dashboards need {name}: apt-get install prometheus"
            )
        pytest.skip(f"no {name} on this machine: apt-get install prometheus")
    return path


@dataclass(frozen=True)
class Prometheus:
    """It reads the pages every second."""

    http: httpx.AsyncClient

    async def ask(self, query: str) -> Sequence[float]:
        """The numbers of an instant query; what is no number is left out."""
        found = await self._get("/api/v1/query", query=query)
        values = [float(one["value"][1]) for one in found["result"]]
        return [value for value in values if not math.isnan(value)]

    async def rules(self) -> Sequence[Mapping[str, Any]]:
        groups = (await self._get("/api/v1/rules"))["groups"]
        return [rule for group in groups for rule in group["rules"]]

    async def is_ready(self) -> bool:
        try:
            return (await self.http.get("/-/ready")).status_code == 200
        except httpx.HTTPError:
            return False

    async def _get(self, path: str, **parameters: str) -> Any:
        response = await self.http.get(path, params=parameters)
        assert response.status_code == 200, response.text
        return response.json()["data"]


@asynccontextmanager
async def open_prometheus(
    folder: Path, pages: Mapping[str, str], *, rules: Path
) -> AsyncIterator[Prometheus]:
    """Reads pages, host and port by the name of their pod, into a folder that goes with its owner."""
    settings, address = folder / "prometheus.json", f"127.0.0.1:{free_port()}"
    settings.write_text(json.dumps(_settings(pages, rules)))
    argv = [
        tool("prometheus"),
        f"--config.file={settings}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address={address}",
    ]
    child = spawn("prometheus", argv, log=folder / "prometheus.log", env={})
    try:
        async with httpx.AsyncClient(base_url=f"http://{address}", trust_env=False) as http:
            opened = Prometheus(http)
            await eventually(opened.is_ready)
            yield opened
    finally:
        child.stop()


def _settings(pages: Mapping[str, str], rules: Path) -> dict[str, Any]:
    read = [
        {"targets": [page], "labels": {"namespace": "practice", "pod": pod}}
        for pod, page in pages.items()
    ]
    return {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rules)],
        "scrape_configs": [{"job_name": "pazpaz-ai", "static_configs": read}],
    }
