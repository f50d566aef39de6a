"""Both sides get new signing keys while everything talks, and nobody is refused."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import httpx

from pazpaz_ai_client.signing import (
    EVENT_TAG,
    RING,
    WORKSPACES_TAG,
    LiveKeys,
    PrivateKey,
    Signer,
    read_folder,
)
from service.container import OUR_AUDIENCE, THEIR_AUDIENCE, Container
from service.demo.stage import Stage
from service.domain.identity import UserId, WorkspaceId
from tests.journeys.practice import Practice, eventually

NOTE = "התחילה לרוץ שוב ביום שלישי, שני קילומטרים."
QUESTION = "מתי התחילה לרוץ שוב?"
SWITCH_SECONDS = 4
ENOUGH_CALLS = 400
A_SLOW_MACHINE = 60.0
TROUBLE = (
    "delivery not accepted",
    "events.refused",
    "keys kept",
    "keys.kept",
    "monolith.away",
    "monolith.refused",
    "monolith.unsigned",
    "nonce store away",
    "service away",
    "signature refused",
)


@dataclass
class Traffic:
    """Calls that are made over and over until `stop`; one that fails raises, and so fails the test."""

    calls: Counter[str] = field(default_factory=Counter)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def sent(self) -> int:
        return self.calls.total() + self.calls["pull"]  # a pull is two calls

    async def is_enough(self) -> bool:
        return self.sent > ENOUGH_CALLS

    async def repeat(self, name: str, call: Callable[[], Awaitable[None]], pause: float) -> None:
        while not self.stop.is_set():
            await call()
            self.calls[name] += 1
            await asyncio.sleep(pause)


@dataclass(frozen=True)
class Caller:
    """Everything that can be signed in one practice, called from outside and through the page's way."""

    practice: Practice
    container: Container
    stage: Stage
    client: str
    session: str
    http: httpx.AsyncClient
    their_signer: Signer

    @property
    def workspace(self) -> WorkspaceId:
        return WorkspaceId(UUID(self.practice.workspace))

    async def ask(self) -> None:
        await self.practice.ask(QUESTION, client_id=self.client)

    async def edit(self) -> None:
        await self.practice.therapist.edit(self.session, plan=f"Seen at {time.time()}.")

    async def pull(self) -> None:
        user = UserId(UUID(self.practice.user))
        assert await self.container.notes.introspect(session="journey", user=user)
        assert [item async for item in self.container.notes.manifest(workspace=self.workspace)]

    async def send(self) -> None:
        """An event about the therapist, so that the API asks PazPaz about the login again."""
        answer = await self.deliver(self.their_signer)
        assert answer.status_code == 202, answer.text

    async def deliver(self, signer: Signer) -> httpx.Response:
        event = {
            "id": str(uuid4()),
            "workspace_id": self.practice.workspace,
            "entity": "users",
            "entity_id": self.practice.user,
            "kind": "status",
            "occurred_at": datetime.now(UTC).isoformat(),
        }
        body = {"delivery_id": str(uuid4()), "events": [event]}
        url = f"{self.stage.service_url}/internal/v1/events"
        return await self.http.post(url, json=body, auth=signer.auth(EVENT_TAG))


@asynccontextmanager
async def a_caller(practice: Practice, container: Container, stage: Stage) -> AsyncIterator[Caller]:
    client = await practice.client()
    session = await practice.note(client, subjective=NOTE)
    await practice.settled()
    theirs = LiveKeys(folder=stage.keys.their_keys, ring_file=stage.keys.our_keys / RING)
    signer = Signer(theirs, audience=OUR_AUDIENCE)
    async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
        yield Caller(practice, container, stage, client, session, http, signer)


