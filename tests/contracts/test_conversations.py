"""The contract of ConversationStore."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from service.domain.identity import ClientId, UserId, WorkspaceId
from service.domain.notes import Note, NoteRef
from service.domain.turns import Sentence, Source, Turn
from service.errors import ConversationNotFound
from service.ports.index import IndexedNote
from tests.contracts.bench import Bench, counted, indexed
from tests.fakes import CLIENT, NOW, OTHER_WORKSPACE, WORKSPACE, a_client, a_note

USER, COLLEAGUE = UserId(UUID(int=21)), UserId(UUID(int=22))
OTHER_CLIENT = ClientId(UUID(int=12))
CITED = {"marker": 1, "quote": "ישנה רע", "start": 0, "similarity": 0.5}


def said(text: str, *notes: Note) -> Sentence:
    """A sentence that leans on some notes."""
    return Sentence(
        text, [CITED] if notes else [], {note.ref: Source(note.client) for note in notes}
    )


def a_turn(
    *sentences: Sentence | None, question: str | None = "איך היא ישנה?", after: int = 0
) -> Turn:
    """A turn, `after` minutes into the day."""
    asked_at = NOW + timedelta(minutes=after)
    return Turn(uuid4(), question, sentences, {"status": "answered"}, asked_at)


async def add(
    bench: Bench,
    *turns: Turn,
    conversation: UUID | None = None,
    client: ClientId | None = None,
    user: UserId = USER,
    workspace: WorkspaceId = WORKSPACE,
) -> UUID:
    conversation = conversation or uuid4()
    for turn in turns:
        await bench.conversations.add_turn(
            conversation=conversation, client=client, user=user, workspace=workspace, turn=turn
        )
    return conversation


async def texts(bench: Bench, conversation: UUID) -> list[tuple[str | None, list[str | None]]]:
    """Each turn's question and sentences."""
    turns = await bench.conversations.turns(conversation, user=USER, workspace=WORKSPACE)
    return [(turn.question, _texts(turn.sentences)) for turn in turns]


def _texts(sentences: Sequence[Sentence | None]) -> list[str | None]:
    return [one.text if one else None for one in sentences]


async def test_turns_are_read_back_in_order(bench: Bench) -> None:
    """A conversation gives back its turns as they were said, oldest first, without their links."""
    note = a_note("ישנה רע")
    await bench.index(note)
    first = a_turn(said("היא ישנה רע.", note), said("לא נמצא יותר."))
    second = a_turn(said("Nothing more."), question="And now? 🌙", after=1)
    conversation = await add(bench, second, first)

    turns = await bench.conversations.turns(conversation, user=USER, workspace=WORKSPACE)
    assert [turn.id for turn in turns] == [first.id, second.id]
    assert [turn.question for turn in turns] == ["איך היא ישנה?", "And now? 🌙"]
    assert turns[0].sentences == [
        Sentence("היא ישנה רע.", [CITED], {}),
        Sentence("לא נמצא יותר.", [], {}),
    ]
    assert (turns[0].outcome, turns[0].asked_at) == ({"status": "answered"}, NOW)


async def test_the_last_questions_are_read_alone(bench: Bench) -> None:
    """So many of the newest that are still there, oldest first, of this conversation."""
    asked = [a_turn(question=question, after=n) for n, question in enumerate(["a", "b", None, "c"])]
    conversation = await add(bench, *asked[::-1])
    await add(bench, a_turn(question="elsewhere", after=9))

    async def last(most: int) -> list[str]:
        there: dict[str, Any] = {"user": USER, "workspace": WORKSPACE}
        return list(await bench.conversations.last_questions(conversation, **there, most=most))

    assert [await last(most) for most in (1, 2, 9)] == [["c"], ["b", "c"], ["a", "b", "c"]]


async def test_a_line_keeps_what_stands_before_it(bench: Bench) -> None:
    """The day of a session is sealed with its sentence; a heading hides when one note of many it counted is gone."""
    kept, gone = a_note("ישנה רע"), a_note("ישנה")
    await bench.index(kept, gone)
    line = replace(said("ישנה רע", kept), lead="3.3.2026: ")
    conversation = await add(bench, a_turn(said("הוזכר בשתי פגישות.", kept, gone), line))
    await bench.forget(gone.ref)

    [turn] = await bench.conversations.turns(conversation, user=USER, workspace=WORKSPACE)
    assert turn.sentences == [None, Sentence("ישנה רע", [CITED], {}, "3.3.2026: ")]


