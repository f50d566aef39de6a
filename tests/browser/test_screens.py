"""Every state that a person meets, in both directions, both lights and two sizes, held against WCAG.

`make screenshots` keeps what is seen here as pictures.
"""

import json
import os
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from service.demo.provider_stub import Pace
from tests.browser.screen import DESK, PHONE, WEB, House, Opener, Screen
from tests.browser.test_page import SAID, SLOW, Said
from tests.journeys.practice import Practice, open_practice

RISK = {
    "he": "סיפרה שחשבה לפגוע בעצמה בשבוע שעבר.",
    "en": "She said that she thought of hurting herself last week.",
}
KEPT = os.environ.get("SCREENSHOTS")
"""A folder for the pictures; without one none are taken."""


@cache
def axe() -> str:
    return (WEB / "node_modules/axe-core/axe.min.js").read_text()


class Gallery:
    """Holds each state against the rules, and keeps its picture where pictures are wanted."""

    def __init__(self, screen: Screen, name: str) -> None:
        self.screen, self.name = screen, name
        self.faults: list[str] = []

    async def add(self, state: str) -> None:
        page = self.screen.page
        await page.evaluate(axe())
        rules = {
            "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        }
        found: dict[str, Any] = await page.evaluate("rules => axe.run(document, rules)", rules)
        assert found["passes"], "the rules were not read"
        for fault in found["violations"]:
            nodes = [
                f"{node['html'][:160]} {node['failureSummary'][:300]}" for node in fault["nodes"]
            ]
            self.faults.append(
                f"{self.name} {state}: {fault['id']}: {json.dumps(nodes, ensure_ascii=False)}"
            )
        if KEPT:
            await page.screenshot(
                path=Path(KEPT) / f"{self.name}-{state}.png", animations="disabled"
            )


@pytest.fixture
async def furnished(house: House) -> AsyncIterator[Practice]:
    """A practice with a client in each language, each with a note that quotes and one that warns."""
    async with open_practice(house.stage, house.container) as practice:
        for language, said in SAID.items():
            await _fill(practice, language, said)
        await practice.settled()
        yield practice


async def _fill(practice: Practice, language: str, said: Said) -> None:
    first, last = {"he": ("אורה", "גל"), "en": ("Ora", "Gal")}[language]
    client = await practice.client(first, last)
    await practice.note(client, subjective=said.note, plan=said.sentences[1])
    await practice.note(client, subjective=RISK[language], session_date="2026-09-14T09:00:00Z")


@pytest.mark.parametrize(
    ("language", "kind", "light"),
    [
        ("he", "phone", "light"),
        ("he", "desk", "dark"),
        ("en", "phone", "dark"),
        ("en", "desk", "light"),
    ],
)
async def test_every_state_keeps_the_rules(
    furnished: Practice,
    open_screen: Opener,
    house: House,
    language: str,
    kind: str,
    light: str,
) -> None:
    """No state breaks a rule of WCAG 2.2 AA, nor one of axe's best practices."""
    size = PHONE if kind == "phone" else DESK
    screen = await open_screen(viewport=size, color_scheme=light, reduced_motion="reduce")
    gallery = Gallery(screen, f"{language}-{kind}-{light}")
    said = SAID[language]
    await screen.signed_in(furnished, language=language)
    await gallery.add("practice")
    await screen.page.get_by_test_id("scope").select_option(
        label={"he": "אורה גל", "en": "Ora Gal"}[language]
    )
    await gallery.add("empty")

    house.stub.pace = SLOW
    await screen.ask(said.question)
    await expect(screen.answers.last).to_contain_text(said.sentences[0])
    await gallery.add("streaming")
    await screen.button("aiAgent.stop").click()
    await gallery.add("stopped")
    house.stub.pace = Pace()
    await screen.button("aiAgent.errors.retry").click()
    await expect(await screen.answered()).to_contain_text(said.sentences[1])
    await gallery.add("answered")
    await screen.answers.last.locator(".pz-ai-card").first.get_by_role("button").click()
    await expect(screen.page.locator("dialog mark")).to_be_visible()
    await gallery.add("source")
    await screen.page.keyboard.press("Escape")
    await screen.button("aiAgent.feedback.down").click()
    await gallery.add("feedback")
    await screen.button("aiAgent.history.open").click()
    await expect(screen.page.get_by_role("button", name=said.question).first).to_be_visible()
    await gallery.add("history")
    await screen.page.keyboard.press("Escape")
    await screen.page.get_by_test_id("notes").click()
    await expect(screen.page.locator("dialog .note")).to_have_count(2)
    await gallery.add("notes")
    await screen.page.keyboard.press("Escape")
    await screen.page.get_by_test_id("sign-out").click()
    await expect(screen.page.get_by_role("heading", name=screen.t("demo.signInAs"))).to_be_visible()
    await gallery.add("sign-in")

    assert gallery.faults == []
