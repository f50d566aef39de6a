"""Large text, narrow windows, phones on their side: everything is there and nothing is cut."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import expect

from tests.browser.screen import PHONE, House, Opener, Screen
from tests.browser.test_page import ENGLISH, SAID, with_note
from tests.journeys.practice import Practice, open_practice

WIDER = """() => [...document.querySelectorAll(".pz-ai, .pz-ai *")]
  .filter((node) => !node.closest(".pz-ai-unseen, .pz-ai-modes, svg"))
  .map((node) => [node.className || node.tagName, node.getBoundingClientRect()])
  .filter(([, box]) => box.left < -1 || box.right > document.documentElement.clientWidth + 1)
  .map(([name, box]) => `${name} ${box.left} ${box.right}`)"""
SIDEWAYS = {"width": 740, "height": 360}

TWO_FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


@pytest.fixture
async def practice(house: House) -> AsyncIterator[Practice]:
    async with open_practice(house.stage, house.container) as opened:
        yield opened


async def asked(screen: Screen, practice: Practice, language: str) -> None:
    client = await with_note(practice, SAID[language])
    await screen.signed_in(practice, language=language)
    await screen.choose(client)
    await screen.ask(SAID[language].question)
    await screen.answered()


async def widest(screen: Screen) -> list[str]:
    found: list[str] = await screen.page.evaluate(WIDER)
    return found


@pytest.mark.parametrize("language", ["he", "en"])
@pytest.mark.parametrize("width", [390, 320])
async def test_text_of_double_size_fits_a_phone(
    practice: Practice, open_screen: Opener, width: int, language: str
) -> None:
    """At 200 % nothing is wider than the window, and the send button and the history are within it."""
    screen = await open_screen(viewport={"width": width, "height": 844})
    await screen.page.add_init_script(
        "addEventListener('DOMContentLoaded', () => (document.documentElement.style.fontSize = '32px'))"
    )
    await asked(screen, practice, language)
    await screen.composer.fill(SAID[language].question)

    chat = screen.page.locator(".pz-ai")
    assert await widest(screen) == []
    assert await chat.evaluate("node => node.scrollWidth") <= width
    assert await screen.page.evaluate("document.documentElement.scrollWidth") <= width
    await expect(screen.button("aiAgent.send")).to_be_in_viewport(ratio=1)
    await screen.button("aiAgent.history.open").click()
    await expect(screen.page.locator(".pz-ai-head-open")).to_be_visible()
    assert await widest(screen) == []


@pytest.mark.parametrize("language", ["he", "en"])
async def test_a_phone_on_its_side_shows_the_conversation_and_where_to_ask(
    practice: Practice, open_screen: Opener, language: str
) -> None:
    """The conversation gets more than half of the height, and no part of the composer is cut."""
    screen = await open_screen(viewport=SIDEWAYS, has_touch=True, is_mobile=True)
    await asked(screen, practice, language)

    talk = await screen.page.locator(".pz-ai-talk").bounding_box()
    composer = await screen.page.locator(".pz-ai-composer").bounding_box()
    assert talk
    assert composer
    assert talk["height"] > SIDEWAYS["height"] / 2
    assert composer["y"] + composer["height"] <= SIDEWAYS["height"]
    await expect(screen.composer).to_be_in_viewport(ratio=1)
    await expect(screen.button("aiAgent.send")).to_be_in_viewport(ratio=1)
    assert await widest(screen) == []


async def test_the_way_down_covers_nothing(practice: Practice, open_screen: Opener) -> None:
    """The arrow stands outside the conversation, and leads to its end."""
    screen = await open_screen(viewport={"width": 390, "height": 600})
    await asked(screen, practice, "en")
    talk = screen.page.locator(".pz-ai-talk")
    await talk.evaluate("node => (node.scrollTop = 0)")

    arrow = screen.button("aiAgent.newest")
    await expect(arrow).to_be_visible()
    box, above = await arrow.bounding_box(), await talk.bounding_box()
    assert box
    assert above
    assert box["y"] >= above["y"] + above["height"]
    await arrow.click()
    await expect(arrow).to_have_count(0)


async def test_what_can_be_done_with_an_answer_takes_one_row(
    practice: Practice, open_screen: Opener
) -> None:
    """Copying and both thumbs stand beside each other on a phone."""
    screen = await open_screen(viewport={"width": 390, "height": 844})
    await asked(screen, practice, "en")
    tools = screen.answers.last.locator(".pz-ai-tools button")
    places = await tools.evaluate_all("all => all.map((one) => one.getBoundingClientRect().top)")
    assert len(places) == 3
    assert len(set(places)) == 1


async def test_a_finger_meets_each_marker_and_its_word_stays_with_it(
    practice: Practice, open_screen: Opener
) -> None:
    """On touch a marker takes 44 by 44 pixels, stands on the line of the word before it, and its day is said."""
    screen = await open_screen(viewport=PHONE, has_touch=True, is_mobile=True)
    await asked(screen, practice, "he")
    answer = screen.answers.last
    markers = answer.locator(".pz-ai-marker")
    sizes = await markers.evaluate_all(
        "all => all.map((one) => getComputedStyle(one, '::after'))"
        ".map((box) => [box.width, box.height].map(parseFloat))"
    )
    assert len(sizes) == 3
    assert all(side >= 44 for size in sizes for side in size)
    lines = await answer.locator(".pz-ai-glued").evaluate_all(
        "all => all.map((one) => one.getBoundingClientRect().height"
        " / parseFloat(getComputedStyle(one).lineHeight))"
    )
    assert [round(one) for one in lines] == [1, 1, 1]
    await expect(answer.locator(".pz-ai-text time")).to_have_count(3)


async def test_a_hosts_lines_do_not_leak_in(practice: Practice, open_screen: Opener) -> None:
    """A host that sets its paragraphs wide apart moves none of the chat's."""
    screen = await open_screen(viewport={"width": 390, "height": 844})
    await asked(screen, practice, "en")
    heights = "all => all.map((one) => getComputedStyle(one).lineHeight)"
    nodes = screen.page.locator(".pz-ai :is(p, li, blockquote, h3, h4)")
    before = await nodes.evaluate_all(heights)
    await screen.page.evaluate(
        "document.styleSheets[0].insertRule('p, li, blockquote, h3, h4 { line-height: 3 }')"
    )
    assert await nodes.evaluate_all(heights) == before