async def test_what_is_missing_stays_missing(bench: Bench) -> None:
    """A turn without its question or some of its sentences keeps the others in their places."""
    conversation = await add(bench, a_turn(said("one"), None, said("three"), question=None))

    assert await texts(bench, conversation) == [(None, ["one", None, "three"])]


async def test_a_head_tells_scope_start_and_length(bench: Bench) -> None:
    """A conversation keeps the scope and the moment of its first turn, and counts its turns."""
    conversation = await add(bench, a_turn(after=1), a_turn(after=2), client=CLIENT)

    head = await bench.conversations.head(conversation, user=USER, workspace=WORKSPACE)
    assert head is not None
    assert (head.id, head.client, head.turns) == (conversation, CLIENT, 2)
    assert head.started_at == NOW + timedelta(minutes=1)
    assert await bench.conversations.head(uuid4(), user=USER, workspace=WORKSPACE) is None


async def test_a_line_has_the_first_question_that_is_still_there(bench: Bench) -> None:
    """A list shows how a conversation began, as far as that was not erased, and when it was last gone on with."""
    gone = a_note("one")
    await bench.index(gone)
    first = a_turn(said("from one", gone), question="first")
    conversation = await add(bench, a_turn(question="third", after=2), first)
    await add(bench, a_turn(question="second", after=1), conversation=conversation)
    page: dict[str, Any] = {"user": USER, "workspace": WORKSPACE, "before": None, "limit": 9}

    [line] = await bench.conversations.page(**page)
    assert (line.question, line.turns) == ("first", 3)
    assert line.last_at == NOW + timedelta(minutes=2)
    await bench.erase(gone.ref)
    [line] = await bench.conversations.page(**page)
    assert line.question == "second"


async def test_where_every_question_is_gone_a_line_has_none(bench: Bench) -> None:
    """A conversation is listed without a question too."""
    await add(bench, a_turn(question=None))
    [line] = await bench.conversations.page(user=USER, workspace=WORKSPACE, before=None, limit=9)
    assert (line.question, line.turns) == (None, 1)


async def test_a_page_can_be_of_one_client(bench: Bench) -> None:
    """Then it has the conversations about that client alone, in the same order and with the same bounds."""
    ids = [await add(bench, a_turn(after=n), client=CLIENT) for n in range(3)]
    await add(bench, a_turn(after=1))
    await add(bench, a_turn(after=1), client=OTHER_CLIENT)
    await add(bench, a_turn(after=1), client=CLIENT, user=COLLEAGUE)
    page: dict[str, Any] = {"user": USER, "workspace": WORKSPACE, "client": CLIENT, "limit": 2}

    first = await bench.conversations.page(before=None, **page)
    rest = await bench.conversations.page(before=first[-1].started_at, **page)
    assert [line.id for line in (*first, *rest)] == ids[::-1]


async def test_a_page_can_be_of_the_whole_practice(bench: Bench) -> None:
    """Then it has the conversations about no one client alone."""
    ids = [await add(bench, a_turn(after=n)) for n in range(2)]
    await add(bench, a_turn(after=1), client=CLIENT)
    await add(bench, a_turn(after=1), user=COLLEAGUE)

    page: dict[str, Any] = {"user": USER, "workspace": WORKSPACE, "before": None, "limit": 9}
    lines = await bench.conversations.page(whole_practice=True, **page)
    assert [line.id for line in lines] == ids[::-1]
    assert len(await bench.conversations.page(**page)) == 3


async def test_pages_are_newest_first(bench: Bench) -> None:
    """A page holds at most so many conversations, and the next one goes on before its last."""
    ids = [await add(bench, a_turn(after=minute)) for minute in range(3)]
    page: dict[str, Any] = {"user": USER, "workspace": WORKSPACE, "limit": 2}

    first = await bench.conversations.page(before=None, **page)
    assert [head.id for head in first] == [ids[2], ids[1]]
    rest = await bench.conversations.page(before=first[-1].started_at, **page)
    assert [head.id for head in rest] == [ids[0]]


