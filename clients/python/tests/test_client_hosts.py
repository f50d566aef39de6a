"""What PazPaz gives us wrongly is named when it starts, not at each request."""

import logging
import uuid
from datetime import UTC, datetime
from types import SimpleNamespace

import host_models as models
import httpx
import pytest
from fastapi import FastAPI
from host_outbox import AiOutbox
from pydantic import ValidationError
from sqlalchemy import DateTime
from sqlalchemy.ext.asyncio import async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

from pazpaz_ai_client._edges import address
from pazpaz_ai_client._hosts import HostUnfit, require_columns
from pazpaz_ai_client.loader import TableLoader, Tables, _client_record, _reason
from pazpaz_ai_client.proxy import create_proxy_router
from pazpaz_ai_client.sender import OutboxSender
from pazpaz_ai_client.signing import PrivateKey, Signer

SIGNER = Signer(PrivateKey.generate("ml-test"), audience="pazpaz-ai")


class Other(DeclarativeBase):
    pass


class Bare(Other):
    __tablename__ = "bare"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[uuid.UUID]


class Zoneless(Other):
    __tablename__ = "zoneless"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    told_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime]


def a_loader(sessions=None, audit_model=models.AuditEvent, **tables):
    """Over the models of PazPaz, but for those named."""
    theirs = {
        "session": models.SessionModel,
        "client": models.Client,
        "workspace": models.Workspace,
        "user": models.User,
        "outbox": AiOutbox,
    }
    sessions = sessions or async_sessionmaker()
    return TableLoader(sessions, Tables(**theirs | tables), sign_ins=None, audit_model=audit_model)


def a_sender(sessions=None, url="http://ai"):
    sessions, client = sessions or async_sessionmaker(), httpx.AsyncClient()
    return OutboxSender(sessions, AiOutbox, client=client, service_url=url, signer=SIGNER)


@pytest.mark.parametrize("table", ["session", "client", "workspace", "user"])
def test_a_model_without_a_column_that_is_read_is_named(table):
    """Otherwise each of its rows would be told as one that cannot be decrypted."""
    with pytest.raises(HostUnfit, match="Bare has no "):
        a_loader(**{table: Bare})


def test_an_audit_model_without_its_columns_is_named():
    """A reading that leaves no trace may not happen, so it is refused at the start."""
    with pytest.raises(HostUnfit, match="Bare has no user_id, event_type, resource_type"):
        a_loader(audit_model=Bare)


def test_times_without_a_zone_are_named():
    """The service could not tell when they were."""
    with pytest.raises(HostUnfit, match=r"Zoneless: no DateTime\(timezone=True\): updated_at$"):
        require_columns(Zoneless, "id", "told_at", "updated_at")


@pytest.mark.parametrize("made", [a_loader, a_sender])
def test_a_synchronous_sessionmaker_is_refused(made):
    """Where PazPaz has only such sessions, an async engine beside its own serves."""
    with pytest.raises(HostUnfit, match="async_sessionmaker"):
        made(sessionmaker())


@pytest.mark.parametrize("url", ["", "pazpaz-ai:8810", "/api"])
def test_what_is_no_address_is_refused(url):
    """By the sender and by the proxy, when they are made."""
    with pytest.raises(ValueError, match="http"):
        a_sender(url=url)
    with pytest.raises(ValueError, match="http"):
        create_proxy_router(service_url=url, client=httpx.AsyncClient(), bearer=None)


def test_a_path_before_the_service_s_routes_is_kept():
    """A service behind a path prefix is reached there, with or without a slash at the end."""
    assert address("https://inside.example/ai/") == "https://inside.example/ai"


def test_a_row_of_another_shape_is_told_by_its_fields():
    """In the log the field and what is wrong with it stand, and no word of the row."""
    row = SimpleNamespace(
        id=uuid.uuid4(),
        first_name="Dana",
        last_name=None,
        medical_history=None,
        notes=None,
        is_active=True,
        consent_status=False,
        updated_at=datetime(2026, 11, 30),  # the fault: no zone
    )
    with pytest.raises(ValidationError) as caught:
        _client_record(row)

    assert _reason(caught.value) == "last_name:string_type,updated_at:timezone_aware"
    assert _reason(models.DecryptionFailed("Dana")) == "DecryptionFailed"


@pytest.mark.parametrize(
    ("status", "hint"), [(404, "INTERNAL_PORT"), (401, "keys.json"), (503, "status_503\n")]
)
async def test_a_delivery_that_settings_are_to_blame_for_says_which(caplog, status, hint):
    """The public port has no such route; a signature that is not known is a key or a clock."""
    sender = a_sender()
    sender._client = httpx.AsyncClient(
        transport=httpx.MockTransport(lambda _: httpx.Response(status))
    )
    sender._rows = SimpleNamespace(lease=a_lease, defer=nothing)

    with caplog.at_level(logging.WARNING):
        await sender.send_once()

    assert hint in caplog.text


async def a_lease(limit):
    return [
        SimpleNamespace(
            model_dump=lambda: {
                "id": uuid.uuid4(),
                "workspace_id": uuid.uuid4(),
                "entity": "clients",
                "entity_id": uuid.uuid4(),
                "kind": "upserted",
                "occurred_at": datetime.now(UTC),
            }
        )
    ]


async def nothing(*_):
    """Nothing is put off."""


@pytest.mark.parametrize(("status", "told"), [(401, True), (429, False)])
async def test_a_token_that_the_service_refuses_is_told(caplog, status, told):
    """PazPaz's own checks had passed: a therapist would be sent to sign in again and again."""

    async def bearer(_):
        return "t"

    app = FastAPI()
    upstream = httpx.AsyncClient(
        transport=httpx.MockTransport(lambda _: httpx.Response(status, json={}))
    )
    app.include_router(create_proxy_router(service_url="http://ai", client=upstream, bearer=bearer))
    browser = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://pazpaz")

    answer = await browser.post("/api/v1/ai/agent/chat", json={"query": "x"})

    assert answer.status_code == status
    assert ("token refused by the service: path=/chat" in caplog.text) is told