async def test_the_box_follows_the_room_it_has(practice: Practice, open_screen: Opener) -> None:
    """A question that needs more lines in a narrower window is still seen whole."""
    screen = await open_screen(viewport={"width": 900, "height": 800})
    await screen.signed_in(practice, language="en")
    await screen.composer.fill(ENGLISH.note)
    await screen.page.set_viewport_size({"width": 320, "height": 800})
    hidden = "node => node.scrollHeight - node.clientHeight"
    assert await screen.composer.evaluate(hidden) <= 0


async def test_a_source_leads_back_to_where_one_read(
    practice: Practice, open_screen: Opener
) -> None:
    """Another client's thread and back again: the reader is where they were."""
    screen = await open_screen(viewport={"width": 390, "height": 600})
    await asked(screen, practice, "en")
    await screen.ask("And what about the MRI?")
    await screen.answered()
    talk = screen.page.locator(".pz-ai-talk")
    client = await screen.page.get_by_test_id("scope").input_value()
    await talk.evaluate("node => node.scrollTo({ top: 77, behavior: 'instant' })")
    await talk.evaluate(
        TWO_FRAMES
    )  # A reader's scrolling is heard of before anything else is pressed.
    await expect(screen.button("aiAgent.newest")).to_be_visible()

    await screen.choose("")
    await expect(screen.answers).to_have_count(0)
    assert await talk.evaluate("node => node.scrollTop") == 0
    await screen.choose(client)
    await expect(screen.answers).to_have_count(2)
    assert await talk.evaluate("node => node.scrollTop") == 77