@pytest.mark.parametrize(
    ("user", "workspace"),
    [(COLLEAGUE, WORKSPACE), (USER, OTHER_WORKSPACE)],
    ids=["user", "workspace"],
)
async def test_nobody_else_sees_a_conversation(
    bench: Bench, user: UserId, workspace: WorkspaceId
) -> None:
    """A colleague, and the same user in another workspace, can neither see nor delete a conversation."""
    conversation = await add(bench, a_turn(said("private")))
    store = bench.conversations

    assert await store.head(conversation, user=user, workspace=workspace) is None
    assert await store.turns(conversation, user=user, workspace=workspace) == []
    theirs = await store.last_questions(conversation, user=user, workspace=workspace, most=9)
    assert theirs == []
    assert await store.page(user=user, workspace=workspace, before=None, limit=10) == []
    assert not await store.delete(conversation, user=user, workspace=workspace)
    assert len(await texts(bench, conversation)) == 1


async def test_a_colleagues_turn_does_not_enter_a_conversation(bench: Bench) -> None:
    """A turn is refused where another user's conversation has the id."""
    conversation = await add(bench, a_turn(said("mine")))

    with pytest.raises(ConversationNotFound):
        await add(bench, a_turn(said("theirs")), conversation=conversation, user=COLLEAGUE)
    assert await texts(bench, conversation) == [("איך היא ישנה?", ["mine"])]


async def test_the_same_id_in_two_workspaces_is_two_conversations(bench: Bench) -> None:
    """One id in two workspaces holds two conversations, deleted apart."""
    conversation = await add(bench, a_turn(said("here")))
    there = {"workspace": OTHER_WORKSPACE, "user": USER}
    await add(bench, a_turn(said("there")), conversation=conversation, workspace=OTHER_WORKSPACE)

    assert await texts(bench, conversation) == [("איך היא ישנה?", ["here"])]
    assert await bench.conversations.delete(conversation, user=USER, workspace=WORKSPACE)
    (turn,) = await bench.conversations.turns(conversation, **there)
    assert _texts(turn.sentences) == ["there"]


async def test_a_deleted_conversation_is_gone(bench: Bench) -> None:
    """Deleting takes the conversation with all its turns, once."""
    conversation, other = await add(bench, a_turn(said("text"))), await add(bench, a_turn())
    assert await bench.conversations.delete(conversation, user=USER, workspace=WORKSPACE)

    assert await texts(bench, conversation) == []
    page = await bench.conversations.page(user=USER, workspace=WORKSPACE, before=None, limit=9)
    assert [head.id for head in page] == [other]
    assert not await bench.conversations.delete(conversation, user=USER, workspace=WORKSPACE)


async def test_all_of_a_users_conversations_go_at_once(bench: Bench) -> None:
    """A colleague's, and the same user's in another workspace, stay."""
    for _ in range(2):
        await add(bench, a_turn(said("mine")))
    kept = [
        (COLLEAGUE, WORKSPACE, await add(bench, a_turn(), user=COLLEAGUE)),
        (USER, OTHER_WORKSPACE, await add(bench, a_turn(), workspace=OTHER_WORKSPACE)),
    ]
    assert await bench.conversations.delete_all(user=USER, workspace=WORKSPACE) == 2
    assert await bench.conversations.delete_all(user=USER, workspace=WORKSPACE) == 0

    listed = {"before": None, "limit": 9}
    assert await bench.conversations.page(user=USER, workspace=WORKSPACE, **listed) == []
    for user, workspace, id in kept:
        [line] = await bench.conversations.page(user=user, workspace=workspace, **listed)
        assert line.id == id


def quoting(note: Note, **texts: str) -> Sentence:
    """A sentence that leans on fields with these digests."""
    source = Source(note.client, note.version, note.updated_at, texts)
    return Sentence("said", [CITED], {note.ref: source})


def with_texts(note: Note, **texts: str) -> IndexedNote:
    """A note of which the index holds these digests."""
    return replace(indexed(note), texts=texts)


async def changed(bench: Bench, conversation: UUID) -> list[set[str] | None]:
    """The fields of each sentence of its only turn that say something else by now; None for a hidden one."""
    [turn] = await bench.conversations.turns(conversation, user=USER, workspace=WORKSPACE)
    return [{name for _, name in one.changed} if one else None for one in turn.sentences]


