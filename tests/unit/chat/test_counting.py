"""Whole questions that count, from their wording to the line a therapist reads."""

from dataclasses import replace
from datetime import UTC, date, datetime
from types import SimpleNamespace
from uuid import UUID

import pytest

from service.chat.graph import build_graph
from service.chat.state import ChatContext
from service.chat.telling import run
from service.domain.answers import Question
from service.domain.identity import ClientId, Principal
from service.domain.progress import Line
from service.ports.index import IndexedNote, Space
from service.ports.models import Embedders
from service.retrieval.dense import DenseIndex
from service.retrieval.exhaustive import Reader
from service.retrieval.lexical import LexicalIndex
from service.retrieval.people import People
from service.retrieval.search import Finder
from tests.fakes import (
    CLIENT,
    WORKSPACE,
    InMemoryChunkStore,
    InMemoryKeyStore,
    InMemoryNoteSource,
    a_bag,
    a_client,
    a_context,
    a_note,
    index,
)
from tests.unit.doubles import USER

GRAPH = build_graph()
TODAY = datetime(2026, 5, 13, 9, tzinfo=UTC)
OTHER = ClientId(UUID(int=12))
CLIENTS = a_client(name=("Dana", "Levi")), a_client(OTHER, name=("תמר", "גולן"))
# Dana's by day and month, then Tamar's.
DANA = {
    (12, 1): "R knee 5/10, L hip sore. PHQ-9 18.",
    (9, 2): "Slept 4 h. Her sister Noa called. Work is hard.",
    (9, 3): "Denies SI. PHQ-9 12. No headaches.",
    (13, 4): "Sleeps well. L knee 3/10, R knee 2/10. BP 120/80.",
    (4, 5): "PHQ-9 7. Job interview.",
}
TAMAR = {
    (20, 1): "כאב ראש יומי. דיברה על אחותה.",
    (17, 2): "אין שינוי בשינה. ציון PHQ-9 14.",
    (14, 4): "ברך ימין 6/10. אחותה באה איתה. לחץ דם תקין.",
}


class NoVectors:
    """Reading all needs none."""

    model = "none"

    async def embed(self, texts, *, purpose, context):
        return [[1.0] for _ in texts]


class Practice:
    """Two clients with a course each, indexed with their names."""

    def __init__(self) -> None:
        self.store, self.source = InMemoryChunkStore(), InMemoryNoteSource()
        self.keys = InMemoryKeyStore()

    async def keep(self):
        key = (await self.keys.keys(workspace=WORKSPACE)).index
        for client in CLIENTS:
            self.source.take(client)
            bag = a_bag(client.profile, key=key)
            space = Space(NoVectors.model, {}, frozenset(), [])
            await self.store.put_client(client, IndexedNote(client.profile, bag, [space]))
        for client, course in ((CLIENT, DANA), (OTHER, TAMAR)):
            for day, text in course.items():
                await self.take(client, day, text)

    async def take(self, client, day, text="", **fields):
        at = datetime(2026, *reversed(day), 9, tzinfo=UTC)
        note = replace(a_note(text, client=client, **fields), session_date=at)
        self.source.take(note)
        await index(note, store=self.store, embedder=NoVectors(), keys=self.keys)

    def context(self) -> ChatContext:
        lexical, people = LexicalIndex(self.store), People(self.store)
        models = Embedders(NoVectors.model, {NoVectors.model: NoVectors()})
        reranker = SimpleNamespace(model="none")
        return ChatContext(
            principal=Principal(USER, WORKSPACE, "owner"),
            store=self.store,
            finder=Finder(
                self.store,
                self.source,
                models,
                reranker,
                reranker,
                lexical,
                people,
                DenseIndex(self.store),
            ),
            model=SimpleNamespace(model="scripted-1"),
            spare=SimpleNamespace(model="scripted-2"),
            reader=Reader(self.store, self.source, self.keys, lexical, people),
            calls=a_context(),
            clock=lambda: TODAY,
        )

    async def ask(self, text, client=None, *earlier):
        state = {"question": Question(text, "en", client), "earlier": earlier}
        news = []
        answer = await run(GRAPH, state, self.context(), tell=news.append)
        lines = [one for one in news if isinstance(one, Line)]
        assert "".join(line.text for line in lines) == answer.text
        assert [one for line in lines for one in line.citations] == list(answer.citations)
        return answer


