"""How the service is served: one configuration, for `serve` and for what measures it."""

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import uvicorn

    from service.settings import Settings

CLOSING_SECONDS = (
    2  # for the last words of a question that took all its time, and its closing audit row
)

# Longer than any caller keeps one (httpx 5 s, nginx 60): whoever closes an idle connection first may close it under a
# request that is on its way.
IDLE_SECONDS = 75


def server_config(app: Any, settings: "Settings") -> "uvicorn.Config":
    """uvicorn, quiet, with a bound on what a request's head may be and how long it may take. Told to stop, it lets
    questions in hand end.
    """
    import uvicorn

    from service.commands.slow_callers import SecondsForAHead

    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=math.ceil(settings.question_seconds) + CLOSING_SECONDS,
        h11_max_incomplete_event_size=16 * 1024,  # all header lines of a request together
        http=SecondsForAHead,
        ws="none",  # no route speaks it, so nothing need read it
    )