async def test_an_edit_of_a_cited_field_is_told(bench: Bench) -> None:
    """By the digest of the field's text: an edit to another field is no change, one taken back is none any more."""
    note, other = a_note("one", plan="two"), a_note("three")
    await bench.index(note, other)
    both = Source(note.client, 1, NOW, {"subjective": "a", "plan": "b"})
    turn = a_turn(
        quoting(note, subjective="a"),
        quoting(note, plan="b"),
        Sentence("both", [CITED], {note.ref: both, other.ref: Source(other.client, 1, NOW)}),
    )
    conversation = await add(bench, turn)

    await bench.index(with_texts(note, subjective="a", plan="b"))
    assert await changed(bench, conversation) == [set(), set(), set()]
    await bench.index(with_texts(note, subjective="c", plan="b", objective="d"))
    assert await changed(bench, conversation) == [{"subjective"}, set(), {"subjective"}]
    [read] = await bench.conversations.turns(conversation, user=USER, workspace=WORKSPACE)
    assert read.sentences[0] is not None
    assert read.sentences[0].changed == {(note.ref, "subjective")}
    await bench.index(with_texts(note, subjective="a"))
    assert await changed(bench, conversation) == [set(), {"plan"}, {"plan"}]


async def test_without_digests_the_moment_of_the_last_change_decides(bench: Bench) -> None:
    """A note that was not looked at since digests are kept; a sentence of before they were is taken as it is."""
    note = a_note("one")
    await bench.index(note)
    conversation = await add(bench, a_turn(quoting(note, subjective="a"), said("old", note)))
    assert await changed(bench, conversation) == [set(), set()]

    await bench.index(replace(note, updated_at=NOW + timedelta(seconds=1)))
    assert await changed(bench, conversation) == [{"subjective"}, set()]
    await bench.index(with_texts(note, subjective="a"))
    assert await changed(bench, conversation) == [set(), set()]


async def test_a_note_that_is_a_draft_again_hides_what_was_said(bench: Bench) -> None:
    """What nobody may search nobody is shown; final again, it is."""
    note = a_note("one")
    await bench.index(note)
    conversation = await add(bench, a_turn(quoting(note, subjective="a")))
    await bench.index(counted(replace(note, state="draft")))
    assert await changed(bench, conversation) == [None]
    await bench.index(note)
    assert await changed(bench, conversation) == [set()]


async def test_what_was_pinned_hides_and_goes_with_its_note(bench: Bench) -> None:
    """A quote above an answer is a sentence like any other: sealed, hidden with its note, shredded with it."""
    gone, other = a_note("one"), a_note("two")
    await bench.index(gone, other)
    risk = replace(said("danger", gone), is_risk=True)
    conversation = await add(bench, a_turn(said("from two", other), risk))
    [turn] = await bench.conversations.turns(conversation, user=USER, workspace=WORKSPACE)
    assert turn.sentences[1] == Sentence("danger", [CITED], {}, is_risk=True)

    await bench.forget(gone.ref)
    assert (await texts(bench, conversation))[0][1] == ["from two", None]
    await bench.index(gone)
    assert (await texts(bench, conversation))[0][1] == ["from two", "danger"]
    await bench.erase(gone.ref)
    await bench.index(gone)
    assert await texts(bench, conversation) == [(None, ["from two", None])]


async def test_any_number_of_sentences_is_kept(bench: Bench) -> None:
    """A client of many years may have thousands that speak of danger, and all are pinned above every answer."""
    note = a_note("one")
    await bench.index(note)
    risk = replace(said("danger", note), is_risk=True)
    conversation = await add(bench, a_turn(*[risk] * 5_000))
    [turn] = await bench.conversations.turns(conversation, user=USER, workspace=WORKSPACE)
    assert [one.text for one in turn.sentences if one] == ["danger"] * 5_000


async def test_the_days_that_were_searched_go_with_an_erased_note(bench: Bench) -> None:
    """One of them may have been the note's own; states and counts of the answer stay, other turns stay whole."""
    gone = a_note("one")
    await bench.index(gone)
    outcome = {"status": "answered", "withheld": 1, "search": {"notes_read": 3}}
    turns = a_turn(said("one", gone)), a_turn(said("none"), after=1)
    conversation = await add(bench, *(replace(turn, outcome=outcome) for turn in turns))
    await bench.erase(gone.ref)
    late = replace(a_turn(said("one", gone), after=2), outcome=outcome)
    await add(bench, late, conversation=conversation)

    read = await bench.conversations.turns(conversation, user=USER, workspace=WORKSPACE)
    shorter = {"status": "answered", "withheld": 1}
    assert [turn.outcome for turn in read] == [shorter, outcome, shorter]


