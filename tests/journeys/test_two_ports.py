"""The served program with a second port, over real sockets."""

import httpx

from service.demo.processes import free_port, spawn
from service.demo.stage import Stage


async def test_metrics_and_events_can_have_a_port_of_their_own(running: Stage) -> None:
    """The therapists' port refuses what is PazPaz's and operators', and the other one refuses the therapists'."""
    public, internal = free_port(), free_port()
    argv, environment = running._part("api")
    ports = {"PORT": str(public), "INTERNAL_PORT": str(internal)}
    log = running.folder / "two-ports.log"
    child = spawn("two ports", argv, log=log, env={**environment, **ports})
    try:
        statuses = {}
        for name, port in (("public", public), ("internal", internal)):
            url = f"http://127.0.0.1:{port}"
            await running.until_up(url)
            async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
                for path in (
                    "/metrics",
                    "/readyz",
                    "/internal/v1/events",
                    "/api/v1/ai/agent/history",
                ):
                    statuses[name, path] = (await http.get(path)).status_code
    finally:
        child.stop()
    assert statuses == {
        ("public", "/metrics"): 404,
        ("public", "/readyz"): 404,
        ("public", "/internal/v1/events"): 404,
        ("public", "/api/v1/ai/agent/history"): 401,
        ("internal", "/metrics"): 200,
        ("internal", "/readyz"): 200,
        ("internal", "/internal/v1/events"): 405,
        ("internal", "/api/v1/ai/agent/history"): 404,
    }
