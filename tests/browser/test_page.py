"""A therapist between two sessions: asks, reads, follows a quote, stops, and leaves nothing behind."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import uuid4

import pytest
from playwright.async_api import Locator, expect

from service.demo.provider_stub import Pace
from tests.browser.screen import DESK, PHONE, House, Opener, Screen
from tests.journeys.practice import Practice, a_colleague, eventually, open_practice

SLOW = Pace(chat=5.0)
ENDLESS = Pace(chat=60.0)
QUESTIONS_AN_HOUR = 30


@dataclass(frozen=True)
class Said:
    """A note of three sentences, and what is asked about it."""

    sentences: tuple[str, str, str]
    question: str

    @property
    def note(self) -> str:
        return " ".join(self.sentences)


HEBREW = Said(
    (
        "ישנה טוב יותר מאז שחזרה לרוץ.",
        "התחילה לרוץ שוב ביום שלישי, שני קילומטרים.",
        "MRI תקין, מותר לרוץ.",
    ),
    "מתי התחילה לרוץ שוב?",
)
ENGLISH = Said(
    (
        "Running helps her sleep.",
        "She started running again on Tuesday.",
        "The MRI is clear, running is fine.",
    ),
    "When did she start running again?",
)
SAID = {"he": HEBREW, "en": ENGLISH}


@pytest.fixture
async def practice(house: House) -> AsyncIterator[Practice]:
    async with open_practice(house.stage, house.container) as opened:
        yield opened


async def with_note(practice: Practice, said: Said, **name: str) -> str:
    """A client with one note that can be found."""
    client = await practice.client(**name)
    await practice.note(client, subjective=said.note)
    await practice.settled()
    return client


async def test_signing_in_is_one_press(practice: Practice, open_screen: Opener) -> None:
    """Whoever is chosen sees the clients of their own practice, and nothing before."""
    await practice.client("Ora", "Gal")
    user = str(uuid4())
    person = {"id": user, "workspace_id": practice.workspace, "email": f"{user}@example.org"}
    named = {**person, "display_name": f"AA {user}"}  # first of many: the page lists fifty
    await practice.admin.call("POST", "/import", {"users": [named]})
    screen = await open_screen(viewport=PHONE)
    await screen.page.goto("/")
    await expect(screen.page.get_by_test_id("scope")).to_have_count(0)

    await screen.page.get_by_role("button", name=named["display_name"]).click()

    whom = screen.page.get_by_test_id("scope").locator("option")
    await expect(whom).to_have_text([screen.t("demo.wholePractice"), "Ora Gal"])
    await expect(screen.composer).to_be_visible()


async def before_a_note(practice: Practice, open_screen: Opener, said: Said) -> Screen:
    """A phone on the page of a client who has one note, in the note's language."""
    client = await with_note(practice, said)
    screen = await open_screen(viewport=PHONE)
    await screen.signed_in(practice, language="en" if said is ENGLISH else "he")
    await screen.choose(client)
    return screen


