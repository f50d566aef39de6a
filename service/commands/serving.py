"""How the service is served: one configuration, for `serve` and for what measures it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import uvicorn


def server_config(app: Any, *, host: str, port: int) -> "uvicorn.Config":
    """uvicorn, quiet, with a bound on what a request's head may be."""
    import uvicorn

    return uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=25,
        h11_max_incomplete_event_size=16 * 1024,  # all header lines of a request together
        http="h11",
    )
