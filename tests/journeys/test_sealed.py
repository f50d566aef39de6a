"""Vectors that nobody can read in the database, by the real processes: asked, edited, and moved both ways."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.container import Container, open_container
from service.demo.stage import Stage, open_stage
from tests.journeys.command_line import run, sql
from tests.journeys.practice import Practice, eventually, open_practice

NOTE = "התחילה לרוץ שוב ביום שלישי, שני קילומטרים."
QUESTION = "מתי התחילה לרוץ שוב?"


@pytest.fixture
async def sealing(stage: Stage, stages: Path) -> AsyncIterator[Stage]:
    """The servers of all journeys, with databases of its own and VECTORS=sealed in every process."""
    name = f"{stage.databases.worker.rpartition('/')[2]}_sealed"
    folder = stages / "sealed"
    folder.mkdir()
    async with open_stage(folder, name=name, servers=stage.servers, VECTORS="sealed") as opened:
        opened.start("monolith", "api", "worker")
        await opened.until_up(opened.monolith_url, opened.service_url)
        yield opened


@pytest.fixture
async def inside(sealing: Stage) -> AsyncIterator[Container]:
    async with open_container(sealing.settings()) as opened:
        yield opened


async def counts(stage: Stage) -> tuple[int, int]:
    """Vectors in clear, and sealed ones."""
    owner = stage.databases.owner
    clear = await sql(owner, "SELECT count(*) FROM session_vectors")
    return clear, await sql(owner, "SELECT coalesce(sum(chunks), 0)::int FROM sealed_vectors")


async def is_answered(practice: Practice, client: str, session: str) -> bool:
    answer = await practice.ask(QUESTION, client_id=client)
    [citation] = [one for one in answer["citations"] if one["session_id"] == session]
    text = (await practice.therapist.note(session))[citation["field_name"]]
    return bool(text[citation["start"] : citation["end"]] == citation["quote"])


async def test_a_question_is_answered_from_sealed_vectors(
    sealing: Stage, inside: Container
) -> None:
    """With an exact citation, after an edit, a rotation of keys, and both moves, of which an operator is told."""
    async with open_practice(sealing, inside) as practice:
        client = await practice.client()
        session = await practice.note(client, subjective=NOTE)
        await practice.settled()
        assert await counts(sealing) == (0, 1)
        assert await is_answered(practice, client, session)

        await practice.note(client, subjective="ישנה טוב יותר.")
        await practice.settled()
        told = await run(sealing, "keys", "rotate", "--data")
        assert told.code == 0, told
        assert await is_answered(practice, client, session)
        assert await counts(sealing) == (0, 2)

        plain = {**sealing.worker_environment, "VECTORS": "plain"}
        said = (await run(sealing, "reindex", "status", environment=plain)).out
        assert "2 notes not plain yet (`reindex move`)" in said
        said = (await run(sealing, "reindex", "move", environment=plain)).out
        assert said == "workspaces: 1 moved; 2 notes moved, all are plain\n"
        assert await counts(sealing) == (2, 0)
        assert await is_answered(practice, client, session)

        sealing.stop("worker")
        sealing.start("worker")
        await eventually(lambda: _is_warned(sealing), patience=60)
        assert (await run(sealing, "reindex", "move")).out.endswith(
            "2 notes moved, all are sealed\n"
        )
        assert await counts(sealing) == (0, 2)
        assert await is_answered(practice, client, session)


async def _is_warned(stage: Stage) -> bool:
    return "vectors.elsewhere" in (stage.folder / "worker.log").read_text()