async def test_a_sentence_is_hidden_while_its_note_is_gone(bench: Bench) -> None:
    """What leans on a forgotten note is not shown, all else is, and it returns with the note."""
    gone, other = a_note("one"), a_note("two")
    await bench.index(gone, other)
    turn = a_turn(said("from one", gone), said("from two", other), said("from both", gone, other))
    conversation = await add(bench, turn)

    await bench.forget(gone.ref)
    assert await texts(bench, conversation) == [(turn.question, [None, "from two", None])]
    await bench.index(gone)
    assert await texts(bench, conversation) == [
        (turn.question, ["from one", "from two", "from both"])
    ]


async def test_sentences_about_an_archived_client_are_hidden(bench: Bench) -> None:
    """What leans on a client's profile or sessions is hidden while they are archived."""
    client, note = a_client(notes="profile"), a_note("session")
    await bench.put(client)
    await bench.index(note)
    conversation = await add(bench, a_turn(said("profile", client.profile), said("session", note)))

    await bench.put(a_client(is_active=False))
    assert (await texts(bench, conversation))[0][1] == [None, None]
    await bench.put(client)
    assert (await texts(bench, conversation))[0][1] == ["profile", None]
    await bench.index(note)
    assert (await texts(bench, conversation))[0][1] == ["profile", "session"]


async def test_an_erased_note_is_shredded_for_ever(bench: Bench) -> None:
    """Sentences and question of a purged note do not return, not even with a note of the same id."""
    gone, other = a_note("one"), a_note("two")
    await bench.index(gone, other)
    about_it = a_turn(said("from one", gone), said("from two", other))
    conversation = await add(bench, about_it, a_turn(said("two again", other), after=1))

    await bench.erase(gone.ref)
    left = [(None, [None, "from two"]), ("איך היא ישנה?", ["two again"])]
    assert await texts(bench, conversation) == left
    await bench.index(gone)
    assert await texts(bench, conversation) == left


async def test_an_erased_client_is_shredded_for_ever(bench: Bench) -> None:
    """With a purged client go all sentences that lean on them, and conversations about them alone as a whole."""
    mine, other = a_note("one"), a_note("two", client=OTHER_CLIENT)
    await bench.put(a_client(notes="profile"))
    await bench.index(mine, other)
    practice = await add(bench, a_turn(said("of them", mine), said("of another", other)))
    theirs = await add(bench, a_turn(said("Nothing was found about Dana.")), client=CLIENT)
    another = await add(bench, a_turn(said("Nothing was found.")), client=OTHER_CLIENT)

    await bench.erase(NoteRef(WORKSPACE, "clients", CLIENT))
    assert await texts(bench, practice) == [(None, [None, "of another"])]
    assert await texts(bench, theirs) == []
    assert await texts(bench, another) == [("איך היא ישנה?", ["Nothing was found."])]


async def test_what_was_purged_while_answering_is_not_kept(bench: Bench) -> None:
    """An answer that comes after the purge of its note or client is kept without what leaned on it."""
    gone, other, theirs = a_note("one"), a_note("two"), a_note("three", client=OTHER_CLIENT)
    await bench.index(gone, other, theirs)
    await bench.erase(gone.ref)
    await bench.erase(NoteRef(WORKSPACE, "clients", OTHER_CLIENT))

    late = [said("from one", gone), said("from two", other), said("from three", theirs)]
    conversation = await add(bench, a_turn(*late))
    about_them = await add(bench, a_turn(said("Nothing was found.")), client=OTHER_CLIENT)
    await bench.index(gone)
    assert await texts(bench, conversation) == [(None, [None, "from two", None])]
    assert await texts(bench, about_them) == []


async def test_erasing_stays_in_its_workspace(bench: Bench) -> None:
    """The same note id in another workspace keeps what was said from it."""
    mine = a_note("one")
    theirs = a_note("one", id=mine.ref.id, workspace=OTHER_WORKSPACE)
    await bench.index(mine, theirs)
    there: dict[str, Any] = {"user": USER, "workspace": OTHER_WORKSPACE}
    scope = {"client": CLIENT, "workspace": OTHER_WORKSPACE}
    conversation = await add(bench, a_turn(said("from theirs", theirs)), **scope)

    await bench.erase(mine.ref)
    await bench.erase(NoteRef(WORKSPACE, "clients", CLIENT))
    (turn,) = await bench.conversations.turns(conversation, **there)
    assert (turn.question, _texts(turn.sentences)) == ("איך היא ישנה?", ["from theirs"])