@pytest.fixture
async def practice():
    opened = Practice()
    await opened.keep()
    return opened


def told(answer) -> tuple[str, list[str]]:
    """What was counted, and the days shown."""
    first, *rest = answer.text.split("\n")
    return first.partition(",")[0], [line.partition(".2026")[0] for line in rest]


@pytest.mark.parametrize(
    ("text", "client", "counted", "days"),
    [
        # A client given.
        ("How many sessions since March?", CLIENT, "3 sessions read", []),
        ("how many sessions did we have in the last three months", CLIENT, "3 sessions read", []),
        ("every session where sleep was mentioned", CLIENT, "2 of 5", ["9.2", "13.4"]),
        ("in which sessions did we work on sleep?", CLIENT, "2 of 5", ["9.2", "13.4"]),
        ("sessions where she had no sleep", CLIENT, "2 of 5", ["9.2", "13.4"]),
        ("How many times did Dana mention her sister?", CLIENT, "1 of 5", ["9.2"]),
        ("in which sessions did she deny suicidal thoughts?", CLIENT, "1 of 5", ["9.3"]),
        ("when did we talk about headaches?", CLIENT, "1 of 5", ["9.3"]),
        ("every session where blood pressure was measured", CLIENT, "1 of 5", ["13.4"]),
        ("when did she mention her work?", CLIENT, "2 of 5", ["9.2", "4.5"]),
        (
            "how many sessions in the last three months mention her work",
            CLIENT,
            "1 of 3",
            ["4.5"],
        ),
        ("in how many of the first three sessions did she sleep?", CLIENT, "1 of 3", ["9.2"]),
        ("in the first three sessions, how often did we discuss sleep?", CLIENT, "1 of 3", ["9.2"]),
        ("every session where the left knee was mentioned", CLIENT, "1 of 5", ["13.4"]),
        ("How did the right knee pain change?", CLIENT, "2 of 5", ["12.1", "13.4"]),
        ("how did the PHQ-9 score change?", CLIENT, "3 of 5", ["12.1", "9.3", "4.5"]),
        ("how has the PHQ-9 changed since March?", CLIENT, "2 of 3", ["9.3", "4.5"]),
        ("כמה פעמים הזכירה את אחותה?", OTHER, "בשתי פגישות מתוך 3", ["20.1", "14.4"]),
        ("כמה פעמים תמר הזכירה את אחותה?", OTHER, "בשתי פגישות מתוך 3", ["20.1", "14.4"]),
        ("כל הפגישות שבהן דיברנו על שינה", OTHER, "בפגישה אחת מתוך 3", ["17.2"]),
        ("כל הפגישות שבהן דיברנו על שינה", CLIENT, "בשתי פגישות מתוך 5", ["9.2", "13.4"]),
        ("איך השתנה הציון ב-PHQ-9?", OTHER, "בפגישה אחת מתוך 3", ["17.2"]),
        ("איך השתנה הכאב בברך ימין?", OTHER, "בפגישה אחת מתוך 3", ["14.4"]),
        ("כמה פגישות היו לנו מאז מרץ?", OTHER, "פגישה אחת שנקראה", []),
        (
            "בכמה פגישות בשלושת החודשים האחרונים דיברנו על אחותה?",
            OTHER,
            "בפגישה אחת מתוך שתיים",
            ["14.4"],
        ),
        ("בכמה משתי הפגישות הראשונות הוזכרה אחותה?", OTHER, "בפגישה אחת מתוך שתיים", ["20.1"]),
        # A client named.
        ("In how many sessions did Dana mention her sister?", None, "1 of 5", ["9.2"]),
        ("how many sessions did we have with Dana since March?", None, "3 sessions read", []),
        ("how did Dana's PHQ-9 change?", None, "3 of 5", ["12.1", "9.3", "4.5"]),
        ("כמה פעמים דיברה תמר על אחותה?", None, "בשתי פגישות מתוך 3", ["20.1", "14.4"]),
        ("כמה פגישות היו לנו עם תמר מאז מרץ?", None, "פגישה אחת שנקראה", []),
        # A whole practice.
        ("which sessions mention blood pressure?", None, "2 of 8", ["13.4", "14.4"]),
        ("באילו פגישות הוזכר לחץ דם?", None, "בשתי פגישות מתוך 8", ["13.4", "14.4"]),
        ("how many sessions mention headaches", None, "2 of 8", ["20.1", "9.3"]),
        ("how did the right knee pain change", None, "3 of 8", ["12.1", "13.4", "14.4"]),
        # Nothing but a time: its sessions.
        ("Whom did I meet last month?", None, "2 sessions read with 2 clients", ["13.4", "14.4"]),
        (
            "which clients did I see since April?",
            None,
            "3 sessions read with 2 clients",
            ["13.4", "14.4", "4.5"],
        ),
        ("What happened in February?", None, "2 sessions read with 2 clients", ["9.2", "17.2"]),
        ("list all sessions in March", None, "1 session read", ["9.3"]),
        ("Which of the sessions went well?", CLIENT, "5 sessions read", []),
        ("באילו פגישות היא לא הייתה?", OTHER, "3 פגישות שנקראו", []),
        ("list all sessions", CLIENT, "5 sessions read", ["12.1", "9.2", "9.3", "13.4", "4.5"]),
        ("עם מי נפגשתי בחודש שעבר?", None, "שתי פגישות של שני מטופלים שנקראו", ["13.4", "14.4"]),
        ("מה היה בפברואר?", None, "שתי פגישות של שני מטופלים שנקראו", ["9.2", "17.2"]),
        ("אילו פגישות היו בחודש שעבר?", None, "שתי פגישות של שני מטופלים שנקראו", ["13.4", "14.4"]),
    ],
)
async def test_a_question_that_counts_is_answered_by_exact_counts(
    practice, text, client, counted, days
):
    """In both languages, of a client given or named or of all, at a time or a place of the course."""
    said, shown = told(await practice.ask(text, client))

    assert counted in said
    assert shown == days


