"""Clients named in a question."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.identity import ClientId
from service.domain.notes import Person
from service.language.naming import PREFIXES
from service.language.text import normalise
from service.ports.index import IndexedNote, Space
from service.retrieval.people import Named, People, Register
from tests.fakes import (
    CLIENT,
    OTHER_WORKSPACE,
    WORKSPACE,
    InMemoryChunkStore,
    a_bag,
    a_client,
    a_note,
)


def named(text, people):
    return Register(people).named(text)


def found(text, *names):
    """Who is named, as "sure | maybe": a name is written "first/last", a client told by both."""
    people = [Person(ClientId(UUID(int=n)), *name.split("/")) for n, name in enumerate(names)]
    said = named(text, people)

    def told(clients):
        return " ".join(f"{one.first}/{one.last}" for one in people if one.client in clients)

    return f"{told(said.sure)} | {told(said.maybe)}".strip()


def cases(script):
    """Lines of "question -> sure | maybe"."""
    return [tuple(map(str.strip, line.split("->"))) for line in script.strip().splitlines()]


@pytest.mark.parametrize(
    ("text", "expected"),
    cases(
        """
        מה אמרה דנה על העבודה -> דנה/לוי |
        מה המלצתי לדנה -> דנה/לוי |
        מה קרה כשדנה חזרה -> דנה/לוי |
        מה ידוע על אבא של דנה -> דנה/לוי |
        ושלדנה יש כאבים -> דנה/לוי |
        לדָּנָה -> דנה/לוי |
        ל-דנה -> דנה/לוי |
        מה עם לוי -> דנה/לוי |
        לוי, דנה -> דנה/לוי |
        זקלין ישנה -> ז'קלין/בן-דוד |
        ז׳קלין ישנה -> ז'קלין/בן-דוד |
        לז'קלין בן דוד -> ז'קלין/בן-דוד |
        ז'קלין בן־דוד -> ז'קלין/בן-דוד |
        שירן אמרה -> שירן/כץ |
        """
    ),
)
def test_a_hebrew_name_is_found_as_it_is_written(text, expected):
    """With prefixes, niqqud, geresh, final letters, hyphen or maqaf."""
    assert found(text, "דנה/לוי", "ז'קלין/בן-דוד", "שירן/כץ") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    cases(
        """
        How does Dana sleep? -> Dana/O'Brien |
        how does dana sleep -> Dana/O'Brien |
        Dana's sleep -> Dana/O'Brien |
        Dana’s sleep -> Dana/O'Brien |
        the obrien notes -> Dana/O'Brien |
        O’Brien, Dana -> Dana/O'Brien |
        Anna-Maria and pain -> Anna Maria/Lopez |
        Anna Lopez and pain -> Anna Maria/Lopez |
        Ms Lopez, Anna Maria -> Anna Maria/Lopez |
        pain of Jose\u0301 -> José/Cruz |
        """
    ),
)
def test_an_english_name_is_found_as_it_is_written(text, expected):
    """Whatever the case, the apostrophe, the order and how much of a double name."""
    assert found(text, "Dana/O'Brien", "Anna Maria/Lopez", "José/Cruz") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    cases(
        """
        מה קרה לדנה -> | דנה/לוי דנה/כהן
        מה קרה לדנה כהן -> דנה/כהן |
        דנה ממשפחת כהן -> דנה/כהן |
        דנה כהן, ואיך דנה ישנה -> דנה/כהן |
        דנה ורון כהן -> רון/כהן | דנה/לוי דנה/כהן
        מה עם כהן -> | דנה/כהן רון/כהן
        דנה ישנה. כהן לא -> | דנה/לוי דנה/כהן רון/כהן
        מה עם דנה כהן ולוי -> דנה/לוי דנה/כהן |
        """
    ),
)
def test_a_name_that_several_have_is_a_maybe_of_all(text, expected):
    """Until the other name stands beside it, or a few words away in the same sentence."""
    assert found(text, "דנה/לוי", "דנה/כהן", "רון/כהן") == expected


def test_two_of_one_name_are_both_sure():
    """Nothing in the question can tell them apart."""
    assert found("Dana Levi", "Dana/Levi", "Dana/Levi") == "Dana/Levi Dana/Levi |"


@pytest.mark.parametrize(
    ("text", "expected"),
    cases(
        """
        מה שלום המשפחה -> | שלום/אביב
        שלום אביב ישן -> שלום/אביב |
        איך עבר האביב -> |
        גלים של חרדה -> |
        גל של חרדה -> | גל/ים
        המטופלת גל -> גל/ים |
        למטופל גל יש כאב -> גל/ים |
        כאב במים -> |
        what will help -> | Will/May
        Will it help? -> | Will/May
        How is Will? -> Will/May |
        Will's sleep -> Will/May |
        Mr. May -> Will/May |
        since May -> | Will/May
        WHAT DID WILL SAY -> Will/May |
        WHAT WILL SHE SAY -> | Will/May
        how is Will may -> Will/May |
        I hope she sleeps -> | Hope/Ross
        ספר לי על הטיפול שלי -> |
        לי לוי -> לי/לוי |
        """
    ),
)
def test_a_name_that_is_a_word_needs_a_sign(text, expected):
    """A title or a capital that only names have; or the other name. Stop words are nobody."""
    people = "שלום/אביב", "גל/ים", "Will/May", "Hope/Ross", "לי/לוי"
    assert found(text, *people) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    cases(
        """
        what did the client say in 17 sessions -> |
        Client 17 and sleep -> Client/17 |
        client 1's sleep -> Client/1 |
        """
    ),
)
def test_a_client_called_client_is_found_in_full_only(text, expected):
    """As those whom `load` makes up."""
    assert found(text, "Client/1", "Client/17") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    cases(
        """
        her brother David -> | David/Ross
        his brothers Dan and David -> | David/Ross
        a friend called David -> | David/Ross
        David, her brother -> | David/Ross
        her brother David Ross -> | David/Ross
        Dr. Ross -> | David/Ross
        the brother of David -> David/Ross |
        David's brother -> David/Ross |
        David and his brother -> David/Ross |
        David told his brother -> David/Ross |
        אחיו דוד -> | דוד/כץ
        אח שלה, דוד -> | דוד/כץ
        אחותו רות ודוד -> | דוד/כץ
        בעלה ששמו דוד -> | דוד/כץ
        דוד, אחיה -> | דוד/כץ
        ד"ר כץ -> | דוד/כץ
        אח של דוד -> דוד/כץ |
        אחיו של דוד -> דוד/כץ |
        מה סיפר דוד לאחותו -> דוד/כץ |
        מה אמר אביו לדוד -> דוד/כץ |
        דוד שלה -> |
        הדוד דוד -> | דוד/כץ
        בן דוד של רות -> |
        """
    ),
)
def test_a_relatives_name_is_a_maybe(text, expected):
    """Whoever is called "her brother" may be anybody; whose brother it is, is the client."""
    assert found(text, "David/Ross", "דוד/כץ") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    cases(
        """
        מה אמר לרון -> רון/כץ |
        מה אמרה שרון -> | רון/כץ
        מה אמר לירון -> | ירון/לב לירון/גת
        משרה חדשה -> | שרה/בר
        """
    ),
)
def test_what_only_looks_like_a_prefix_is_a_maybe(text, expected):
    """Sharon is not "that Ron", and "to Yaron" is written like Liron."""
    assert found(text, "רון/כץ", "ירון/לב", "לירון/גת", "שרה/בר") == expected


def test_a_small_letter_tells_where_capitals_are_used():
    """Who writes other names with a capital would write this one so."""
    assert found("How did Rex like the ross?", "David/Ross") == "| David/Ross"
    assert found("how did rex like ross", "David/Ross") == "David/Ross |"


def test_the_longest_name_counts():
    """Who is called Dana Lee Levi is not Dana Lee."""
    people = "Dana Lee/Levi", "Dana/Lee", "Dana/Katz"
    assert found("Dana Lee Levi", *people) == "Dana Lee/Levi |"
    assert found("Dana Katz", *people) == "Dana/Katz |"


HEBREW = st.text("אבגדהוזחטיכלמנסעפצקרשתךםןףץ", min_size=2, max_size=6)
LATIN = st.text("abcdefghijklmnopqrstuvwxyz", min_size=2, max_size=6).map(str.capitalize)
NAMES = st.one_of(
    HEBREW,
    LATIN,
    st.lists(HEBREW, min_size=1, max_size=3).map("-".join),
    st.lists(LATIN, min_size=1, max_size=3).map(" ".join),
)
PEOPLE = st.lists(st.builds(Person, st.uuids().map(ClientId), NAMES, NAMES), max_size=4)


@given(PEOPLE, st.builds(Person, st.just(CLIENT), NAMES, NAMES), st.sampled_from(sorted(PREFIXES)))
def test_a_full_name_is_found_behind_any_prefix(others, one, prefix):
    """Among whomever, in either order."""
    for first, last in ((one.first, one.last), (one.last, one.first)):
        said = named(f"מה אמרתי {prefix}{first} {last}?", [*others, one])
        assert CLIENT in said.sure | said.maybe


@given(PEOPLE, st.text("0123456789 .,?!-'\"\nжюяДФ"))
def test_no_word_of_a_name_is_nobody(people, text):
    """A question in other words names no one, however many clients there are."""
    assert named(text, people) == Named()


@given(PEOPLE, st.text())
def test_any_text_is_read(people, text):
    """However odd; and nobody is both sure and maybe."""
    said = named(" ".join([text, *(one.first for one in people), text]), people)
    assert not said.sure & said.maybe
    assert said.sure | said.maybe <= {one.client for one in people}


def test_nothing_shows_a_name():
    """Not by accident in a log or an error."""
    people = [Person(CLIENT, "Dana", "Levi")]
    shown = f"{people} {Register(people)} {named('Dana Levi', people)}"
    assert "Dana" not in shown
    assert "Levi" not in shown


async def put(store, client):
    note = client.profile
    bag, space = a_bag(note, key=b"k" * 32), Space("model", {}, frozenset(), [])
    await store.put_client(client, IndexedNote(note, bag, [space]))


async def test_names_are_read_once_an_epoch():
    """A new name counts from the next question on; each practice has its own clients."""
    store = InMemoryChunkStore()
    await put(store, a_client(name=("Dana", "Levi")))
    await put(store, a_client(name=("Noa", "Katz"), workspace=OTHER_WORKSPACE))
    people, sure = People(store), Named(sure=frozenset({CLIENT}))
    for _ in range(2):
        assert await people.named("Dana", workspace=WORKSPACE) == sure
        assert await people.named("Dana", workspace=OTHER_WORKSPACE) == Named()
    assert store.people_reads == 2

    await put(store, a_client(name=("Dina", "Levi")))
    assert await people.named("Dana", workspace=WORKSPACE) == Named()
    assert await people.named("Dina", workspace=WORKSPACE) == sure


async def test_a_note_changed_and_nobodys_name_is_read():
    """Names go on from epoch to epoch as long as no client is touched; what the log does not tell is read anew."""
    store = InMemoryChunkStore()
    await put(store, a_client(name=("Dana", "Levi")))
    people, sure = People(store), Named(sure=frozenset({CLIENT}))
    assert await people.named("Dana", workspace=WORKSPACE) == sure
    for number in range(3):
        note = a_note(f"text {number}")
        await store.replace(
            IndexedNote(note, a_bag(note, key=b"k" * 32), [Space("model", {}, frozenset(), [])])
        )
        register = await people.register(workspace=WORKSPACE)
        assert register.epoch == await store.epoch(workspace=WORKSPACE)
        assert register.named("Dana") == sure
    assert store.people_reads == 1

    await put(store, a_client(name=("Dina", "Levi")))
    assert await people.named("Dana", workspace=WORKSPACE) == Named()
    assert store.people_reads == 2
    store.epochs[WORKSPACE] += 1  # of this epoch nothing was logged
    await people.named("Dina", workspace=WORKSPACE)
    assert store.people_reads == 3


async def test_who_is_archived_is_not_named():
    """And what was dropped is read anew."""
    store = InMemoryChunkStore()
    await put(store, a_client(name=("Dana", "Levi")))
    people = People(store)
    await people.named("Dana", workspace=WORKSPACE)
    people.drop(WORKSPACE)
    await people.named("Dana", workspace=WORKSPACE)
    assert store.people_reads == 2

    await store.put_client(a_client(is_active=False), None)
    assert await people.named("Dana Levi", workspace=WORKSPACE) == Named()


@pytest.mark.parametrize(
    ("text", "expected"),
    cases(
        """
        כמה פעמים תמר דיברה על אמא שלה -> תמר/גולן |
        כמה פעמים הזכירה תמר את אמא שלה -> תמר/גולן |
        באילו פגישות של תמר הוזכר כאב -> תמר/גולן |
        כמה פגישות היו לנו עם תמר -> תמר/גולן |
        כמה פעמים אבי דיבר על אשתו -> אבי/לוי |
        באילו פגישות הוזכר תמר -> | תמר/גולן
        how often did hope mention work -> Hope/Ross |
        how often did she mention hope -> | Hope/Ross
        """
    ),
)
def test_who_tells_or_meets_is_somebody(text, expected):
    """Also where the name is a word that notes have anyway."""
    assert found(text, "תמר/גולן", "אבי/לוי", "Hope/Ross") == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("In how many sessions did Dana mention her sister?", {"dana"}),
        ("in how many sessions did Dana Levi's sister call", {"dana", "levis"}),
        ("כמה פעמים סיפרתי לדנה על זה", {"לדנה"}),
        ("every session where hope was mentioned", set()),
        ("כמה פעמים תקווה דיברה על כאב", {"תקווה"}),
        ("באילו פגישות הוזכרה תקווה", set()),
        ("did she mention her brother Dana", set()),
    ],
)
def test_the_words_that_are_nothing_but_a_name_are_told(text, words):
    """As they stand; a word that may be meant, and a name of somebody of the client's, are left alone."""
    people = [
        Person(ClientId(UUID(int=n)), *name.split("/"))
        for n, name in enumerate(["Dana/Levi", "Dana/Cohen", "דנה/לוי", "Hope/Ross", "תקווה/אור"])
    ]
    told = named(text, people)

    assert told.words_of(None) == {normalise(word) for word in words}
    assert told.words_of(ClientId(UUID(int=99))) == set()
    assert "dana" not in repr(told).lower()


def test_the_words_of_one_client_are_hers_alone():
    """With Dana given, David is whom she speaks of."""
    dana, david = (a_client(ClientId(UUID(int=n))).id for n in (1, 2))
    people = [Person(dana, "Dana", "Levi"), Person(david, "David", "Katz")]

    assert named("when did Dana mention David", people).words_of(dana) == {"dana"}
