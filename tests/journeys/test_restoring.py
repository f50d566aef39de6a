"""The service's database put back from a backup by the commands of `helm/backup.md`, and made anew without one."""

import asyncio
import base64
import json
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from service.container import open_container
from service.demo.notes import Practice as Rows
from service.demo.notes import read_rows
from service.demo.stage import Stage
from tests.conftest import DATA
from tests.journeys.operator import (
    ASIDE,
    CONTENT,
    DUMP,
    EMPTY,
    FORGET,
    Operator,
    a_server,
    blocks,
    open_house,
    the_block,
)
from tests.journeys.practice import Practice, eventually, open_practice
from tests.journeys.test_erasing import agent, vectors_of

SWIM, SWAM = "When did she begin to swim?", "on Tuesdays"
LIFT, BOWLS = "Panic in the brindlewick lift?", "A kiln arrived: what does she make?"
BEFORE, AFTER = "Sleeps badly since the brindlewick move?", "Sleeps through since the pills?"
BIRD, OWL = "Does he hear an owl at night?", "an owl"
CANARIES = ("Quillfeather", "צפרירונית", "Marzipanesque", "brindlewick", "עננכבידות")
NOTES = int(os.environ.get("NOTES", "10"))
"""Beside those that are asked about; for a measurement: `NOTES=1000 pytest tests/journeys/test_restoring.py -s`."""
PATIENCE = 120.0 + NOTES / 5


@pytest.fixture(scope="module")
async def operator(stage: Stage) -> AsyncIterator[Operator]:
    name = f"pazpaz_restored_{uuid4().hex[:8]}"
    async with open_house(stage.folder / name, name=name, redis=stage.servers.redis_url) as opened:
        yield opened


@pytest.fixture
async def practice(operator: Operator) -> AsyncIterator[Practice]:
    async with AsyncExitStack() as stack:
        yield await a_practice(operator.stage, stack)


@dataclass(frozen=True)
class Told:
    """What a practice had before the backup, and how it asks for it."""

    practice: Practice
    client: str
    leaver: str
    edited: str
    conversation: str
    another: str

    async def ask(self, question: str) -> str:
        """The answer about the client who stays."""
        return str((await self.practice.ask(question, client_id=self.client))["answer"])

    async def cited(self, question: str) -> list[tuple[str, str, str]]:
        """The words the answer rests on, and where they stand."""
        found = (await self.practice.ask(question, client_id=self.client))["citations"]
        return [(one["session_id"], one["field_name"], one["quote"]) for one in found]

    async def read_again(self) -> httpx.Response:
        return await self.history("GET", self.conversation)

    async def history(self, method: str, conversation: str) -> httpx.Response:
        path = f"/api/v1/ai/agent/history/{conversation}"
        return await self.practice.therapist.call(method, path)


async def furnish(practice: Practice) -> Told:
    client = await practice.client("Noa", "Bar")
    leaver = await practice.client(*CANARIES[:2], medical_history="Marzipanesque dreams.")
    await practice.note(client, subjective=f"She began to swim {SWAM}.")
    edited = await practice.note(client, subjective="He sleeps badly since the brindlewick move.")
    await practice.note(leaver, subjective="Panic עננכבידות in the brindlewick lift.")
    await others(practice)
    await practice.settled(patience=PATIENCE)
    answer = await practice.ask(SWIM, client_id=client)
    about_the_leaver = await practice.ask(LIFT, client_id=leaver)
    assert SWAM in answer["answer"]
    assert "brindlewick" in about_the_leaver["answer"]
    another = await practice.ask(BEFORE, client_id=client)
    assert "badly" in another["answer"]
    conversations = answer["conversation_id"], another["conversation_id"]
    return Told(practice, client, leaver, edited, *conversations)


async def others(practice: Practice) -> None:
    """Our invented notes, again and again, of one more client."""
    client = await practice.client("Other", "Notes")
    known, place = read_rows(DATA / "sessions.jsonl"), {"workspace_id": practice.workspace}
    notes = [
        {**known[number % len(known)], **place, "client_id": client, "session_id": str(uuid4())}
        for number in range(NOTES)
    ]
    await practice.admin.put(Rows([], [], [], notes), lambda done: None)