async def keys(*words: str | Path) -> None:
    """The command, as an operator runs it."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "service.cli", "keys", *map(str, words)
    )
    assert await child.wait() == 0


async def rotate(folder: Path) -> None:
    await keys(
        *("rotate", "--folder", folder, "--switch-after", f"{SWITCH_SECONDS}s", "--overlap", "180s")
    )


def signing(folder: Path) -> PrivateKey:
    now = datetime.now(UTC)
    return read_folder(folder, now).at(now)


async def nonces(container: Container) -> set[tuple[str, str, str]]:
    """Direction, key and nonce of every message whose signature was good, whoever verified it."""
    names = [name async for name in container.redis.scan_iter(match="pp:nonce:*", count=1000)]
    return {(name.split(":")[2], name.split(":")[3], name.split(":")[4]) for name in names}


def log_sizes(stage: Stage) -> dict[Path, int]:
    return {path: path.stat().st_size for path in stage.folder.glob("*.log")}


def logged_since(sizes: dict[Path, int]) -> str:
    return "\n".join(path.read_bytes()[size:].decode() for path, size in sizes.items())


async def test_a_rotation_of_both_sides_refuses_nothing(
    practice: Practice, running: Stage, container: Container
) -> None:
    """Both sides switch keys under load without one refusal; then the old keys are worth nothing."""
    ours, theirs = running.keys.our_keys, running.keys.their_keys
    old = [signing(ours), signing(theirs)]
    sizes, traffic = log_sizes(running), Traffic()
    async with a_caller(practice, container, running) as caller, asyncio.TaskGroup() as group:
        for call, pause in ((caller.ask, 0.05), (caller.edit, 0.1), (caller.send, 0.01)):
            group.create_task(traffic.repeat(call.__name__, call, pause))
        for _ in range(2):
            group.create_task(traffic.repeat("pull", caller.pull, 0))
        await asyncio.gather(rotate(ours), rotate(theirs))
        assert signing(ours).keyid == old[0].keyid  # the next key waits
        await _until_switched(old, ours, theirs)
        new = [signing(ours), signing(theirs)]
        await asyncio.sleep(1)  # with the new keys, while the old ones are still accepted
        await asyncio.gather(
            keys("retire", old[0].keyid, "--folder", ours),
            keys("retire", old[1].keyid, "--folder", theirs),
        )
        await asyncio.sleep(2.5)  # every process has looked at its files once more
        await eventually(traffic.is_enough, patience=A_SLOW_MACHINE)
        traffic.stop.set()

    sys.stdout.write(f"{traffic.sent} calls, none failed: {dict(traffic.calls)}\n")
    said = logged_since(sizes)
    assert [word for word in TROUBLE if word in said] == []
    await _only_these_sign(new, practice, container, caller)
    await _refused(old, caller, sizes)


async def _until_switched(old: list[PrivateKey], ours: Path, theirs: Path) -> None:
    async def switched() -> bool:
        return not {signing(ours).keyid, signing(theirs).keyid} & {key.keyid for key in old}

    await eventually(switched)


async def _only_these_sign(
    new: list[PrivateKey], practice: Practice, container: Container, caller: Caller
) -> None:
    """What the API and the worker sign to PazPaz, and PazPaz to the API, is signed with the new keys."""
    await practice.settled()
    before = await nonces(container)
    await caller.edit()
    await practice.settled()
    await caller.ask()

    fresh = {(direction, keyid) for direction, keyid, _ in await nonces(container) - before}
    assert fresh == {("pull", new[0].keyid), ("event", new[1].keyid)}


async def _refused(old: list[PrivateKey], caller: Caller, sizes: dict[Path, int]) -> None:
    """A good signature of a retired key is 401 on either side, and the log knows why."""
    async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
        pull = Signer(old[0], audience=THEIR_AUDIENCE).auth(WORKSPACES_TAG)
        url = f"{caller.stage.monolith_url}/internal/ai/v1/workspaces"
        pulled = await http.post(url, json={}, auth=pull)
        delivered = await replace(caller, http=http).deliver(Signer(old[1], audience=OUR_AUDIENCE))
    assert (pulled.status_code, delivered.status_code) == (401, 401)
    said = logged_since(sizes)
    assert "rule=retired_key" in said
    assert '"rule": "retired_key"' in said
