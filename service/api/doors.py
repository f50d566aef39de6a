"""Which port serves what, once there are two: therapists' requests on one, PazPaz's and operators' on the other."""

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.problems import problem

PUBLIC = ("/api/", "/healthz")
INTERNAL = ("/internal/", "/metrics", "/readyz", "/healthz", "/openapi.json")


class Doors:
    """Pure ASGI. Decides by the port the connection came in at, which no header can pretend."""

    def __init__(self, app: ASGIApp, *, internal_port: int) -> None:
        self.app = app
        self.internal_port = internal_port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._opens(scope):
            response = problem(Request(scope), status=404, code="not_found")
            await response(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _opens(self, scope: Scope) -> bool:
        _, port = scope["server"]
        behind = INTERNAL if port == self.internal_port else PUBLIC
        path: str = scope["path"]
        return any(path.startswith(one) if one.endswith("/") else path == one for one in behind)