async def test_a_session_is_listed_with_its_client_and_how_it_begins(practice):
    """Whose it was, where there are several; the field that is asked for, if one is, and nothing where none has it."""
    answer = await practice.ask("whom did I meet last month?")
    assert answer.text.split("\n")[1:] == [
        "13.4.2026, Dana Levi: Sleeps well. [1]",
        "14.4.2026, תמר גולן: ברך ימין 6/10. [2]",
    ]
    await practice.take(CLIENT, (2, 5), plan="Sleep diary. To call Dr. Bar. Walk. Rest.")
    answer = await practice.ask("what did I plan this month?")
    assert [citation.quote for citation in answer.citations] == [
        "Sleep diary.",
        "To call Dr. Bar.",
        "Walk.",
    ]
    answer = await practice.ask("what did I plan last month?")
    assert (answer.status, answer.citations) == ("abstained", ())
    assert answer.text == "Nothing is written of that in 2 sessions read, 13.4.2026 to 14.4.2026."
    answer = await practice.ask("מה תכננתי בחודש שעבר?")
    assert answer.text.startswith("לא נכתב על כך דבר באף אחת משתי הפגישות שנקראו, ")


async def test_a_course_of_nothing_is_an_ordinary_question(practice):
    """Her progress in nothing named is better told by the best passages than by a count; a count needs no topic."""
    asked = Question("What is Dana's progress?", "en", None, intent="change", topic="Dana's")
    can_tell = practice.context().reader.can_tell

    assert not await can_tell(asked, workspace=WORKSPACE)
    assert await can_tell(replace(asked, intent="count"), workspace=WORKSPACE)
    sleep = replace(asked, text="What is Dana's progress in sleep?", topic="Dana's sleep")
    assert await can_tell(sleep, workspace=WORKSPACE)


async def test_a_follow_up_counts_on(practice):
    """The kind of answer stays, the topic is the new one."""
    first = "every session where sleep was mentioned"
    assert told(await practice.ask("and her sister?", CLIENT, first)) == (
        "Mentioned in 1 of 5 sessions read",
        ["9.2"],
    )
    assert date(2026, 5, 4) == (await practice.ask(first, CLIENT)).search.last_day
