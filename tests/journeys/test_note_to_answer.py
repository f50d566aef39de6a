"""A note goes in, a cited answer comes out, and the answer follows the note."""

from tests.journeys.practice import Practice

FIRST = 'המטופלת לוקחת איבופרן 400 מ"ג פעמיים ביום. ישנה היטב 🙂. אין חום.'
QUESTION = "כמה איבופרן היא לוקחת?"


def cited_sessions(answer: dict) -> set:
    return {citation["session_id"] for citation in answer["citations"]}


async def test_a_note_becomes_searchable_and_is_quoted_exactly(practice: Practice) -> None:
    """The answer cites the note's session and field, and the quote is the note's text at the offsets given."""
    client = await practice.client()
    session = await practice.note(client, subjective=FIRST, plan="המשך תרגול נשימה.")
    await practice.settled()

    answer = await practice.ask(QUESTION, client_id=client)

    assert answer["answer_status"] == "answered"
    assert answer["model"].startswith("local")
    assert cited_sessions(answer) == {session}
    note = await practice.therapist.note(session)
    for citation in answer["citations"]:
        text = note[citation["field_name"]]
        assert text[citation["start"] : citation["end"]] == citation["quote"]
        sentence = answer["answer"][citation["answer_start"] : citation["answer_end"]]
        assert sentence == citation["quote"]
        assert f"[{citation['marker']}]" in answer["answer"]
    assert any("400" in citation["quote"] for citation in answer["citations"])


async def test_an_edit_changes_the_answer(practice: Practice) -> None:
    """After an edit the new dose is quoted and the old one is gone."""
    client = await practice.client()
    session = await practice.note(client, subjective=FIRST)
    await practice.settled()
    await practice.therapist.edit(session, subjective=FIRST.replace("400", "600"))
    await practice.settled()

    answer = await practice.ask(QUESTION, client_id=client)

    assert "600" in answer["answer"]
    assert "400" not in answer["answer"]
    assert answer["citations"][0]["note_version"] > 1


async def test_a_question_that_counts_reads_every_note(practice: Practice) -> None:
    """Exact counts of the named client's sessions in either language, and each quote at its offsets."""
    hers, another = await practice.client(), await practice.client("נועם", "פז")
    said = ["🙂 ישנה 4 שעות. שינה גרועה 🙂.", "כאב בברך ימין.", "Sleep better."]
    notes = [
        await practice.note(hers, subjective=text, session_date=f"2026-0{month}-02T09:00:00Z")
        for month, text in enumerate(said, 3)
    ]
    await practice.note(another, subjective="שינה טובה.")
    await practice.settled()

    answer = await practice.ask("בכמה פגישות של אורה הוזכרה שינה?")

    assert answer["answer_status"] == "answered"
    assert answer["answer"].startswith("הוזכר בשתי פגישות מתוך 3 שנקראו, מ-2.3.2026 עד 2.5.2026.")
    assert (answer["search"]["notes_read"], answer["search"]["notes_total"]) == (3, 3)
    assert [one["session_id"] for one in answer["citations"]] == [notes[0], notes[2]]
    for citation in answer["citations"]:
        text = (await practice.therapist.note(citation["session_id"]))[citation["field_name"]]
        assert text[citation["start"] : citation["end"]] == citation["quote"]
        sentence = answer["answer"][citation["answer_start"] : citation["answer_end"]]
        assert sentence == citation["quote"]


async def test_a_question_right_after_an_edit_quotes_the_new_text(practice: Practice) -> None:
    """Text is pulled at answer time, so even an edit that is not indexed yet is quoted as it stands now."""
    client = await practice.client()
    session = await practice.note(client, subjective=FIRST)
    await practice.settled()
    await practice.therapist.edit(session, subjective=FIRST.replace("400", "800"))

    answer = await practice.ask(QUESTION, client_id=client)

    assert "400" not in answer["answer"]


async def test_a_deleted_note_is_gone_and_a_restored_one_is_back(practice: Practice) -> None:
    """Deleting takes a note out of answers at once; restoring brings it back."""
    client = await practice.client()
    session = await practice.note(client, subjective=FIRST)
    await practice.settled()

    await practice.do("DELETE", f"/api/v1/sessions/{session}")
    assert (await practice.ask(QUESTION, client_id=client))["answer_status"] == "abstained"
    await practice.settled()
    assert (await practice.ask(QUESTION, client_id=client))["search"]["notes_read"] == 0

    await practice.do("POST", f"/api/v1/sessions/{session}/restore")
    await practice.settled()
    assert cited_sessions(await practice.ask(QUESTION, client_id=client)) == {session}