@pytest.mark.parametrize("language", ["he", "en"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
async def test_an_answer_quotes_a_note_and_leads_to_it(
    practice: Practice, open_screen: Opener, language: str, size: dict[str, int]
) -> None:
    """A marker leads to its card, the card to the note, and there the sentence is marked and in view."""
    said = SAID[language]
    client = await with_note(practice, said)
    screen = await open_screen(viewport=size)
    await screen.signed_in(practice, language=language)
    await screen.choose(client)

    await screen.ask(said.question)
    answer = await screen.answered()
    await expect(answer).to_contain_text(said.sentences[1])
    await answer.locator(".pz-ai-marker").nth(1).click()
    card = answer.locator(".pz-ai-card").nth(1)
    await expect(card).to_be_focused()
    await expect(card.locator("blockquote")).to_have_text(said.sentences[1])
    await card.get_by_role("button").click()

    await expect(screen.page.locator("dialog mark")).to_have_text(said.sentences[1])
    await expect(screen.page.locator("dialog mark")).to_be_in_viewport()
    await screen.page.keyboard.press("Escape")
    await expect(screen.page.locator("dialog[open]")).to_have_count(0)
    assert await direction_of(answer) == {"he": "rtl", "en": "ltr"}[language]
    assert await screen.page.evaluate("document.documentElement.scrollWidth") <= size["width"]


async def direction_of(node: Locator) -> str:
    return str(await node.evaluate("node => getComputedStyle(node).direction"))


async def test_sentences_come_one_by_one_and_a_follow_up_goes_on(
    practice: Practice, open_screen: Opener, house: House
) -> None:
    """The first sentence can be read, and its source opened, while the rest is still being written."""
    screen = await before_a_note(practice, open_screen, ENGLISH)
    house.stub.pace = SLOW

    await screen.ask(ENGLISH.question)
    answer = screen.answers.last
    await expect(answer).to_contain_text(ENGLISH.sentences[0])
    assert ENGLISH.sentences[2] not in await answer.inner_text()
    await expect(screen.button("aiAgent.stop")).to_be_visible()
    await answer.locator(".pz-ai-card").get_by_role("button").first.click()
    await expect(screen.page.locator("dialog mark")).to_have_text(ENGLISH.sentences[0])
    await screen.page.keyboard.press("Escape")

    house.stub.pace = Pace()
    await expect(await screen.answered()).to_contain_text(ENGLISH.sentences[2])
    await screen.ask("And what about the MRI?")
    await expect(screen.answers).to_have_count(2)
    await screen.answered()
    await eventually(lambda: screen.is_at_the_top(screen.page.locator(".pz-ai-question").last))
    history = await practice.do("GET", "/api/v1/ai/agent/history")
    assert [one["turns"] for one in history.json()["conversations"]] == [2]


async def test_stopping_keeps_what_was_read_and_asks_nothing_again(
    practice: Practice, open_screen: Opener, house: House
) -> None:
    """What was read stays, labelled; one question was posted, and the provider is left alone."""
    screen = await before_a_note(practice, open_screen, HEBREW)
    posted = screen.count_posts()
    house.stub.pace = SLOW

    await screen.ask(HEBREW.question)
    answer = screen.answers.last
    await expect(answer).to_contain_text(HEBREW.sentences[0])
    await screen.button("aiAgent.stop").click()

    await expect(answer).to_contain_text(screen.t("aiAgent.notices.incomplete"))
    await expect(answer).to_contain_text(HEBREW.sentences[0])
    assert len(posted) == 1
    house.stub.pace = Pace()
    await screen.button("aiAgent.errors.retry").click()
    await expect(await screen.answered()).to_contain_text(HEBREW.sentences[2])
    assert len(posted) == 2


async def test_a_broken_line_is_said_and_never_asked_again(
    practice: Practice, open_screen: Opener, house: House
) -> None:
    """An answer that breaks off shows no half of itself; the question is kept, and asked again by a person only."""
    screen = await before_a_note(practice, open_screen, ENGLISH)
    posted = screen.count_posts()
    house.stub.pace = ENDLESS

    await screen.ask(ENGLISH.question)
    await expect(screen.page.locator(".pz-ai-thinking")).to_be_visible()
    async with house.without("monolith"):
        await expect(screen.answers.last).to_contain_text(screen.t("aiAgent.errors.offline"))
        assert len(posted) == 1

    house.stub.pace = Pace()
    await screen.button("aiAgent.errors.retry").click()
    await expect(await screen.answered()).to_contain_text(ENGLISH.sentences[1])
    screen.forgive("net::ERR")


async def test_an_outage_is_said_in_the_pages_language(
    practice: Practice, open_screen: Opener, house: House
) -> None:
    """Without the service the page says so and when to try again; then it answers."""
    screen = await before_a_note(practice, open_screen, HEBREW)
    async with house.without("api"):
        await screen.ask(HEBREW.question)
        await expect(screen.answers.last).to_contain_text("העוזר אינו זמין כרגע")

    await screen.button("aiAgent.errors.retry").click()
    await expect(await screen.answered()).to_contain_text(HEBREW.sentences[1])


async def test_a_used_up_allowance_says_when_to_come_back(
    practice: Practice, open_screen: Opener
) -> None:
    """After an hour's questions the page counts down to the next."""
    client = await with_note(practice, ENGLISH)
    for _ in range(QUESTIONS_AN_HOUR):
        await practice.ask(ENGLISH.question, client_id=client)
    screen = await open_screen(viewport=PHONE)
    await screen.signed_in(practice, language="en")
    await screen.choose(client)

    await screen.ask(ENGLISH.question)

    failure = screen.answers.last
    await expect(failure).to_contain_text(re.compile(r"You can try again in \d+:\d\d"))
    await expect(screen.composer).to_be_enabled()


async def test_an_answer_never_stands_on_another_clients_page(
    practice: Practice, open_screen: Opener, house: House
) -> None:
    """While one client's answer is being written, another's page is empty; it is whole when one comes back."""
    ada = await with_note(practice, ENGLISH, first_name="Ada", last_name="Gal")
    dan = await with_note(practice, HEBREW, first_name="Dan", last_name="Bar")
    screen = await open_screen(viewport=DESK)
    await screen.signed_in(practice, language="en")
    await screen.choose(ada)
    house.stub.pace = SLOW
    await screen.ask(ENGLISH.question)
    await expect(screen.answers.last).to_contain_text(ENGLISH.sentences[0])
    await screen.composer.fill("Half a question")

    await screen.choose(dan)
    await expect(screen.answers).to_have_count(0)
    await expect(screen.composer).to_have_value("")
    house.stub.pace = Pace()
    await screen.ask(HEBREW.question)
    await expect(screen.answers).to_have_count(1)
    assert ENGLISH.sentences[0] not in await screen.page.locator("main").inner_text()

    await screen.choose(ada)
    await expect(screen.answers).to_have_count(1)
    await expect(screen.answers.last).to_contain_text(ENGLISH.sentences[2])
    await expect(screen.composer).to_have_value("Half a question")

    await screen.choose(dan)
    await screen.ask(HEBREW.question)
    await screen.answered()
    await screen.choose(ada)
    await expect(screen.answers.last).to_contain_text(ENGLISH.sentences[2])
    assert HEBREW.sentences[1] not in await screen.page.locator("body").inner_text()


async def test_signing_out_leaves_nothing_for_the_next_one(
    practice: Practice, open_screen: Opener, house: House
) -> None:
    """Nothing said is left on the screen, in the page's memory or in its stores, also in a second window."""
    client = await with_note(practice, ENGLISH)
    screen = await open_screen(viewport=DESK)
    await screen.signed_in(practice, language="en")
    other = await screen.beside()
    for window in (screen, other):
        await window.choose(client)
        await window.ask(ENGLISH.question)
        await expect(await window.answered()).to_contain_text(ENGLISH.sentences[1])

    await screen.page.get_by_test_id("sign-out").click()
    for window in (screen, other):
        await expect(window.page.get_by_text(ENGLISH.sentences[1])).to_have_count(0)
        sign_in = window.page.get_by_role("heading", name=screen.t("demo.signInAs"))
        await expect(sign_in).to_be_visible()
        assert client not in window.page.url
    assert await kept(screen) == {"demo-language": "en"}
    async with a_colleague(house.stage, practice) as colleague:
        cookies = [
            {"name": name, "value": value, "url": house.stage.monolith_url}
            for name, value in colleague.http.cookies.items()
        ]
        await screen.page.context.add_cookies(cookies)  # type: ignore[arg-type]
        await screen.page.reload()
        await screen.choose(client)
        await expect(screen.answers).to_have_count(0)
        await screen.button("aiAgent.history.open").click()
        await expect(screen.page.get_by_text(screen.t("aiAgent.history.empty"))).to_be_visible()


async def kept(screen: Screen) -> dict[str, str]:
    stores = "({...localStorage, ...sessionStorage})"
    found: dict[str, str] = await screen.page.evaluate(stores)
    return found


@pytest.mark.parametrize("lost", ["access_token", "csrf_token"])
async def test_an_ended_sign_in_clears_the_page(
    practice: Practice, open_screen: Opener, lost: str
) -> None:
    """When the next question is refused because the sign-in ended, what was said before it is gone as well."""
    screen = await before_a_note(practice, open_screen, ENGLISH)
    await screen.ask(ENGLISH.question)
    await screen.answered()
    await screen.page.context.clear_cookies(name=lost)

    await screen.ask(ENGLISH.question)

    await expect(screen.page.get_by_role("heading", name=screen.t("demo.signInAs"))).to_be_visible()
    await expect(screen.page.get_by_text(ENGLISH.sentences[1])).to_have_count(0)
    await expect(screen.page.get_by_text("CSRF")).to_have_count(0)
    if lost == "csrf_token":
        await expect(screen.page.get_by_text(screen.t("demo.signInAgain"))).to_be_visible()


async def test_a_reload_keeps_the_client_and_back_closes_the_sheet(
    practice: Practice, open_screen: Opener
) -> None:
    """Whom one asks about stands in the address; "back" closes the notes and leaves the page where it was."""
    client = await with_note(practice, ENGLISH)
    screen = await open_screen(viewport=PHONE)
    await screen.signed_in(practice, language="en")
    await screen.choose(client)
    await screen.page.reload()
    await expect(screen.page.get_by_test_id("scope")).to_have_value(client)

    sheet = screen.page.locator("dialog[open]")
    for close in (screen.page.go_back, lambda: screen.page.keyboard.press("Escape")):
        await screen.page.get_by_test_id("notes").click()
        await expect(sheet).to_be_visible()
        await close()
        await expect(sheet).to_have_count(0)
    await expect(screen.page.get_by_test_id("scope")).to_have_value(client)
    await screen.page.get_by_test_id("notes").click()
    await expect(sheet).to_be_visible()


async def test_a_changed_source_is_said_where_it_is_read(
    practice: Practice, open_screen: Opener
) -> None:
    """A quote that its note no longer has is shown unmarked with a word about it; so is its conversation."""
    client = await practice.client()
    session = await practice.note(client, subjective=ENGLISH.note)
    await practice.settled()
    screen = await open_screen(viewport=PHONE)
    await screen.signed_in(practice, language="en")
    await screen.choose(client)
    await screen.ask(ENGLISH.question)
    answer = await screen.answered()
    await practice.therapist.edit(session, subjective="She gave up running.")
    await practice.settled()

    await answer.locator(".pz-ai-card").get_by_role("button").first.click()
    await expect(screen.page.get_by_text(screen.t("aiAgent.notices.quoteChanged"))).to_be_visible()
    await expect(screen.page.locator("dialog mark")).to_have_count(0)
    await screen.page.keyboard.press("Escape")

    await screen.button("aiAgent.clearHistory").click()
    await screen.button("aiAgent.history.open").click()
    await screen.page.get_by_role("button", name=ENGLISH.question).first.click()
    await expect(screen.page.get_by_text(screen.t("aiAgent.notices.sourceChanged"))).to_be_visible()


async def test_a_link_in_a_note_is_text(practice: Practice, open_screen: Opener) -> None:
    """Whatever a note holds, neither an answer about it nor the note itself shows a link or a picture."""
    client = await practice.client()
    hostile = "Running helps: https://evil.example/q [run](https://evil.example/x) <img src=https://evil.example/p>"
    await practice.note(client, subjective=hostile)
    await practice.settled()
    screen = await open_screen(viewport=PHONE)
    await screen.signed_in(practice, language="en")
    await screen.choose(client)

    await screen.ask("What helps, running?")
    await screen.answered()
    await screen.page.get_by_test_id("notes").click()
    await screen.page.locator("dialog .note").click()

    await expect(screen.page.locator("dialog")).to_contain_text(hostile)
    assert await screen.page.locator("main, dialog").locator("a, img, script, iframe").count() == 0


async def test_nothing_found_is_said_and_can_be_contradicted(
    practice: Practice, open_screen: Opener
) -> None:
    """An abstention has no sources; "the notes do say it" is a reason to give with a thumb down."""
    screen = await before_a_note(practice, open_screen, ENGLISH)

    await screen.ask("Which violin teacher did they choose?")

    answer = await screen.answered()
    await expect(answer.locator(".pz-ai-card")).to_have_count(0)
    await screen.button("aiAgent.feedback.down").click()
    await screen.button("aiAgent.feedback.reasons.not_found_but_exists").click()
    await expect(answer).to_contain_text(screen.t("aiAgent.feedback.thanks"))


async def test_the_keyboard_is_enough(practice: Practice, open_screen: Opener) -> None:
    """From the address bar to a quoted note and back with Tab, Enter and Escape alone."""
    client = await with_note(practice, ENGLISH)
    screen = await open_screen(viewport=DESK)
    await screen.signed_in(practice, language="en")
    await screen.choose(client)
    await screen.composer.focus()
    await screen.page.keyboard.type(ENGLISH.question)
    await screen.page.keyboard.press("Enter")
    answer = await screen.answered()
    await expect(screen.composer).to_be_focused()

    await screen.tab_to(answer.locator(".pz-ai-marker").first, backwards=True)
    await screen.page.keyboard.press("Enter")
    await expect(answer.locator(".pz-ai-card").first).to_be_focused()
    await screen.page.keyboard.press("Tab")
    await screen.page.keyboard.press("Enter")
    await expect(screen.page.locator("dialog mark")).to_be_visible()
    await screen.page.keyboard.press("Escape")
    await expect(screen.page.locator("dialog[open]")).to_have_count(0)
    await screen.page.keyboard.press("Escape")
    await expect(answer.locator(".pz-ai-marker").first).to_be_focused()