@contextmanager
def timed(what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    print(f"{NOTES} notes, {what}: {time.monotonic() - began:.1f} s")  # noqa: T201 - the page's figures


async def test_a_dump_tells_no_word(operator: Operator, practice: Practice) -> None:
    """Notes, names, questions and answers are not in it, in whatever form; plain vectors are, as the page says. The
    owner's own dump is refused, for walls stand before it too."""
    told = await furnish(practice)
    with timed("dumped"):
        await operator.do(the_block(DUMP))
    print((await operator.do("du -h ai.dump")).strip())  # noqa: T201
    dump = (await operator.do("pg_restore --file=- ai.dump")).encode()
    assert practice.workspace.encode() in dump
    assert [word for word in CANARIES for form in forms(word) if form in dump] == []
    vector, *_ = await vectors_of(operator.stage, told.leaver)
    assert vector.encode() in dump
    with pytest.raises(AssertionError, match="query would be affected by row-level security"):
        await operator.do('pg_dump --file=no.dump "$OWNER_URL"')
    with pytest.raises(AssertionError, match=r"app\.workspace_id is not set"):
        await operator.do('pg_dump --enable-row-security --file=no.dump "$OWNER_URL"')


def forms(word: str) -> list[bytes]:
    """As text, in JSON, in the hexadecimal of a column of bytes, in base64 wherever it begins."""
    plain = word.encode()
    at_each_third = [base64.b64encode(b"\0" * n + plain)[4:-4] for n in range(3)]
    return [plain, json.dumps(word).strip('"').encode(), plain.hex().encode(), *at_each_third]


async def test_lost_without_a_backup_it_is_rebuilt_from_pazpaz(
    operator: Operator, practice: Practice
) -> None:
    """The key-encryption key is lost too. The same questions are answered by the same words of the same notes once it
    is ready; what was erased stays erased, and conversations are gone."""
    told = await furnish(practice)
    await erased(operator.stage, told)
    before = [await told.cited(question) for question in (SWIM, BEFORE)]
    assert all(before)

    key = await operator.do("pazpaz-agent keys kek")
    await asyncio.to_thread(operator.stage.keys.key_encryption_key.write_text, key)
    (commands,) = blocks("Lost, no backup")
    with timed("of two practices, read again from PazPaz, with the commands and the starts"):
        await operator.do(commands)
        await operator.stage.until_up(operator.stage.service_url)
        await eventually(lambda: is_ready(operator.stage), patience=PATIENCE)
    assert [await told.cited(question) for question in (SWIM, BEFORE)] == before
    await the_leaver_is_forgotten(told)
    assert (await told.read_again()).status_code == 404


async def test_a_process_that_outlives_a_restore_answers_from_what_came_back(
    operator: Operator, practice: Practice
) -> None:
    """An API that nobody stopped holds in memory what the backup does not know; it shuts by itself, and afterwards
    finds a note by its newest words; a practice whose keys were lost finds its own, under new ones."""
    stage = operator.stage
    told = await furnish(practice)
    await operator.do(the_block(DUMP))
    async with AsyncExitStack() as stack:
        young = await a_young_practice(stage, stack)
        await edited(told)
        stage.stop("worker")
        with timed("of three practices, restored"):
            for block in (ASIDE, EMPTY, CONTENT):
                await operator.do(the_block(block))
        await eventually(lambda: is_shut(stage))
        await practice.therapist.edit(
            told.edited, subjective="He sleeps lightly beside the terrier."
        )
        with timed("of three practices, compared, with the worker's start"):
            stage.start("worker")
            await eventually(lambda: is_ready(stage), patience=PATIENCE)
        assert "terrier" in await told.ask("Sleeps lightly beside the terrier?")
        assert OWL in (await young.ask(BIRD))["answer"]
        assert SWAM in (await told.read_again()).text


async def test_a_backup_comes_back_in_a_new_server(operator: Operator, practice: Practice) -> None:
    """What was erased since is not found, what was written since is, an edited note has its new words only, old
    conversations can be read, a practice that is younger than the backup works, and the trail is whole; after a pause
    in which nobody is answered."""
    told = await furnish(practice)
    await operator.do(the_block(DUMP))
    async with AsyncExitStack() as stack:
        young = await after_the_backup(operator.stage, told, stack)
        elsewhere = operator.at(stack.enter_context(a_server(operator.folder / "second")))
        stack.callback(back_again, operator)

        looks = await restored(elsewhere, without=ASIDE)
        assert "\nequal\n" in looks
        assert looks.endswith(": whole\n")

        await the_leaver_is_forgotten(told)
        assert SWAM in await told.ask(SWIM)
        assert "bowls" in await told.ask(BOWLS)
        assert "badly" not in await told.ask(BEFORE)
        assert "through" in await told.ask(AFTER)
        assert SWAM in (await told.read_again()).text
        assert OWL in (await young.ask(BIRD))["answer"]
        await nothing_is_missing_in_pazpaz(elsewhere.stage, told.practice)
        deleted = await deleted_at_pazpaz(elsewhere.stage, practice)
        assert deleted == [told.another]
        assert (await told.history("GET", told.another)).status_code == 200
        await elsewhere.do(the_block(FORGET), CONVERSATION=told.another)
        assert (await told.history("GET", told.another)).status_code == 404
        assert SWAM in (await told.read_again()).text


async def a_practice(house: Stage, stack: AsyncExitStack) -> Practice:
    container = await stack.enter_async_context(open_container(house.settings()))
    return await stack.enter_async_context(open_practice(house, container, language="en"))


async def after_the_backup(house: Stage, told: Told, stack: AsyncExitStack) -> Practice:
    """Erased, edited, written and asked since; and a practice that is younger than the backup."""
    await erased(house, told)
    await edited(told)
    assert (await told.history("DELETE", told.another)).status_code == 204
    await told.practice.note(told.client, subjective="A kiln arrived, and she makes bowls.")
    await told.practice.settled()
    assert "bowls" in await told.ask(BOWLS)
    return await a_young_practice(house, stack)


async def erased(house: Stage, told: Told) -> None:
    named = ("client", told.leaver, "--workspace", told.practice.workspace, "--yes")
    await asyncio.to_thread(agent, house, "erase", *named)
    await the_leaver_is_forgotten(told)


async def the_leaver_is_forgotten(told: Told) -> None:
    """PazPaz still has the notes, and search finds none of them."""
    asked = await told.practice.ask(LIFT)
    assert "lift" not in asked["answer"]


async def edited(told: Told) -> None:
    await told.practice.therapist.edit(told.edited, subjective="He sleeps through since the pills.")
    await told.practice.settled()
    assert "through" in await told.ask(AFTER)


async def a_young_practice(house: Stage, stack: AsyncExitStack) -> Practice:
    young = await a_practice(house, stack)
    await young.note(await young.client(), subjective=f"At night he hears {OWL}.")
    await young.settled()
    assert OWL in (await young.ask(BIRD))["answer"]
    return young


def back_again(operator: Operator) -> None:
    """To the first server, for the next test."""
    operator.stage.stop("api", "worker")
    operator.stage.start("api", "worker")


async def restored(operator: Operator, *, without: str) -> str:
    """By every block of the page in its order but one; what the last one said.

    PazPaz is away until the API was seen to be shut: nothing can be compared before.
    """
    stage = operator.stage
    steps = [one for one in blocks("Restore") if without not in one and FORGET not in one]
    shut, *opening, api, look = steps
    await operator.do(shut)
    stage.stop("monolith")
    for block in (*opening, api):
        await operator.do(block)
    await stage.until_up(stage.service_url)
    assert (await readiness(stage)).status_code == 503
    stage.start("monolith")
    await stage.until_up(stage.monolith_url)
    await eventually(lambda: is_ready(stage), patience=PATIENCE)
    return await operator.do(look)


async def is_shut(stage: Stage) -> bool:
    return (await readiness(stage)).json().get("status") == "restoring"


async def is_ready(stage: Stage) -> bool:
    return (await readiness(stage)).status_code == 200


async def readiness(stage: Stage) -> httpx.Response:
    async with httpx.AsyncClient(base_url=stage.service_url, trust_env=False) as http:
        return await http.get("/readyz")


async def nothing_is_missing_in_pazpaz(stage: Stage, practice: Practice) -> None:
    """PazPaz's copy has each row of ours, also those that took the numbers of rows that the restore lost."""
    ours = await rows(
        stage.databases.owner,
        "SELECT seq::text, encode(hash, 'hex') FROM audit WHERE workspace_id = $1",
        practice.workspace,
    )
    assert ours

    async def there() -> bool:
        copy = await rows(
            stage.databases.monolith,
            "SELECT told->>'seq', told->>'hash' FROM audit_events,"
            " LATERAL (SELECT event_metadata->'metadata' AS told) _ WHERE workspace_id = $1",
            practice.workspace,
        )
        return ours <= copy and len(copy) > len(ours)

    await eventually(there)


async def deleted_at_pazpaz(stage: Stage, practice: Practice) -> list[str]:
    """The conversations that PazPaz's log knows as deleted."""
    found = await rows(
        stage.databases.monolith,
        "SELECT event_metadata#>>'{metadata,details,conversation}' FROM audit_events"
        " WHERE workspace_id = $1 AND event_metadata->'metadata'->>'action' = 'conversation.deleted'",
        practice.workspace,
    )
    return [id for (id,) in found]


async def rows(url: str, query: str, workspace: str) -> set[tuple[str, ...]]:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        await connection.execute("SELECT set_config('app.workspace_id', $1, false)", workspace)
        return {tuple(row) for row in await connection.fetch(query, UUID(workspace))}
    finally:
        await connection.close()