async def test_an_archived_client_is_not_found_until_active_again(practice: Practice) -> None:
    """Archiving a client takes all of their notes out; making them active again brings all of them back."""
    client = await practice.client()
    session = await practice.note(client, subjective=FIRST)
    await practice.settled()

    await practice.do("DELETE", f"/api/v1/clients/{client}")
    await practice.settled()
    assert (await practice.ask(QUESTION))["answer_status"] == "abstained"
    refused = await practice.therapist.ask(QUESTION, client_id=client)
    assert refused.status_code == 404

    await practice.do("PUT", f"/api/v1/clients/{client}", {"is_active": True})
    await practice.settled()
    assert cited_sessions(await practice.ask(QUESTION, client_id=client)) == {session}


async def test_a_draft_is_not_quoted_before_it_is_final(practice: Practice) -> None:
    """Drafts are left out by default, and told; finalizing makes a note searchable."""
    client = await practice.client()
    session = await practice.note(client, finalize=False, subjective=FIRST)
    await practice.settled()
    answer = await practice.ask(QUESTION, client_id=client)
    assert answer["answer_status"] == "abstained"
    assert (answer["search"]["notes_read"], answer["search"]["drafts"]) == (0, 1)

    await practice.do("POST", f"/api/v1/sessions/{session}/finalize")
    await practice.settled()
    answer = await practice.ask(QUESTION, client_id=client)
    assert cited_sessions(answer) == {session}
    assert (answer["search"]["notes_read"], answer["search"]["drafts"]) == (1, 0)


async def test_an_emptied_field_leaves_nothing_behind(practice: Practice) -> None:
    """What stood in a field that was emptied is no longer found."""
    client = await practice.client()
    session = await practice.note(client, subjective=FIRST, plan="תרגול בבית")
    await practice.settled()
    await practice.therapist.edit(session, subjective=None, plan="תרגול בבית")
    await practice.settled()

    answer = await practice.ask(QUESTION, client_id=client)

    assert answer["answer_status"] == "abstained"
    assert answer["search"]["notes_read"] == 1


async def test_a_client_profile_is_quoted_as_such(practice: Practice) -> None:
    """A question that the medical history answers cites the client, not a session."""
    client = await practice.client(medical_history="רגישות ידועה לפניצילין מאז הילדות.")
    await practice.settled()

    answer = await practice.ask("האם יש רגישות לפניצילין?", client_id=client)

    (citation,) = answer["citations"]
    assert citation["type"] == "client"
    assert citation["field_name"] == "medical_history"
    assert citation["quote"] == "רגישות ידועה לפניצילין מאז הילדות."


async def test_an_english_question_gets_an_english_abstention(practice: Practice) -> None:
    """'Not found' speaks the asker's language and counts the notes searched."""
    client = await practice.client()
    await practice.note(client, subjective="Takes ibuprofen twice a day. Sleeps well.")
    await practice.settled()

    answer = await practice.ask("Who won the football match yesterday?", client_id=client)

    assert answer["answer_status"] == "abstained"
    assert answer["answer"].startswith("Not found in one note, ")
    assert answer["search"]["other_language"] == 0
    assert answer["citations"] == []
    assert answer["search"]["complete"] is True


async def test_notes_in_the_other_language_make_an_abstention_partial(practice: Practice) -> None:
    """What the local models cannot cross is counted and said, in the asker's language."""
    client = await practice.client()
    await practice.note(client, subjective=FIRST)
    await practice.note(client, subjective="Walked by the sea.")
    await practice.settled()

    answer = await practice.ask("Who won the football match yesterday?", client_id=client)

    assert (answer["answer_status"], answer["citations"]) == ("partial", [])
    assert "1 of the 2 notes is in Hebrew, where this search knows only" in answer["answer"]
    assert answer["search"]["other_language"] == 1


async def test_a_long_and_a_strange_note_are_searchable(practice: Practice) -> None:
    """A field of 5,000 characters is found at its very end; controls and emoji shift no offset."""
    client = await practice.client()
    filler = "דיברנו על השבוע ועל העבודה. " * 170
    tail = "בסוף סיפרה על נסיעה לאיטליה באפריל."
    long = (filler + tail)[-5000:]
    strange = "‏שורה ראשונה 👩‍⚕️\u200f\r\n\tרגישה לקשיו ולבוטנים. \ufffe סוף"
    first = await practice.note(client, subjective=long)
    second = await practice.note(client, subjective=strange)
    await practice.settled()

    for query, session in (("מתי הנסיעה לאיטליה?", first), ("רגישה לקשיו?", second)):
        answer = await practice.ask(query, client_id=client)
        citation = answer["citations"][0]
        assert citation["session_id"] == session
        text = (await practice.therapist.note(session))["subjective"]
        assert text[citation["start"] : citation["end"]] == citation["quote"]
