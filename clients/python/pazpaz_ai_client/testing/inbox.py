"""Takes PazPaz's signed events, and keeps them for assertions."""

from uuid import UUID

import httpx
from pydantic import ValidationError

from pazpaz_ai_client.models import Delivery, Event
from pazpaz_ai_client.signing import (
    EVENT_TAG,
    MAX_EVENT_BODY,
    MalformedBody,
    RequestVerifier,
    SignatureRefused,
    VerifiedRequest,
)
from pazpaz_ai_client.testing.refusals import Refused
from pazpaz_ai_client.testing.requests import require_json


class Inbox:
    """What was delivered; an event that came twice is there once."""

    def __init__(self, verifier: RequestVerifier) -> None:
        self.refused_rules: list[str] = []
        self._verifier = verifier
        self._events: dict[UUID, Event] = {}

    @property
    def events(self) -> list[Event]:
        """In the order in which they came."""
        return list(self._events.values())

    async def take(self, request: httpx.Request) -> httpx.Response:
        """The answer to a delivery."""
        require_json(request, MAX_EVENT_BODY)
        delivery = _read(await self._verify(request))
        for event in delivery.events:
            self._events.setdefault(event.id, event)
        return httpx.Response(202, json={"accepted": len(delivery.events)})

    async def _verify(self, request: httpx.Request) -> VerifiedRequest:
        raw_path, _, query = request.url.raw_path.partition(b"?")
        try:
            return await self._verifier.verify(
                method=request.method,
                raw_path=raw_path,
                query_string=query,
                headers=request.headers.raw,
                body=request.content,
                tag=EVENT_TAG,
            )
        except SignatureRefused as exc:
            self.refused_rules.append(exc.rule)
            raise Refused(401) from exc


def _read(verified: VerifiedRequest) -> Delivery:
    try:
        return Delivery.model_validate(verified.json())
    except (MalformedBody, ValidationError):
        raise Refused(422) from None
