"""Whether an answer says what a note said: every way in which it may not is found out."""

from typing import Any

import pytest

from service.demo.bench_load.ledger import Asking, Client, Ledger, Span, Text, Version

NOTE, DRAFT, THEIRS = (("sessions", f"note-{n}") for n in range(3))
SAID = "Knee pain 4 out of 10 qzaaaaaa."
EDITED = "Knee pain 7 out of 10 qzaaaaaa."


def a_client(name: str = "ora", *, workspace: str = "w1", word: str = "qzaaaaaa") -> Client:
    profile = Text(("clients", name), [Version(None, {"notes": f"Tall {word}."}, True, Span(0))])
    return Client(name, workspace, name.title(), word, [Span(0)], {profile.place: profile})


def a_note(said: str = SAID, *, is_final: bool = True, place: tuple[str, str] = NOTE) -> Text:
    return Text(place, [Version(1, {"plan": said}, is_final, Span(0))])


@pytest.fixture
def note() -> Text:
    return a_note()


@pytest.fixture
def ledger(note: Text) -> Ledger:
    """Two clients of one practice, and one of another."""
    known, ora = Ledger(), a_client()
    ora.texts[note.place] = note
    ora.texts[DRAFT] = a_note("A draft qzaaaaaa.", is_final=False, place=DRAFT)
    other, stranger = (
        a_client("dan", word="qzbbbbbb"),
        a_client("eve", workspace="w2", word="qzcccccc"),
    )
    stranger.texts[THEIRS] = a_note("Theirs qzcccccc.", place=THEIRS)
    for client in (ora, other, stranger):
        known.add(client)
    return known


def a_quote(said: str = SAID, *, start: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "session_id": NOTE[1],
        "client_id": "ora",
        "client_name": "Ora",
        "field_name": "plan",
        "quote": said,
        "start": start,
        "end": start + len(said),
        "note_version": 1,
        **more,
    }


ABOUT_ORA = Asking("w1", "ora", began=10, ended=12)


def faults(
    ledger: Ledger, *quotes: dict[str, Any], raw: str = "", asked: Asking = ABOUT_ORA
) -> list[str]:
    return list(ledger.faults({"citations": quotes}, raw, asked))


def test_a_note_quoted_as_it_is_is_right(ledger: Ledger) -> None:
    """The whole of a field, a part of it at its place, a profile, and what is pinned."""
    part = a_quote("4 out of 10", start=10)
    profile = a_quote("Tall", session_id=None, field_name="notes", note_version=None)
    assert faults(ledger, a_quote(), part, profile, raw=SAID) == []
    assert list(ledger.faults({"risk": [a_quote()]}, SAID, ABOUT_ORA)) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"quote": "Knee pain 5 out of 10 qzaaaaaa."}, "quotes words that are not there"),
        ({"start": 1, "end": 1 + len(SAID)}, "quotes words that are not there"),
        ({"quote": "", "end": 0}, "quotes words that are not there"),
        ({"field_name": "objective"}, "quotes words that are not there"),
        ({"note_version": 2}, "quotes a version that was over, or a draft"),
        ({"session_id": "nobody's"}, "quotes what nobody wrote"),
        ({"client_id": "dan"}, "quotes another client"),
        ({"client_name": "Dan"}, "names another client"),
    ],
)
def test_a_quote_that_differs_in_one_thing_is_found_out(
    ledger: Ledger, change: dict[str, Any], fault: str
) -> None:
    """A digit, place, field, version, note, client or name: in what is cited, and in what is pinned."""
    planted = a_quote() | change
    assert faults(ledger, planted) == [fault]
    assert list(ledger.faults({"risk": [planted]}, "", ABOUT_ORA)) == [fault]


def test_a_draft_is_never_quoted(ledger: Ledger) -> None:
    """Its words are there, and nobody may read them yet."""
    said = a_quote("A draft", session_id=DRAFT[1])
    assert faults(ledger, said) == ["quotes a version that was over, or a draft"]


def test_another_practices_note_is_found_out(ledger: Ledger) -> None:
    """Word for word as it is there."""
    theirs = a_quote("Theirs qzcccccc.", session_id=THEIRS[1], client_id="eve", client_name="Eve")
    assert faults(ledger, theirs) == ["quotes another practice"]


def test_a_note_of_another_client_than_was_asked_about_is_found_out(ledger: Ledger) -> None:
    """In a question about the whole practice it is right."""
    about_dan = Asking("w1", "dan", 10, 12)
    assert faults(ledger, a_quote(), asked=about_dan) == ["quotes another client"]
    assert faults(ledger, a_quote(), asked=Asking("w1", None, 10, 12)) == []


def test_words_that_somebody_else_has_are_found_out_wherever_they_turn_up(ledger: Ledger) -> None:
    """Uncited too, in a suggestion or an event."""
    assert faults(ledger, raw='"suggestions": ["qzcccccc?"]') == ["has words of another practice"]
    assert faults(ledger, raw="qzbbbbbb") == ["has words of another client"]
    assert faults(ledger, raw="qzbbbbbb", asked=Asking("w1", None, 10, 12)) == []
    assert faults(ledger, raw="a word that nobody was given: qzzzzzzz") == [
        "has words of another practice"
    ]


def test_while_a_change_is_under_way_either_version_is_right(ledger: Ledger, note: Text) -> None:
    """From the moment it was sent until PazPaz answered; then the old one is over."""
    note.sent(Version(2, {"plan": EDITED}, True, Span(20)))
    old, new = a_quote(), a_quote(EDITED, note_version=2)
    meanwhile = Asking("w1", "ora", 21, 22)
    assert faults(ledger, old, new, asked=meanwhile) == []
    note.answered(23)
    assert faults(ledger, old, new, asked=Asking("w1", "ora", 22, 24)) == []
    over = faults(ledger, old, asked=Asking("w1", "ora", 24, 25))
    assert over == ["quotes a version that was over, or a draft"]
    too_soon = faults(ledger, new, asked=Asking("w1", "ora", 10, 12))
    assert too_soon == ["quotes a version that was over, or a draft"]


def test_a_deleted_note_is_quoted_no_more(ledger: Ledger, note: Text) -> None:
    """Whoever had asked before may still have read it."""
    note.gone(11)
    assert faults(ledger, a_quote()) == []
    later = faults(ledger, a_quote(), asked=Asking("w1", "ora", 12, 13))
    assert later == ["quotes a version that was over, or a draft"]
    assert not note.may_change


def test_an_archived_clients_notes_are_quoted_no_more_until_they_return(ledger: Ledger) -> None:
    """Though the notes themselves have not changed."""
    ora = ledger.clients["ora"]
    ora.spans[0].until = 5
    assert faults(ledger, a_quote()) == ["quotes a version that was over, or a draft"]
    assert not ora.was_there_all_along(10, 12)
    ora.spans.append(Span(9))
    assert faults(ledger, a_quote()) == []
    assert ora.was_there_all_along(10, 12)
    assert not ora.was_there_all_along(8, 12)
