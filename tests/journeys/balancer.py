"""Pods behind a Service, as Kubernetes has them: who is ready, and who leaves, is known a while later."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import urlsplit

import httpx

from service.demo.stage import Stage
from tests.faults.tcp_proxy import TcpProxy, reset
from tests.journeys.practice import eventually

ENDPOINTS_SECONDS = 1.0
"""From a pod's change to the last node that knows of it. Kubernetes promises nothing; a second or two are usual."""
START_SECONDS = 90.0


@dataclass(eq=False)
class Pod:
    """An API process, the way to it, and who looks whether it is ready."""

    stage: Stage
    proxy: TcpProxy
    probing: asyncio.Task[None] | None = None

    async def is_ready(self, http: httpx.AsyncClient) -> bool:
        try:
            return (await http.get(f"{self.stage.service_url}/readyz")).status_code == 200
        except httpx.HTTPError:
            return False


@dataclass
class Balancer:
    """A new connection goes to the next pod that is known as ready, and stays with it: who holds it asks nobody."""

    pods: list[Pod] = field(default_factory=list)
    endpoints: list[Pod] = field(default_factory=list)
    port: int = 0
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either end closes it; a pod that is gone refuses it."""
        if not self.endpoints:
            reset(writer)
            return
        self.connections += 1
        pod = self.endpoints[self.connections % len(self.endpoints)]
        await pod.proxy.serve(reader, writer)

    async def start(self, stage: Stage) -> None:
        """A pod more; waits until it is sent connections."""
        where = urlsplit(stage.service_url)
        assert where.hostname is not None
        assert where.port is not None
        stage.start("api")
        pod = Pod(stage, TcpProxy(where.hostname, where.port))
        pod.probing = asyncio.create_task(self._probe(pod))
        self.pods.append(pod)

        async def is_known() -> bool:
            stage.check_alive()
            return pod in self.endpoints

        await eventually(is_known, patience=START_SECONDS)

    def take_out(self, pod: Pod) -> None:
        """As Kubernetes begins to end one: it is ready no more, whatever it says, and that is known a while later."""
        assert pod.probing is not None
        pod.probing.cancel()
        self._tell(pod, False)

    async def end(self, pod: Pod) -> int:
        """SIGTERM; returns what it ended with."""
        process = pod.stage.children["api"].process
        process.terminate()
        code = await asyncio.to_thread(process.wait, START_SECONDS)
        self.pods.remove(pod)
        return code

    async def _probe(self, pod: Pod) -> None:
        """Until it is ready. A probe that fails later is a busy machine here, and Kubernetes forgives one too."""
        async with httpx.AsyncClient(trust_env=False, timeout=START_SECONDS) as http:
            await eventually(partial(pod.is_ready, http), patience=START_SECONDS)
        self._tell(pod, True)

    def _tell(self, pod: Pod, is_ready: bool) -> None:
        asyncio.get_running_loop().call_later(ENDPOINTS_SECONDS, self._know, pod, is_ready)

    def _know(self, pod: Pod, is_ready: bool) -> None:
        self.endpoints = [one for one in self.endpoints if one is not pod] + [pod] * is_ready


@asynccontextmanager
async def balancer() -> AsyncIterator[Balancer]:
    made = Balancer()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, backlog=512)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for pod in made.pods:
            if pod.probing is not None:
                pod.probing.cancel()
            pod.proxy.cut()
            pod.stage.children["api"].process.kill()
